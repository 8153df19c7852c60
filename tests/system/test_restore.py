"""A backup made while the agent works, and put back after it has gone on."""
import os
import sqlite3
import subprocess
import time

import pytest

from sim import wait
from sim.site import destination, receipt, wait_applied

MODES = {"erp": {"timeout": "60s"}, "tms": {"idempotency": {"mode": "none"}},
         "wms": {"idempotency": {"lifetime": "1s"}}}


def restore(agent, backup):
    """drayd --restore; the CompletedProcess."""
    return subprocess.run([agent.binary, "--config", agent.path, "--restore", backup],
                          capture_output=True, text=True, timeout=240)


def ask_file(path, sql):
    with sqlite3.connect("file:%s?mode=ro&immutable=1" % path, uri=True) as db:
        return db.execute(sql).fetchall()


def send(handheld, prefix, n, documents=3):
    """Events of a few documents: some wait for each other. Their ids."""
    ids = ["%s-%d" % (prefix, i) for i in range(n)]
    for i, event_id in enumerate(ids):
        handheld.send(receipt(event_id, document="PO-%s-%d" % (prefix, i % documents)))
    for event_id in ids:
        handheld.ack(event_id, "stored")
    return ids


def exceptions_of(agent, name, kind="unknown"):
    return [row for row in agent.exceptions(kind) if row["destination"] == name]


def discard_each(agent, name, n):
    """A person looks at the other side: it is there. One that is parked comes when it is free."""
    for _ in range(n):
        wait.until(lambda: exceptions_of(agent, name), 60, "an exception of " + name)
        agent.ctl("exceptions", "discard", exceptions_of(agent, name)[0]["id"], "--why", "there")


def test_restoring_doubles_nothing_or_asks_a_person(site, tmp_path):
    clouds = {name: site.cloud(name) for name in MODES}
    agent = site.agent({name: destination(clouds[name], **more) for name, more in MODES.items()})
    handheld = site.device()
    backup = str(tmp_path / "backup")
    done = send(handheld, "done", 4)
    for cloud in clouds.values():
        wait_applied(cloud, done)
    clouds["erp"].faults({"do": "hold", "count": 1})
    clouds["tms"].down()  # not paused: restored, they would be asked at once
    clouds["wms"].down()
    out = send(handheld, "out", 1)
    wait.until(lambda: agent.metric("dray_backlog", 'destination="erp"', 'state="claimed"') == 1,
               20, "a request that is out")
    agent.ctl("destinations", "pause", "erp")
    unfinished = out + send(handheld, "waits", 9)
    agent.ctl("backup", backup)
    assert ask_file(backup, "SELECT state, count(*) FROM delivery WHERE destination ="
                    " (SELECT id FROM destination WHERE name = 'erp') GROUP BY 1 ORDER BY 1"
                    ) == [(1, 3), (2, 1), (4, 6), (7, 4)]

    clouds["erp"].faults()
    agent.ctl("destinations", "resume", "erp")
    clouds["tms"].up()
    clouds["wms"].up()
    since = send(handheld, "since", 5)
    for cloud in clouds.values():
        wait_applied(cloud, done + unfinished + since)
    time.sleep(1.1)  # the lifetime of wms' keys
    agent.stop()
    answer = restore(agent, backup)
    assert answer.returncode == 0, answer.stderr
    assert "before-restore-1" in answer.stdout
    agent.start()
    wait.until(lambda: len(agent.exceptions("store")) == 1, 60, "all marked")
    shown = agent.ask("status")["restore"]
    assert shown["in_doubt"] == 3 * len(unfinished) - 1  # the one that was out was in doubt before
    assert "from a backup of" in agent.ctl("status").stdout
    agent.ctl("destinations", "resume", "erp")

    # Within its key's lifetime each goes again, and is known; else there is an exception for each.
    wait.until(lambda: clouds["erp"].ledger()["repeats"] == len(unfinished), 60, "repeats")
    for name in ["tms", "wms"]:
        discard_each(agent, name, len(unfinished))
    assert agent.exceptions("unknown") == []
    wait.until(lambda: agent.ask("ledger")["closed"], 60, "the ledger closing")
    fresh = send(handheld, "fresh", 4)
    for cloud in clouds.values():
        wait_applied(cloud, done + unfinished + since + fresh)
        assert cloud.ledger()["key_conflicts"] == 0 and cloud.ledger()["rekeyed"] == 0


@pytest.mark.heavy
def test_a_backup_made_under_load_doubles_nothing_when_it_is_restored(site, tmp_path):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp, timeout="5s")})
    backup = str(tmp_path / "backup")
    erp.faults({"do": "hang", "apply": True, "every": 50}, {"do": "status", "every": 7})
    fleet = site.fleet(rate=500, devices=20, connections=4, window=8, resend_s=2).start()
    wait.until(lambda: len(fleet.acked) > 500, 60, "500 acks")
    agent.ctl("backup", backup)
    assert ask_file(backup, "PRAGMA integrity_check") == [("ok",)]
    backed_up = ask_file(backup, "SELECT count(*) FROM event")[0][0]
    mark = len(fleet.acked)
    assert backed_up >= 500
    wait.until(lambda: len(fleet.acked) > mark + 1000, 60, "1000 acks more")
    agent.kill9()
    assert restore(agent, backup).returncode == 0
    agent.start()
    fleet.stop_publishing()
    erp.faults()
    wait.until(fleet.is_done, 60, "all events acked")
    wait.until(lambda: agent.metric("dray_backlog", 'destination="erp"') == 0, 60,
               "nothing left to be made")
    ledger = erp.ledger()
    assert ledger["doubled"] == 0 and ledger["key_conflicts"] == 0 and ledger["rekeyed"] == 0
    # What the backup held is there, and what was delivered before the kill; the rest was dray's.
    held = {"%s %s" % row for row in ask_file(backup, "SELECT source, id FROM event")}
    assert held <= set(erp.ids())
    assert agent.ask("ledger")["closed"]


def test_a_backup_says_how_it_went(site, tmp_path):
    agent = site.agent({"erp": destination(site.cloud())})
    backup = str(tmp_path / "backup")
    assert "complete" in agent.ctl("backup", backup).stdout
    assert os.stat(backup).st_mode & 0o777 == 0o600
    again = agent.ctl("backup", backup, check=False)
    assert again.returncode == 1 and "is there already" in again.stderr
    nowhere = agent.ctl("backup", str(tmp_path / "no" / "where"), check=False)
    assert nowhere.returncode == 1 and "No such file" in nowhere.stderr
    answer = agent.ask("backup", str(tmp_path / "another"))
    assert (answer["state"], answer["pages_left"], answer["error"]) == ("done", 0, None)


def test_restoring_is_refused_while_drayd_runs_and_where_the_file_is_no_backup(site, tmp_path):
    agent = site.agent({"erp": destination(site.cloud())})
    handheld = site.device()
    backup = str(tmp_path / "backup")
    agent.ctl("backup", backup)
    answer = restore(agent, backup)
    assert answer.returncode == 1 and "another drayd works" in answer.stderr
    agent.stop()
    with open(backup, "r+b") as out:
        out.seek(4096 * 5)
        out.write(b"x" * 4096)
    answer = restore(agent, backup)
    assert answer.returncode == 1 and "is damaged" in answer.stderr
    answer = restore(agent, str(tmp_path / "nothing"))
    assert answer.returncode == 1 and "can't be read" in answer.stderr
    agent.start()
    send(handheld, "goes-on", 1)
    assert agent.ask("status")["restore"] is None
