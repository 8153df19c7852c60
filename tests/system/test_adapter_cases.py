"""Adapters tried without the agent: drayctl connector list and test of what comes in."""
import json

import pytest

from test_connector import drayctl

PROGRAM = """
if .payload.bad then error("no tag in it")
elif .payload | has("raw") then .payload.raw
elif .payload.tags then
  . as $in | [.payload.tags[] | { id: ., type: $in.vars.type, time: $in.received,
    device: $in.source, data: { dock: $in.vars.dock, via: ($in.topic // $in.headers.via) } }]
else empty end
"""
DECLARATION = {"name": "gate", "version": 2, "title": "Acme's gate", "payload": "json",
               "vars": {"dock": {"required": True, "help": "where the gate stands"},
                        "type": {"default": "receipt"}}}
EVENT = {"id": "T1", "type": "receipt", "time": "2026-11-21T14:04:05.301Z", "device": "case",
         "data": {"dock": "D4", "via": None}}
CASE = {"name": "a tag is an event", "payload": {"tags": ["T1"]}, "vars": {"dock": "D4"},
        "events": [EVENT]}
CASES = [
    CASE,
    {"name": "topic, source and time are told", "payload": {"tags": ["T1"]},
     "vars": {"dock": "D4", "type": "count"}, "topic": "gate/1", "source": "portal",
     "received": "2026-11-22T00:00:00Z",
     "events": [{**EVENT, "type": "count", "device": "portal", "time": "2026-11-22T00:00:00.000Z",
                 "data": {"dock": "D4", "via": "gate/1"}}]},
    {"name": "headers are told in lower case", "payload": {"tags": ["T1"]}, "vars": {"dock": "D4"},
     "headers": {"Via": "hook"}, "events": [{**EVENT, "data": {"dock": "D4", "via": "hook"}}]},
    {"name": "a heartbeat says nothing", "payload": {"beat": 1}, "vars": {"dock": "D4"},
     "events": []},
    {"name": "one event needs no array", "payload": {"raw": EVENT}, "vars": {"dock": "D4"},
     "events": [EVENT]},
    {"name": "what has no tag fails", "payload": {"bad": True}, "vars": {"dock": "D4"},
     "fails": "no tag"},
    {"name": "what is no event fails", "payload": {"raw": [EVENT, 7]}, "vars": {"dock": "D4"},
     "fails": "something else than events"},
]


@pytest.fixture
def gate(tmp_path):
    folder = tmp_path / "connectors" / "gate"
    folder.mkdir(parents=True)
    write(folder, declaration=DECLARATION, program=PROGRAM, cases=CASES)
    return folder


def write(folder, declaration=None, program=None, cases=None):
    if declaration is not None:
        (folder / "adapter.json").write_text(json.dumps(declaration))
    if program is not None:
        (folder / "adapter.jq").write_text(program)
    if cases is not None:
        (folder / "adapter_cases.json").write_text(json.dumps(cases))


def test_cases_that_pass_are_counted(gate):
    done = drayctl("connector", "test", gate)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "ok      a tag is an event" in done.stdout
    assert done.stdout.endswith("7 passed, 0 failed\n")


def test_a_case_that_fails_shows_what_differs(gate):
    write(gate, cases=[{**CASE, "events": [{**EVENT, "id": "T2"}]}])
    done = drayctl("connector", "test", gate)
    lines = [line.strip() for line in done.stdout.split("\n")]
    assert done.returncode == 1
    assert any(line.startswith("- ") and '"T2"' in line for line in lines)
    assert any(line.startswith("+ ") and '"T1"' in line for line in lines)
    assert not any("dock" in line and line[0] in "+-" for line in lines if line)


@pytest.mark.parametrize("change, shown", [
    ({"events": []}, "- []"),
    ({"events": [EVENT, EVENT]}, "- "),
    ({"payload": {"beat": 1}}, "+ []"),
    ({"payload": {"bad": 1}}, "the program failed: no tag in it"),
    ({"payload": {"raw": "text"}}, "the program failed: gave what is neither an event"),
    ({"vars": {}}, "vars.dock: required by the adapter: where the gate stands"),
    ({"vars": {"dock": "D4", "dok": 1}}, "vars.dok: the adapter has no such setting"),
])
def test_what_differs_fails(gate, change, shown):
    write(gate, cases=[{**CASE, **change}])
    done = drayctl("connector", "test", gate)
    assert done.returncode == 1 and shown in done.stdout
    assert done.stdout.endswith("0 passed, 1 failed\n")


@pytest.mark.parametrize("payload, shown", [
    ({"tags": ["T1"]}, "+ [{"), ({"bad": 1}, "+ it fails: no tag in it"), ({}, "+ []")])
def test_what_should_fail_and_does_not_so_fails(gate, payload, shown):
    write(gate, cases=[{"name": "x", "payload": payload, "vars": {"dock": "D4"},
                        "fails": "otherwise"}])
    done = drayctl("connector", "test", gate)
    assert done.returncode == 1 and "- it fails: otherwise" in done.stdout
    assert shown in done.stdout


@pytest.mark.parametrize("cases, where", [
    ([], "adapter_cases.json: must be an array"),
    ([{**CASE, "nmae": 1}], "adapter_cases.json[0].nmae: is no member"),
    ([CASE, {**CASE, "fails": "x"}], "adapter_cases.json[1].events: either"),
    ([{"name": "x", "payload": 1}], "adapter_cases.json[0].events: either"),
    ([{"name": "x", "events": []}], "adapter_cases.json[0].payload: is missing"),
    ([{**CASE, "received": "noon"}], "adapter_cases.json[0].received"),
    ([{**CASE, "topic": 7}], "adapter_cases.json[0].topic"),
    ([{**CASE, "headers": {"a": 1}}], "adapter_cases.json[0].headers"),
])
def test_cases_of_another_form_are_refused(gate, cases, where):
    write(gate, cases=cases)
    done = drayctl("connector", "test", gate)
    assert done.returncode == 1 and where in done.stderr


@pytest.mark.parametrize("change, where", [
    ({"payload": "xml"}, "adapter.json.payload: must be"),
    ({"payload": None}, "adapter.json.payload: must be"),
    ({"version": 0}, "adapter.json.version: must be"),
    ({"title": None}, "adapter.json.title: must be"),
    ({"name": "a b"}, "adapter.json.name: must be"),
    ({"url": "x"}, "adapter.json.url: is not known here"),
    ({"vars": {"dock": {"require": True}}}, "adapter.json.vars.dock.require"),
])
def test_a_declaration_of_another_form_is_refused(gate, change, where):
    write(gate, declaration={**DECLARATION, **change})
    done = drayctl("connector", "test", gate)
    assert done.returncode == 1 and where in done.stderr


def test_text_and_bytes_are_strings_in_a_case(gate):
    write(gate, declaration={**DECLARATION, "payload": "bytes"},
          program='{ id: (.payload | @base64d) }',
          cases=[{"name": "bytes", "payload": "VDE=", "vars": {"dock": "D4"},
                  "events": [{"id": "T1"}]}])
    assert drayctl("connector", "test", gate).returncode == 0
    write(gate, cases=[{"name": "bytes", "payload": "VDE", "vars": {"dock": "D4"}, "events": []}])
    assert "must be bytes in base64" in drayctl("connector", "test", gate).stderr
    write(gate, declaration={**DECLARATION, "payload": "text"}, program="{ id: .payload }",
          cases=[{"name": "text", "payload": "T\u00e41", "vars": {"dock": "D4"},
                  "events": [{"id": "T\u00e41"}]}])
    assert drayctl("connector", "test", gate).returncode == 0
    write(gate, cases=[{"name": "text", "payload": 7, "vars": {"dock": "D4"}, "events": []}])
    assert "must be a string" in drayctl("connector", "test", gate).stderr


def test_a_folder_with_both_sides_is_tested_and_listed_as_both(gate, tmp_path):
    (gate / "connector.json").write_text(json.dumps({"name": "gate", "version": 1}))
    (gate / "connector.jq").write_text("{ send: {} }")
    (gate / "cases.json").write_text(json.dumps([
        {"name": "goes out", "events": [EVENT], "steps": [{"expect": {"send": {}}}]}]))
    done = drayctl("connector", "test", "gate", "--config", tmp_path / "dray.json")
    assert done.returncode == 0 and done.stdout.endswith("8 passed, 0 failed\n")
    rows = json.loads(drayctl("--json", "connector", "test", gate).stdout)
    assert {row["name"]: row["direction"] for row in rows}["goes out"] == "out"
    assert [row["direction"] for row in rows].count("in") == 7
    rows = json.loads(drayctl("--json", "connector", "list", "--config",
                              tmp_path / "dray.json").stdout)
    mine = {row["direction"]: row for row in rows if row["name"] == "gate"}
    assert (mine["out"]["version"], mine["out"]["cases"]) == (1, 1)
    assert (mine["in"]["version"], mine["in"]["cases"]) == (2, 7)
    assert mine["in"]["title"] == "Acme's gate"
    assert all(row["direction"] in ("in", "out") for row in rows)


def test_what_cannot_be_tested_says_why(gate):
    (gate / "adapter_cases.json").unlink()
    assert "no adapter_cases.json in this folder" in drayctl("connector", "test", gate).stderr
    (gate / "adapter.jq").unlink()
    assert "no adapter.jq in this folder" in drayctl("connector", "test", gate).stderr


# --- try -------------------------------------------------------------------------------------------

GOOD = {"id": "T1", "type": "receipt", "time": "2026-11-21T15:04:05+01:00", "device": "portal-1",
        "data": {"document": {"type": "asn", "id": "A"},
                 "lines": [{"line": 1, "item": {"sku": "S"}, "quantity": "2.50", "uom": "EA"}]}}


def attempt(folder, message, *more):
    return drayctl("connector", "try", folder, "--message", "-", "--var", "dock=D4", *more,
                   stdin=message if isinstance(message, str) else json.dumps(message))


def test_try_shows_what_the_agent_would_store(gate):
    done = attempt(gate, {"raw": [GOOD, {**GOOD, "id": "T2"}]})
    assert done.returncode == 0 and done.stdout.count("taken") == 2, done.stderr
    assert '"quantity":\t"2.5"' in done.stdout and '"/dc-muc-1/portal-1"' in done.stdout
    rows = json.loads(attempt(gate, {"raw": GOOD}, "--site", "dc-9", "--json").stdout)
    assert [row["status"] for row in rows] == ["taken"]
    assert rows[0]["event"]["source"] == "/dc-9/portal-1"


def test_try_shows_why_an_event_would_be_refused(gate):
    bad = json.loads(json.dumps(GOOD).replace('"2.50"', '"many"'))
    done = attempt(gate, {"raw": [bad, GOOD]})
    assert done.returncode == 1
    assert "rejected quantity_invalid /data/lines/0/quantity" in done.stdout
    assert "taken" in done.stdout
    rows = json.loads(attempt(gate, {"raw": [bad, GOOD]}, "--json").stdout)
    assert [(row["status"], row.get("field")) for row in rows] == [
        ("rejected", "/data/lines/0/quantity"), ("taken", None)]


@pytest.mark.parametrize("message, shown", [
    ({"bad": 1}, "rejected map_failed adapter gate: no tag in it"),
    ({"raw": 7}, "rejected map_failed adapter gate: gave what is neither an event"),
    ('{"bad":', "rejected bad_json"),
    ("", "rejected bad_json adapter gate: no event in the message"),
])
def test_try_shows_why_nothing_comes_of_a_message(gate, message, shown):
    done = attempt(gate, message)
    assert done.returncode == 1 and shown in done.stdout


def test_try_asks_once_a_value_and_says_when_there_is_no_event(gate):
    assert attempt(gate, json.dumps({"raw": GOOD}) * 3).stdout.count("taken") == 3
    done = attempt(gate, {"beat": 1})
    assert done.returncode == 0 and "no event" in done.stdout


def test_try_tells_topic_and_headers(gate):
    tags = {"tags": ["T1"]}
    rows = json.loads(attempt(gate, tags, "--topic", "gate/1", "--json").stdout)
    assert rows[0]["event"]["data"]["via"] == "gate/1"
    rows = json.loads(attempt(gate, tags, "--header", "Via: hook", "--json").stdout)
    assert rows[0]["event"]["data"]["via"] == "hook"
    nameless = {key: value for key, value in GOOD.items() if key not in ("device", "type")}
    rows = json.loads(attempt(gate, {"raw": nameless}, "--topic",
                              "dray/v1/dc-muc-1/event/count/tc1", "--json").stdout)
    assert (rows[0]["event"]["device"], rows[0]["event"]["type"]) == ("tc1", "count")
    assert attempt(gate, tags, "--header", "Via").returncode == 2


def test_try_takes_the_vars_of_a_source(gate, tmp_path):
    config = tmp_path / "dray.json"
    config.write_text(json.dumps({"site": "dc-9", "sources": {
        "portal": {"topic": "gate/#", "adapter": "gate", "vars": {"dock": "D9"}}}}))
    done = drayctl("connector", "try", "gate", "--message", "-", "--source", "portal", "--config",
                   config, "--json", stdin=json.dumps({"tags": ["T1"]}))
    event = json.loads(done.stdout)[0]["event"]
    assert (event["data"]["dock"], event["device"]) == ("D9", "portal")
    done = drayctl("connector", "try", "gate", "--message", "-", "--source", "nobody", "--config",
                   config)
    assert done.returncode == 1 and "no source or hook nobody" in done.stderr


def test_try_refuses_the_types_that_a_source_may_not_send(gate, tmp_path):
    config = tmp_path / "dray.json"
    source = {"topic": "gate/#", "adapter": "gate", "vars": {"dock": "D9"}}
    for types, reason in ((["pick", "ship"], "not_allowed"), (["receipt"], None)):
        config.write_text(json.dumps({"site": "dc-9",
                                      "sources": {"portal": {**source, "types": types}}}))
        done = drayctl("connector", "try", "gate", "--message", "-", "--source", "portal",
                       "--config", config, "--json", stdin=json.dumps({"raw": GOOD}))
        row, = json.loads(done.stdout)
        assert (done.returncode, row.get("reason")) == (1 if reason else 0, reason)


def test_try_says_where_it_looked_for_what_is_not_there(gate, tmp_path):
    config = tmp_path / "dray.json"
    config.write_text('{"site": "dc-9"}')
    for side in ("--message", "--event"):
        done = drayctl("connector", "try", "nobody", side, "-", "--config", config, stdin="{}")
        assert done.returncode == 1
        assert 'there is no connector "nobody", and no adapter' in done.stderr
        assert "%s/connectors, /usr/share/dray/connectors and " % tmp_path in done.stderr
    done = drayctl("connector", "try", gate, "--event", "-", stdin="{}")
    assert done.returncode == 1 and "this is no connector, but an adapter" in done.stderr
    done = drayctl("connector", "try", "rest", "--message", "-", stdin="{}")
    assert done.returncode == 1 and "this is no adapter, but a connector" in done.stderr


def test_try_wants_a_message_or_an_event(gate):
    assert drayctl("connector", "try", gate).returncode == 2
    assert drayctl("connector", "try", gate, "--message", "-", "--event", "-").returncode == 2
    assert "dock: required" in drayctl("connector", "try", gate, "--message", "-").stderr
