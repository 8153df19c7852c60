"""Configuration: checked as a whole, merged by name, swapped or left alone."""
import itertools
import json
import os
import subprocess
import time

import pytest

from sim import agent as agents
from sim import shims, wait
from sim.site import destination, receipt, wait_applied


def drayd(*arguments):
    return subprocess.run([os.path.join(agents.build_folder(), "drayd"), *map(str, arguments)],
                          capture_output=True, text=True, timeout=240)


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


def test_version_is_one_line():
    done = drayd("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("drayd ") and done.stdout.count("\n") == 1


def test_print_schema_is_a_schema_that_the_defaults_and_the_example_of_a_test_fit(tmp_path):
    schema = json.loads(drayd("--print-schema").stdout)
    assert schema["$schema"].startswith("https://json-schema.org/draft/2020-12")
    jsonschema = pytest.importorskip("jsonschema")
    config = agents.configuration(tmp_path, 1883, {"erp": agents.destination("http://127.0.0.1")},
                                  {"all": {"to": ["erp"]}})
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(config, schema, jsonschema.Draft202012Validator)
    config["destinations"]["erp"]["retry"]["max"] = "long"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(config, schema, jsonschema.Draft202012Validator)


def test_print_defaults_is_a_configuration_that_checks(tmp_path):
    done = drayd("--print-defaults")
    assert done.returncode == 0
    checked = drayd("--config", write(tmp_path / "dray.json", done.stdout), "--check")
    # Complete but for what only the site knows.
    assert checked.returncode == 0 or "site" in checked.stderr


def test_check_says_yes_and_opens_nothing(tmp_path):
    config = agents.configuration(tmp_path, 1883, {"erp": agents.destination("http://127.0.0.1")},
                                  {"all": {"to": ["erp"]}})
    done = drayd("--config", write(tmp_path / "dray.json", config), "--check")
    assert done.returncode == 0, done.stderr
    assert not os.path.exists(os.path.join(config["state_dir"], "dray.db"))


@pytest.mark.parametrize("patch, path", [
    ({"destinations": {"erp": {"retry": {"max": "never"}}}}, "destinations.erp.retry.max"),
    ({"destinations": {"erp": {"concurrency": 0}}}, "destinations.erp.concurrency"),
    ({"destinations": {"erp": {"concurency": 4}}}, "destinations.erp.concurency"),
    ({"destinations": {"erp": {"url": "ftp:/nowhere"}}}, "destinations.erp.url"),
    ({"destinations": {"erp": {"connector": "no-such"}}}, "no-such"),
    ({"destinations": {"erp": {"batch": {"max": 10}, "idempotency": {"mode": "none"}}}},
     "destinations.erp"),
    ({"routes": {"all": {"to": ["nobody"]}}}, "routes.all.to"),
    ({"routes": {"all": {"when": 7}}}, "routes.all.when"),
    ({"mqtt": {"port": 70000}}, "mqtt.port"),
    ({"timezone": "Mars/X"}, "timezone: there is no zone"),
    ({"destinations": {"erp": {"auth": {"type": "bearer", "token": {"file": "/no/such/file"}}}}},
     "destinations.erp.auth.token: the secret in the file /no/such/file can't be opened"),
    ({"destinations": {"erp": {"vars": {"path": "events"}}}}, "destinations.erp.vars.path: "),
    ({"destinations": {"erp": {"timeout": 5}}}, '"30s"'),
    ({"site": "a/b"}, "site"),
    ({"sources": {"x": {"topic": "a/#/b"}}}, "sources.x.topic"),
    ({"store": {"max_bytes": "much"}}, "store.max_bytes"),
    ({"log": {"level": "loud"}}, "log.level"),
    ({"colour": "blue"}, "colour"),
])
def test_check_names_the_path_of_what_is_wrong(tmp_path, patch, path):
    config = agents.configuration(tmp_path, 1883, {"erp": agents.destination("http://127.0.0.1")},
                                  {"all": {"to": ["erp"]}})
    agents.merge(config, patch)
    done = drayd("--config", write(tmp_path / "dray.json", config), "--check")
    assert done.returncode == 1
    assert path in done.stderr


ACME = {"name": "acme", "version": 1, "request": {"path": "/in"}, "timeout": "9s",
        "vars": {"company": {"required": True, "help": "the company's code"}}}


@pytest.mark.parametrize("declared, patch, words", [
    ({}, {"vars": {"company": "A"}}, None),
    ({"settle": "9d"}, {"vars": {"company": "A"}, "settle": "1h"}, None),
    ({"settle": "9d"}, {"vars": {"company": "A"}},
     "destinations.erp.settle: must be between 0ms and 1d (declared by connector acme"),
    ({"colour": 1}, {"vars": {"company": "A"}},
     "destinations.erp.colour: unknown key (declared by connector acme"),
    ({}, {}, "destinations.erp.vars.company: required by the connector: the company's code"),
    ({}, {"vars": {"company": "A", "compny": "B"}}, "destinations.erp.vars.compny: "),
    ({"vars": {"company": {"requird": True}}}, {}, "erp.connector.vars.company.requird: "),
])
def test_check_reads_what_the_connector_declares(tmp_path, declared, patch, words):
    erp = agents.destination("http://127.0.0.1")
    erp.pop("vars", None)
    config = agents.configuration(tmp_path, 1883, {"erp": {**erp, "connector": "acme", **patch}},
                                  {"all": {"to": ["erp"]}})
    (tmp_path / "connectors").mkdir()
    write(tmp_path / "connectors/acme/connector.json", {**ACME, **declared})
    done = drayd("--config", write(tmp_path / "dray.json", config), "--check")
    assert done.returncode == (1 if words else 0), done.stderr
    assert (words or "") in done.stderr


def test_a_syntax_error_names_file_and_line(tmp_path):
    done = drayd("--config", write(tmp_path / "dray.json", '{\n  "site": "x",\n  oops\n}'), "--check")
    assert done.returncode == 1
    assert "dray.json" in done.stderr and "3" in done.stderr


def test_comments_are_allowed(tmp_path):
    text = '// ours\n{ "site": "dc-1", /* here */ "mqtt": { "host": "127.0.0.1" } }\n'
    done = drayd("--config", write(tmp_path / "dray.json", text), "--check")
    assert done.returncode == 0, done.stderr


def test_files_in_conf_d_add_change_and_remove_by_name(site):
    erp, tms = site.cloud("erp"), site.cloud("tms")
    agent = site.make_agent({"erp": destination(erp), "old": destination(erp)},
                            {"all": {"to": ["erp"]}})
    write(site.folder / "conf.d/10-tms.json", {
        "destinations": {"tms": destination(tms), "old": None, "erp": {"vars": {"path": "/v2"}}},
        "routes": {"tms": {"to": ["tms"]}}})
    write(site.folder / "conf.d/20-later.json", '{ // later files win\n"destinations":'
          ' {"erp": {"vars": {"path": "/v3"}}}}')
    write(site.folder / "conf.d/notes.txt", "not a configuration")
    agent.start()
    handheld = site.device()
    handheld.send(receipt("merged"))
    handheld.ack("merged", "stored")
    wait_applied(erp, ["merged"])
    wait_applied(tms, ["merged"])
    assert erp.requests()[0]["path"] == "/v3"
    names = {row["name"] for row in agent.ask("destinations", "list")["items"]}
    assert names == {"erp", "tms"}


def test_a_reload_swaps_and_loses_nothing(site):
    erp, tms = site.cloud("erp"), site.cloud("tms")
    agent = site.agent({"erp": destination(erp)})
    pid = agent.pid
    fleet = site.fleet(rate=400).start()
    wait.until(lambda: len(fleet.acked) > 150, what="150 acks")
    config = json.loads(json.dumps(agent.config))
    config["destinations"]["tms"] = destination(tms)
    config["routes"]["ships"] = {"when": {"type": "ship"}, "to": ["tms"]}
    agent.reload(config)
    wait.until(lambda: tms.ledger()["applied"] > 0, what="the first ship at the new destination")
    fleet.stop_publishing()
    wait.until(fleet.is_done, 60, "all acked")
    expected = fleet.expected({"receipt", "pick", "ship"})
    wait.until(lambda: erp.ledger()["applied"] == len(expected), 60, "all at the ERP")
    assert erp.ledger()["doubled"] == tms.ledger()["doubled"] == 0
    assert agent.pid == pid and agent.is_running()


def test_a_reload_asked_for_while_drayd_starts_is_made(site):
    agent = site.make_agent(env=shims.preload(site.folder, "early_hup.c")).start()
    wait.until(lambda: "configuration reloaded" in agent.log(), what="the reload in the log")


def test_a_bad_reload_changes_nothing_and_says_where(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    handheld = site.device()
    handheld.send(receipt("before"))
    handheld.ack("before", "stored")
    config = json.loads(json.dumps(agent.config))
    config["destinations"]["erp"]["url"] = "http://127.0.0.1:1/elsewhere"
    config["destinations"]["erp"]["retry"]["max"] = "never"
    agent.reload(config)
    wait.until(lambda: "destinations.erp.retry.max" in agent.log(), what="the path in the log")
    handheld.send(receipt("after"))
    handheld.ack("after", "stored")
    wait_applied(erp, ["before", "after"])


def destination_state(agent, name):
    rows = agent.ask("destinations", "list")["items"]
    return next(row["state"] for row in rows if row["name"] == name)


def test_a_destination_that_is_gone_keeps_its_deliveries(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    handheld = site.device()
    erp.down()
    handheld.send(receipt("waiting"))
    handheld.ack("waiting", "stored")
    whole = json.loads(json.dumps(agent.config))
    agent.reload(agents.merge(json.loads(json.dumps(whole)), {"destinations": None,
                                                              "routes": None}))
    wait.until(lambda: "configuration reloaded" in agent.log(), what="the reload in the log")
    erp.up()
    wait.until(lambda: destination_state(agent, "erp") == "unconfigured", what="a gone destination")
    # Several turns, and longer than the longest pause between attempts and probes.
    until = time.monotonic() + 1.2
    for n in itertools.count(1):
        handheld.send(receipt("meanwhile-%d" % n))
        handheld.ack("meanwhile-%d" % n, "stored")
        if time.monotonic() > until:
            break
    assert erp.ledger()["requests"] == 0
    agent.reload(whole)
    wait_applied(erp, ["waiting"])


def test_a_configuration_that_is_wrong_at_start_ends_drayd_with_the_path(site):
    agent = site.make_agent(mqtt={"keepalive": "now"})
    agent.spawn()
    assert agent.process.wait(30) != 0
    assert "mqtt.keepalive" in agent.log()
