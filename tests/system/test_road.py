"""The road: whatever a configuration from afar or from files breaks, the site heals without a hand."""
import json
import os
import socket
import sqlite3

import pytest

from sim import wait
from sim.agent import merge
from sim.road import LONG, SHORT, Road, fleet
from sim.site import destination, receipt, wait_applied


class House:
    """One ERP, one handheld, and a road."""

    def __init__(self, site, **more):
        self.site = site
        self.erp = site.cloud("erp")
        self.agent = site.make_agent({"erp": destination(self.erp)}, fleet=fleet(), **more)
        self.sent = []

    def start(self, probation=None):
        if probation:
            self.agent.write_config(merge(self.agent.config, {"fleet": probation}))
        self.agent.start()
        self.road = Road(self.agent)
        self.device = self.site.device()
        return self

    def send(self, n=1, **more):
        for _ in range(n):
            event = receipt(document="PO-%d" % len(self.sent), **more)
            self.sent.append(event["id"])
            self.device.send(event)

    def wait_all(self, seconds=60):
        """Everything that was sent reached the ERP, each once."""
        wait_applied(self.erp, self.sent, seconds)


def write_adapter(house, program):
    folder = os.path.join(house.agent.folder, "connectors", "strict")
    os.makedirs(folder)
    with open(os.path.join(folder, "adapter.json"), "w") as out:
        json.dump({"name": "strict", "version": 1, "title": "Takes nothing",
                   "payload": "json"}, out)
    with open(os.path.join(folder, "adapter.jq"), "w") as out:
        out.write(program)


@pytest.fixture
def house(site):
    return House(site)


def test_what_is_offered_is_tried_and_kept(house):
    house.start({"probation": "3s"})
    house.send()
    status, answer = house.road.apply(1, {"destinations": {"erp": {"concurrency": 2}}})
    assert status == 200, answer
    assert answer["state"] == "probation" and house.agent.metric("dray_config_probation") == 1
    house.send()
    house.road.wait_for(1, "confirmed")
    assert house.agent.metric("dray_config_revision") == 1
    assert house.agent.metric("dray_config_probation") == 0
    assert house.agent.metric("dray_config_changes_total", 'result="confirmed"') == 1
    house.agent.stop()
    house.agent.start()
    assert house.road.show()["revision"] == 1
    house.send()
    house.wait_all()


POISONS = {
    "a wrong path": {"destinations": {"erp": {"vars": {"path": "/wrong"}}}},
    "a wrong host": {"destinations": {"erp": {"url": "http://127.0.0.1:1"}}},
    "a route that swallows": {"routes": {"all": {"when": {"type": ["ship"]}}}},
    "a route into the void": {"routes": {"all": {"to": ["void"]}},
                              "destinations": {"void": {"kind": "http", "connector": "rest",
                                                        "url": "http://127.0.0.1:1",
                                                        "vars": {"path": "/x"}}}},
    "a path that rejects": {"destinations": {"erp": {"vars": {"path": "/picky"}}}},
}
# That nobody is there is judged at the end. All else is seen at once, and there is time to send it something.
AT_THE_END = {"a wrong host", "a route into the void"}


@pytest.mark.parametrize("poison", POISONS, ids=lambda name: name.replace(" ", "-"))
def test_a_poisoned_revision_heals_itself_and_nothing_is_lost_or_doubled(house, poison):
    house.start({"probation": "5s"} if poison in AT_THE_END else LONG)
    house.erp.faults({"do": "status", "status": 404, "path_part": "/wrong"},
                     {"do": "status", "status": 422, "path_part": "/picky"})
    house.send(3)
    house.wait_all()
    status, answer = house.road.apply(7, POISONS[poison])
    assert status == 200, answer
    house.send(8)
    house.road.wait_for(7, "rolled_back")
    house.send(2)
    house.wait_all()
    house.road.wait_restored()
    assert house.road.show()["revision"] is None
    assert house.erp.ledger()["key_conflicts"] == 0
    # It is never tried again, whoever offers it.
    status, answer = house.road.apply(7, POISONS[poison])
    assert status == 422 and "rolled_back" in answer["detail"], answer
    assert house.road.history()[0] == (7, "rolled_back")


def test_an_adapter_that_rejects_all_heals_and_what_it_refused_is_kept(house):
    write_adapter(house, "error(\"no\")")
    house.start(LONG)
    status, answer = house.road.apply(
        1, {"sources": {"handhelds": {"topic": "dray/v1/+/event/#", "adapter": "strict"}}})
    assert status == 200, answer
    sent = [receipt() for _ in range(6)]
    for event in sent:
        house.device.send(event)
    house.road.wait_for(1, "rolled_back")
    assert "refusals rise" in house.road.reason()
    # Five are enough: the sixth may have come when the good one was in force again.
    refused = len(house.agent.exceptions("unparsable")) + len(house.agent.exceptions("invalid"))
    assert 5 <= refused <= 6
    house.sent += [event["id"] for event in sent[refused:]]
    house.send(2)
    house.wait_all()


def test_a_step_back_is_told_to_people_and_written_to_the_trail(house):
    house.start({"probation": "5s"})
    ears = house.site.device("ears", also=["dray/v1/dc-sim-1/alert/#"])
    house.erp.faults({"do": "status", "status": 404, "path_part": "/void"})
    assert house.road.apply(5, {"destinations": {"void": destination(house.erp,
                                                                     vars={"path": "/void"})},
                                "routes": {"all": {"to": ["void"], "when": {"type": ["receipt"]}}}
                                })[0] == 200
    house.send(2)
    house.road.wait_for(5, "rolled_back")

    def heard():
        with ears.lock:
            said = [json.loads(m.payload) for m in ears.heard]
        return [alert for alert in said if alert.get("kind") == "config"]
    wait.until(heard, what="an alert")
    alert = heard()[0]
    assert (alert["severity"], alert["state"]) == ("critical", "raised")
    assert "revision 5 rolled back: destination void holds" in alert["message"]
    assert "deliveries for void, which only it had, stay in the store" in alert["message"]
    house.wait_all()
    house.road.wait_restored()
    with sqlite3.connect(house.agent.config["state_dir"] + "/dray.db", timeout=10) as db:
        rows = db.execute("SELECT who, what, object FROM audit WHERE what LIKE 'config.%'")
        assert rows.fetchall() == [("uid:0", "config.apply", "config/5"),
                                   ("config", "config.roll_back", "config/5")]
    rows = house.agent.ask("status")["destinations"]
    assert [row["name"] for row in rows if row["state"] == "unconfigured"] == ["void"]
    # What is good again clears it.
    assert house.road.apply(6, {"destinations": {"erp": {"concurrency": 2}}})[0] == 200
    house.road.wait_for(6, "confirmed")
    wait.until(lambda: len(heard()) == 2, what="the end of it")
    assert heard()[1]["state"] == "cleared"


@pytest.mark.parametrize("restarts", [False, True], ids=["live", "restarted"])
def test_what_held_before_is_not_the_change_s_fault(house, restarts):
    house.start()
    house.erp.faults({"do": "status", "status": 404})
    house.send(2)
    wait.until(lambda: house.agent.exceptions("hold"), what="a hold")
    assert house.road.apply(1, {"sources": {"more": {"topic": "more/#"}}})[0] == 200
    if restarts:
        house.agent.kill9()
        house.agent.start()
    house.road.wait_for(1, "confirmed")
    house.erp.faults()
    house.wait_all()


def test_one_event_that_is_refused_is_not_the_change_s_fault(house):
    house.start()
    house.erp.faults({"do": "status", "status": 404, "id_part": "odd"})
    assert house.road.apply(1, {"destinations": {"erp": {"concurrency": 2}}})[0] == 200
    house.device.send(receipt("odd-1", document="PO-odd"))
    house.send(3)
    house.wait_all()
    house.road.wait_for(1, "confirmed")
    row, = wait.until(lambda: house.agent.exceptions("rejected"), what="the odd one rejected")
    assert row["event_id"] == "odd-1"


@pytest.mark.parametrize("poison", ["a wrong path", "a path that rejects"],
                         ids=lambda name: name.replace(" ", "-"))
def test_the_same_poison_again_is_mended_again(house, poison):
    """At once, too: what the first one made hold, or reject, was not so before."""
    house.agent.config["destinations"]["erp"]["breaker"]["probe"] = "4s"
    house.agent.write_config(house.agent.config)
    house.start(LONG)
    house.erp.faults({"do": "status", "status": 404, "path_part": "/wrong"},
                     {"do": "status", "status": 422, "path_part": "/picky"})
    house.send(3)
    house.wait_all()
    for number in 1, 2:
        assert house.road.apply(number, POISONS[poison])[0] == 200
        house.send(8)
        house.road.wait_for(number, "rolled_back")
    house.wait_all()


def test_what_can_be_known_before_is_refused_and_nothing_changes(house):
    house.start()
    taken = socket.create_server(("127.0.0.1", 0))
    for number, (patch, word) in enumerate([
            ({"destinations": {"erp": {"auth": {"type": "bearer", "token": {"file": "none"}}}}},
             "destinations.erp.auth.token"),
            ({"mqtt": {"port": 1}}, "config.mqtt"),
            ({"destinations": {"erp": {"connector": "no-such"}}}, "no-such"),
            ({"destinations": {"erp": {"concurency": 1}}}, "destinations.erp.concurency"),
            ({"routes": {"all": {"to": ["nobody"]}}}, "routes.all.to")], 1):
        for ask in house.road.check, house.road.apply:
            status, answer = ask(number, patch)
            assert status == 422 and word in answer["detail"], answer
        assert house.road.history()[0] == (number, "refused")
    # One that only the attempt shows is rolled back before anybody waits.
    port = taken.getsockname()[1]
    status, answer = house.road.apply(9, {"listen": {"address": "127.0.0.1:%d" % port}})
    assert status == 422 and "listen" in answer["detail"], answer
    assert house.road.history()[0] == (9, "rolled_back")
    house.send()
    house.wait_all()
    taken.close()


def test_a_program_that_does_not_compile_is_refused(house):
    folder = os.path.join(house.agent.folder, "connectors", "broken")
    os.makedirs(folder)
    with open(os.path.join(folder, "connector.json"), "w") as out:
        json.dump({"name": "broken", "version": "1", "title": "Broken", "idempotency": {"mode": "header"}},
                  out)
    with open(os.path.join(folder, "connector.jq"), "w") as out:
        out.write("if then")
    house.start()
    status, answer = house.road.apply(1, {"destinations": {"erp": {"connector": "broken", "vars": None}}})
    assert status == 422 and "destinations.erp.connector" in answer["detail"], answer


def test_a_destination_that_deliveries_wait_for_is_not_taken_away(house):
    house.start()
    house.erp.down()
    house.send(2)
    wait.until(lambda: house.agent.metric("dray_backlog") == 2, what="a backlog")
    away = {"destinations": {"erp": None, "other": destination(house.erp)},
            "routes": {"all": {"to": ["other"]}}}
    status, answer = house.road.apply(1, away)
    assert status == 422 and "destinations.erp: 2 deliveries wait for it" in answer["detail"], answer
    house.erp.up()
    house.wait_all()
    assert house.road.apply(2, away)[0] == 200
    house.road.wait_for(2, "confirmed")


def test_nor_do_files_take_it_away_that_were_changed_while_drayd_was_down(house):
    house.start()
    house.erp.down()
    house.send(2)
    wait.until(lambda: house.agent.metric("dray_backlog") == 2, what="a backlog")
    house.agent.stop()
    house.agent.write_config(dict(house.agent.config, destinations={"other": destination(house.erp)},
                                  routes={"all": {"to": ["other"]}}))
    house.agent.start()
    assert "the site's files are not taken" in house.agent.log()
    house.erp.up()
    house.wait_all()


def test_a_configuration_that_ends_drayd_is_rolled_back_after_three_starts(house):
    house.start(LONG)
    assert house.road.apply(1, {"destinations": {"erp": {"concurrency": 1}}})[0] == 200
    for start in range(1, 4):
        house.agent.kill9()
        house.agent.start()
        assert house.road.file()["starts"] == start and house.road.show()["revision"] == 1
        house.send()
    house.agent.kill9()
    house.agent.start()
    assert house.road.history()[0] == (1, "rolled_back")
    assert house.road.show()["revision"] is None
    house.send()
    house.wait_all()


# --- files ------------------------------------------------------------------------------------------


def poison_files(agent):
    agent.write_config(merge(json.loads(json.dumps(agent.config)),
                             {"destinations": {"erp": {"vars": {"path": "/wrong"}}}}))


@pytest.mark.parametrize("restarts", [False, True], ids=["reloaded", "restarted"])
def test_files_that_break_are_rolled_back_and_ignored_until_they_change(house, restarts):
    house.start(LONG)
    house.erp.faults({"do": "status", "status": 404, "path_part": "/wrong"})
    good = house.agent.config
    poison_files(house.agent)
    if restarts:
        house.agent.stop()
        house.agent.start()
    else:
        house.agent.reload()
    house.road.wait_for(None, "probation")
    house.send(2)
    house.road.wait_for(None, "rolled_back")
    house.wait_all()
    # They are ignored, at a reload and at a start.
    house.agent.reload()
    wait.until(lambda: "ignored until they change" in house.agent.log(), what="the alarm")
    house.agent.stop()
    house.agent.start()
    house.send()
    house.wait_all()
    # Until they change.
    house.agent.write_config(merge(good, {"destinations": {"erp": {"concurrency": 3}}, "fleet": SHORT}))
    house.agent.reload()
    house.road.wait_for(None, "confirmed")
    house.send()
    house.wait_all()


@pytest.mark.parametrize("broken", ["{", {"site": 7}, None],
                         ids=["no-json", "no-configuration", "no-file"])
def test_files_that_cannot_be_read_do_not_keep_a_site_from_starting(house, broken):
    house.agent.env["STATE_DIRECTORY"] = house.agent.config["state_dir"]
    house.start()
    house.send()
    house.agent.stop()
    if broken is None:
        os.unlink(house.agent.path)
    else:
        with open(house.agent.path, "w") as out:
            out.write(broken if broken == "{" else json.dumps(dict(house.agent.config, **broken)))
    house.agent.start()
    house.send()
    house.wait_all()
    assert "the good configuration goes on" in house.agent.log() or \
        "the configuration before goes on" in house.agent.log()


def test_a_good_one_whose_secret_is_gone_goes_on_and_its_destination_waits(house):
    """At a step back, and at a start: nobody's scans wait for one partner's token."""
    tms = house.site.cloud("tms")
    token = os.path.join(house.agent.folder, "tms-token")
    house.agent.write_config(merge(house.agent.config, {
        "destinations": {"tms": destination(tms, auth={"type": "bearer", "token": {"file": "tms-token"}})},
        "routes": {"all": {"to": ["erp", "tms"]}}}))

    def put():
        with open(token, "w") as out:
            out.write("of-the-tms")
    put()
    house.start()
    house.erp.faults({"do": "status", "status": 404, "path_part": "/wrong"})
    assert house.road.apply(1, {"destinations": {"erp": {"vars": {"path": "/wrong"}},
                                                 "tms": {"auth": None}}})[0] == 200
    os.unlink(token)
    house.send()
    house.road.wait_for(1, "rolled_back")
    house.wait_all()
    house.agent.kill9()
    house.agent.start()
    house.send()
    house.wait_all()

    def why():
        rows = house.agent.ask("destinations", "list")["items"]
        return [row["reason"] or "" for row in rows if row["name"] == "tms"][0]
    wait.until(lambda: "auth.token: the secret in the file " in why(), what="the reason")
    put()
    wait_applied(tms, house.sent)


def test_a_damaged_record_is_set_aside_and_the_files_run(house):
    house.start()
    house.agent.stop()
    with open(house.road.path(), "w") as out:
        out.write("{\"good\":")
    house.agent.start()
    house.send()
    house.wait_all()
    kept = [name for name in os.listdir(house.agent.config["state_dir"])
            if name.startswith("revisions.json.damaged-")]
    assert len(kept) == 1 and house.road.file()["trial"] is None


def test_by_hand_back_to_the_one_before(house):
    house.start({"probation": "3s"})
    assert house.road.apply(1, {"destinations": {"erp": {"concurrency": 1}}})[0] == 200
    assert house.road.roll_back()[0] == 200
    house.road.wait_for(1, "rolled_back")
    assert house.road.apply(2, {"destinations": {"erp": {"concurrency": 2}}})[0] == 200
    house.road.wait_for(2, "confirmed")
    assert house.road.roll_back()[0] == 200
    house.road.wait_for(None, "confirmed")
    assert house.road.show()["revision"] is None
