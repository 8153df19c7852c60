"""Connectors tried without the agent: drayctl connector list, test, try; drayd --check."""
import json
import os
import subprocess

import pytest

from sim import agent as agents

BUILD = agents.build_folder()
PROGRAM = """
if .response == null then
  { send: { method: "PUT", path: "/v1/\\(.vars.company)", query: { k: .key },
            headers: { "If-Match": "*" },
            body: { at: (.events[0].time | local_time), day: (.events[0].time | local_date),
                    lines: [.events[].data.lines[].item.sku] } },
    carry: { step: 1 } }
elif .response.status == 201 then { done: { ref: "\\(.response.body.id)" } }
elif .response.status == 422 then { reject: { code: "bad", message: .response.body } }
else empty end
"""
EVENT = {"id": "01937f3e-6c1a-7b55-9f0e-2f6f3f0c9b11", "type": "receipt",
         "time": "2026-06-21T15:04:05.123+01:00",
         "data": {"document": {"type": "purchase_order", "id": "PO-1"},
                  "lines": [{"line": 1, "item": {"sku": "S-1"}, "quantity": 2, "uom": "EA"}]}}
CANONICAL = {**EVENT, "source": "/dc-muc-1/tc1", "time": "2026-06-21T14:04:05.123Z"}
SEND = {"send": {"method": "PUT", "path": "/v1/ACME",
                 "body": {"at": "2026-06-21T16:04:05+02:00", "day": "2026-06-21", "lines": ["S-1"]}},
        "carry": {"step": 1}}
CASES = [
    {"name": "a receipt is accepted", "vars": {"company": "ACME"}, "events": [CANONICAL],
     "steps": [{"expect": SEND},
               {"response": {"status": 201, "headers": {"Location": "/12"}, "body": {"id": 12}},
                "expect": {"done": {"ref": "12"}}}]},
    {"name": "a refusal has its words", "vars": {"company": "ACME"}, "events": [CANONICAL],
     "carry": {"step": 1},
     "steps": [{"response": {"status": 422, "body": "no such item"},
                "expect": {"reject": {"code": "bad", "message": "no such item"}}}]},
    {"name": "the rest is the engine's", "vars": {"company": "ACME"}, "events": [CANONICAL],
     "steps": [{"expect": SEND}, {"response": {"status": 500}, "expect": None}]},
]
DECLARATION = {"name": "acme", "version": 3, "title": "Acme's API",
               "vars": {"company": {"required": True, "help": "the company's code"}},
               "idempotency": {"mode": "header", "header": "X-Key", "format": "hex"}}


def drayctl(*arguments, stdin=""):
    return subprocess.run([os.path.join(BUILD, "drayctl"), *map(str, arguments)], input=stdin,
                          capture_output=True, text=True, timeout=240)


@pytest.fixture
def acme(tmp_path):
    """The site's own connector, beside its configuration."""
    folder = tmp_path / "connectors" / "acme"
    folder.mkdir(parents=True)
    write(folder, declaration=DECLARATION, program=PROGRAM, cases=CASES)
    return folder


def write(folder, declaration=None, program=None, cases=None):
    if declaration is not None:
        (folder / "connector.json").write_text(json.dumps(declaration))
    if program is not None:
        (folder / "connector.jq").write_text(program)
    if cases is not None:
        (folder / "cases.json").write_text(cases if isinstance(cases, str) else json.dumps(cases))


def configuration(folder, **erp):
    config = agents.configuration(
        folder, 1883, {"erp": {"kind": "http", "connector": "acme", "url": "http://erp.example:80",
                               "vars": {"company": "ACME"}, **erp}},
        {"all": {"to": ["erp"]}}, site="dc-sim-1", timezone="Asia/Kathmandu")
    path = folder / "dray.json"
    path.write_text(json.dumps(config))
    return path


def by_case(folder, case):
    """The cases with the first one changed."""
    write(folder, cases=[{**CASES[0], **case}] + CASES[1:])


# --- test ------------------------------------------------------------------------------------------


def test_cases_that_pass_are_counted(acme):
    done = drayctl("connector", "test", acme)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "ok      a receipt is accepted" in done.stdout
    assert done.stdout.endswith("3 passed, 0 failed\n")


def test_a_connector_is_found_by_its_name_beside_the_configuration(acme, tmp_path):
    done = drayctl("connector", "test", "acme", "--config", tmp_path / "dray.json")
    assert done.returncode == 0, done.stderr


def test_a_case_that_fails_shows_what_differs_and_no_more(acme):
    write(acme, program=PROGRAM.replace('"PUT"', '"POST"'))
    done = drayctl("connector", "test", acme)
    assert done.returncode == 1
    assert "FAILED  a receipt is accepted\n        step 1 (deliver):" in done.stdout
    lines = [line.strip() for line in done.stdout.split("\n")]
    assert any(line.startswith("- ") and '"PUT"' in line for line in lines)
    assert any(line.startswith("+ ") and '"POST"' in line for line in lines)
    assert "If-Match" not in done.stdout  # no case names it
    assert done.stdout.endswith("1 passed, 2 failed\n")


@pytest.mark.parametrize("change", [
    {"steps": [{"expect": {"send": {"path": "/v1/ACME"}}}]},  # the carry is not named
    {"steps": [{"expect": {"send": {"nothing": 1}, "carry": {"step": 1}}}]},
    {"steps": [{"expect": None}]},
    {"steps": [{"expect": {"done": {"ref": "12"}}}]},
    {"steps": [{"expect": SEND}, {"response": {"status": 201, "body": {"id": 13}},
                                  "expect": {"done": {"ref": "12"}}}]},
    {"steps": [{"expect": SEND}, {"response": {"status": 500}, "expect": {"done": {}}}]},
    {"vars": {"company": "OTHER"}},
    {"vars": {}},
    {"vars": {"company": "ACME", "more": 1}},
])
def test_an_expectation_that_is_not_met_fails_the_case(acme, change):
    by_case(acme, change)
    done = drayctl("connector", "test", acme)
    assert done.returncode == 1
    assert "FAILED  a receipt is accepted" in done.stdout
    assert "2 passed, 1 failed" in done.stdout


@pytest.mark.parametrize("change", [
    {"steps": [{"expect": {**SEND, "done": None}}]},  # a member that is null is none
    {"steps": [{"expect": {"send": {}, "carry": {"step": 1}}}]},
    {"steps": [{"expect": SEND}, {"expect": SEND}]},  # tried again
    {"steps": [{"expect": SEND}, {"op": "lookup", "expect": SEND},
               {"response": {"status": 201, "body": "{\"id\": 12}"},
                "expect": {"done": {"ref": "12"}}}]},
])
def test_what_is_as_good_passes(acme, change):
    by_case(acme, change)
    done = drayctl("connector", "test", acme)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("output, words", [
    ({"send": {"path": "/", "headers": {"Host": "x"}}}, "send.headers.Host"),
    ({"absent": {}}, "absent"),
    ({"done": {}, "reject": {"code": "x"}}, ""),
    ({"sent": {}}, "sent"),
])
def test_an_output_that_the_engine_would_not_take_fails_though_expected(acme, output, words):
    write(acme, program=json.dumps(output),
          cases=[{**CASES[0], "steps": [{"expect": output}]}])
    done = drayctl("connector", "test", acme)
    assert done.returncode == 1
    assert "the engine would not take this output" in done.stdout and words in done.stdout


@pytest.mark.parametrize("program, words", [
    ("nope", "the program failed: the program doesn't compile: nope/0 is not defined, line 1"),
    ("error(\"no such thing\")", "the program failed: no such thing"),
    ("1, 2", "more than one output"),
    ("def f: f; f", "longer than 1000 ms"),
    ("now", "now is not to be had"),
])
def test_a_program_that_fails_says_how(acme, program, words):
    write(acme, program=program, cases=CASES[:1])
    done = drayctl("connector", "test", acme)
    assert done.returncode == 1
    assert words in done.stdout


@pytest.mark.parametrize("cases, words", [
    ("[", "cases.json:1:"),
    ("{}", "must be an array"),
    ("[]", "at least one case"),
    ([{**CASES[0], "step": []}], "cases.json[0].step: is no member"),
    ([CASES[0], {**CASES[0], "name": 5}], "cases.json[1].name"),
    ([{**CASES[0], "events": []}], "cases.json[0].events"),
    ([{**CASES[0], "op": "poll"}], "cases.json[0].op"),
    ([{**CASES[0], "steps": [{"response": {"status": 200}, "expect": None}]}],
     "cases.json[0].steps[0].response: there is none before something was sent"),
    ([{**CASES[0], "steps": [{"expct": None}]}], "cases.json[0].steps[0].expct: is no member"),
    ([{**CASES[0], "steps": [{}]}], "cases.json[0].steps[0].expect"),
    ([{**CASES[0], "steps": [{"expect": None}, {"response": {"status": "200"}, "expect": None}]}],
     "cases.json[0].steps[1].response.status"),
])
def test_cases_of_another_form_are_refused_by_their_place(acme, cases, words):
    write(acme, cases=cases)
    done = drayctl("connector", "test", acme)
    assert done.returncode == 1
    assert words in done.stderr, done.stderr


def test_json_is_for_programs(acme):
    write(acme, program=PROGRAM.replace('"PUT"', '"POST"'))
    done = drayctl("--json", "connector", "test", acme)
    rows = json.loads(done.stdout)
    assert done.returncode == 1
    assert [row["passed"] for row in rows] == [False, True, False]
    assert "POST" in rows[0]["diff"] and rows[1]["diff"] == ""


def test_what_cannot_be_tested_says_why(acme, tmp_path):
    assert "there is no connector \"nobody\"" in drayctl("connector", "test", "nobody").stderr
    assert "no connector.json" in drayctl("connector", "test", tmp_path).stderr
    assert "declared" in drayctl("connector", "test", "rest").stderr or \
        "no cases.json" in drayctl("connector", "test", "rest").stderr
    assert drayctl("connector", "test").returncode == 2
    os.unlink(acme / "cases.json")
    done = drayctl("connector", "test", acme)
    assert done.returncode == 1 and "no cases.json" in done.stderr


def test_every_connector_that_ships_passes_its_cases():
    folder = os.path.join(agents.ROOT, "agent/connectors")
    names = [name for name in sorted(os.listdir(folder))
             if any(os.path.exists(os.path.join(folder, name, cases))
                    for cases in ("cases.json", "adapter_cases.json"))]
    done = drayctl("connector", "test", *names)
    assert names and done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert " 0 failed" in done.stdout


# --- list ------------------------------------------------------------------------------------------


def test_list_names_the_sites_own_and_those_that_came(acme, tmp_path):
    (tmp_path / "connectors" / "broken").mkdir()
    (tmp_path / "connectors" / "broken" / "connector.json").write_text("{")
    (tmp_path / "connectors" / "empty").mkdir()
    rows = json.loads(drayctl("--json", "connector", "list", "--config",
                              tmp_path / "dray.json").stdout)
    known = {row["name"]: row for row in rows}
    assert known["acme"]["cases"] == 3 and known["acme"]["kind"] == "program"
    assert known["acme"]["title"] == "Acme's API" and known["acme"]["version"] == 3
    assert known["rest"]["kind"] == "declared" and "flaw" not in known["rest"]
    assert known["broken"]["flaw"] and "empty" not in known
    shown = drayctl("connector", "list", "--config", tmp_path / "dray.json")
    assert shown.returncode == 0 and "Acme's API" in shown.stdout


# --- try -------------------------------------------------------------------------------------------


def test_try_shows_the_request_of_a_short_event(acme, tmp_path):
    (tmp_path / "event.json").write_text(json.dumps(EVENT))
    done = drayctl("connector", "try", acme, "--event", tmp_path / "event.json",
                   "--var", "company=ACME")
    assert done.returncode == 0, done.stderr
    head, body, carry = done.stdout.split("\n\n")
    lines = head.split("\n")
    key = lines[2].split(": ")[1]
    assert lines == ["PUT {url}/v1/ACME?k=" + key, "Content-Type: application/json",
                     "X-Key: " + key, "If-Match: *"]
    assert len(key) == 32 and set(key) <= set("0123456789abcdef")
    assert json.loads(body) == SEND["send"]["body"]
    assert json.loads(carry[len("carry: "):]) == {"step": 1}


def test_try_takes_what_a_destination_says(acme, tmp_path):
    config = configuration(tmp_path, idempotency={"header": "X-Other"})
    done = drayctl("connector", "try", "acme", "--event", "-", "--config", config,
                   "--destination", "erp", stdin=json.dumps(EVENT))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("PUT http://erp.example:80/v1/ACME?k=")
    assert "\nX-Other: " in done.stdout
    assert "2026-06-21T19:49:05+05:45" in done.stdout  # the site's zone


def test_try_takes_canonical_events_and_several(acme, tmp_path):
    events = [CANONICAL, {**CANONICAL, "id": "01937f3e-6c1a-7b55-9f0e-2f6f3f0c9b12"}]
    done = drayctl("connector", "try", acme, "--event", "-", "--var", "company=ACME",
                   stdin=json.dumps(events))
    assert done.returncode == 0 and done.stdout.count("PUT {url}/v1/ACME") == 2
    write(acme, declaration={**DECLARATION, "batch": {"max": 10}})
    done = drayctl("connector", "try", acme, "--event", "-", "--var", "company=ACME",
                   stdin=json.dumps(events))
    assert done.stdout.count("PUT {url}/v1/ACME") == 1 and done.stdout.count("S-1") == 2


def test_try_shows_what_a_declared_connector_sends():
    done = drayctl("connector", "try", "rest", "--event", "-", "--var", "path=/events",
                   stdin=json.dumps(EVENT))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("POST {url}/events\n")
    body = json.loads(done.stdout.split("\n\n")[1])
    assert body["time"] == "2026-06-21T14:04:05.123Z" and body["data"]["lines"][0]["quantity"] == "2"


def test_try_gives_programs_the_output_itself(acme):
    done = drayctl("--json", "connector", "try", acme, "--event", "-", "--var", "company=ACME",
                   stdin=json.dumps(EVENT))
    assert json.loads(done.stdout)["send"]["headers"] == {"If-Match": "*"}


@pytest.mark.parametrize("program, code, shown", [
    ('{reject: {code: "bad", message: "no item", field: "/data"}}', 1, "reject bad no item /data\n"),
    ('{done: {ref: "R-1"}}', 0, "done R-1\n"),
    ('{hold: {reason: "closed"}}', 1, "hold closed\n"),
    ('empty', 1, ""),
])
def test_try_says_when_nothing_would_be_sent(acme, program, code, shown):
    write(acme, program=program)
    done = drayctl("connector", "try", acme, "--event", "-", "--var", "company=ACME",
                   stdin=json.dumps(EVENT))
    assert (done.returncode, done.stdout) == (code, shown), done.stderr
    assert shown or "there is nothing to send" in done.stderr


@pytest.mark.parametrize("arguments, stdin, code, words", [
    ([], EVENT, 2, "--event FILE"),
    (["--event", "/nonexistent"], EVENT, 1, "cannot open /nonexistent"),
    (["--event", "-"], EVENT, 1, "vars.company: required by the connector: the company's code"),
    (["--event", "-", "--var", "company"], EVENT, 2, "must be NAME=VALUE"),
    (["--event", "-", "--var", "company={"], EVENT, 2, "no JSON"),
    (["--event", "-", "--var", "company=A"], {**EVENT, "time": "x"}, 1, "event 1: /time"),
    (["--event", "-", "--var", "company=A"], [], 1, "must hold 1 to"),
    (["--event", "-", "--var", "company=A"], 5, 1, "must be a JSON object"),
    (["--event", "-", "--destination", "erp", "--config", "/nonexistent"], EVENT, 1,
     "/nonexistent"),
])
def test_try_says_what_is_missing(acme, arguments, stdin, code, words):
    done = drayctl("connector", "try", acme, *arguments, stdin=json.dumps(stdin))
    assert done.returncode == code
    assert words in done.stderr, done.stderr


# --- drayd --check ---------------------------------------------------------------------------------


def check(config):
    return subprocess.run([os.path.join(BUILD, "drayd"), "--config", str(config), "--check"],
                          capture_output=True, text=True, timeout=240)


def test_check_runs_the_cases_of_what_is_configured(acme, tmp_path):
    config = configuration(tmp_path)
    done = check(config)
    assert done.returncode == 0, done.stderr
    write(acme, program=PROGRAM.replace('"PUT"', '"POST"'))
    done = check(config)
    assert done.returncode == 1
    assert "acme: 2 of 3 cases failed" in done.stderr
    assert "drayctl connector test" in done.stderr


def test_check_compiles_a_program_that_has_no_cases(acme, tmp_path):
    config = configuration(tmp_path)
    os.unlink(acme / "cases.json")
    assert check(config).returncode == 0
    write(acme, program="nope")
    done = check(config)
    assert done.returncode == 1 and "acme: the program doesn't compile: nope/0" in done.stderr


def test_check_leaves_connectors_alone_that_nobody_uses(acme, tmp_path):
    other = tmp_path / "connectors" / "other"
    other.mkdir()
    write(other, declaration={**DECLARATION, "name": "other"}, program="nope", cases=CASES)
    assert check(configuration(tmp_path)).returncode == 0
