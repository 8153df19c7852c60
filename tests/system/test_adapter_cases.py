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
