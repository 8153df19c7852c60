"""The JSON Schemas that ship, the agent that validates, and a validator that nobody here wrote."""
import json
import os
import re
import subprocess

import jsonschema
import pytest

from sim import agent as agents
from sim import events, long

FOLDER = os.path.join(agents.ROOT, "packaging/schemas")
TABLE = os.path.join(agents.ROOT, "common/event_types.c")
COUNT = long.count(2000, 50000)


def printed(kind):
    binary = os.path.join(agents.build_folder(), "drayd")
    return subprocess.run([binary, "--print-schema=" + kind], capture_output=True, text=True,
                          check=True, timeout=240).stdout


def types():
    with open(TABLE) as text:
        return re.findall(r'^\t\{ "([a-z.]+)", SHAPE', text.read(), re.M)


@pytest.mark.heavy
def test_each_type_has_a_schema_and_what_ships_is_what_the_agent_prints():
    assert len(types()) >= 23
    assert sorted(os.listdir(FOLDER)) == sorted(kind + ".json" for kind in types())
    for kind in types():
        text = printed(kind)
        jsonschema.Draft202012Validator.check_schema(json.loads(text))
        with open(os.path.join(FOLDER, kind + ".json")) as shipped:
            assert shipped.read() == text, "drayd --print-schema=%s > packaging/schemas/%s.json" % (
                kind, kind)


def test_a_type_that_is_not_known_has_none():
    binary = os.path.join(agents.build_folder(), "drayd")
    done = subprocess.run([binary, "--print-schema=parcel"], capture_output=True, text=True,
                          check=False, timeout=240)
    assert (done.returncode, done.stdout) == (1, "")
    assert 'no event type "parcel"' in done.stderr


def verdicts(agent, made):
    """What the agent says of each: "", or its reason and field."""
    path = os.path.join(agent.folder, "made.json")
    with open(path, "w") as out:
        json.dump(made, out)
    return ["" if ack["status"] in ("stored", "duplicate")
            else "%s %s: %s" % (ack["reason"], ack["field"], ack["message"])
            for ack in agent.ask("events", "send", path)]


@pytest.mark.heavy
def test_the_agent_and_jsonschema_agree_on_events_right_and_wrong(site):
    """What the schema refuses the agent refuses, and the other way round."""
    agent = site.agent()
    kinds = types()
    maker = events.Maker(int(os.environ.get("DRAY_SEED", "20261122")))
    validators = {kind: jsonschema.Draft202012Validator(json.loads(printed(kind))) for kind in kinds}
    made = []
    for number in range(COUNT):
        kind = kinds[number % len(kinds)]
        made.append((kind, maker.event(validators[kind].schema, number)))
    good = bad = 0
    differ = []
    for start in range(0, COUNT, 100):
        part = made[start:start + 100]
        for kind, event in part:
            if event.get("type") is None:
                event["type"] = kind  # elsewhere the topic says it
        for (kind, event), verdict in zip(part, verdicts(agent, [event for _, event in part])):
            flaws = [flaw.json_path + " " + flaw.message[:200]
                     for flaw in validators[kind].iter_errors(event)]
            good += not verdict
            bad += bool(verdict)
            if bool(flaws) != bool(verdict):
                differ.append((verdict or "stored", flaws, event))
    assert not differ, "%d differ; the first: %s" % (len(differ), json.dumps(differ[0], indent=1))
    assert good >= COUNT // 5 and bad >= COUNT // 5, (good, bad)
