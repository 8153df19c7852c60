"""Deliveries that are files: to Debian's OpenSSH, each whole and once under its name."""
import json
import os
import shutil
import time

import pytest

from sim import agent as agents
from sim import wait
from sim.long import count
from sim.sftpd import Sftpd, is_installed
from sim.site import receipt, wait_applied
from sim.wire import Wire

pytestmark = pytest.mark.skipif(not is_installed(), reason="openssh-server is not installed")


@pytest.fixture
def server(site, tmp_path):
    return site._keep(Sftpd(tmp_path), "kill").start()


def destination(server, port=None, folder="/~", **more):
    return agents.merge({
        "kind": "sftp", "connector": "rest", "url": "sftp://127.0.0.1:%d%s" % (
            port or server.port, folder),
        "auth": {"type": "key", "username": server.user, "key": {"file": server.key},
                 "host_key": server.host_key()},
        "vars": {"path": ""}, "timeout": "20s", "concurrency": 4, "order_by": "none",
        "retry": {"base": "50ms", "max": "200ms"},
        "breaker": {"failures": 5, "probe": "200ms"}}, more)


def send(handheld, names, **more):
    for name in names:
        handheld.send(receipt(name, document="PO-" + name, **more))
        handheld.ack(name, "stored")


def names_there(server):
    return sorted(os.listdir(server.root))


def ids_there(server):
    """Of the events in whole files; anything else is an error."""
    ids = []
    for name in names_there(server):
        assert name.endswith(".json") and not name.startswith("."), names_there(server)
        with open(os.path.join(server.root, name)) as text:
            ids.append(json.load(text)["id"])
    return sorted(ids)


def whole_files(server):
    return [name for name in names_there(server) if not name.startswith(".")]


def wait_there(agent, server, names, seconds=60):
    wait.until(lambda: agent.metric("dray_deliveries_total", 'outcome="done"') == len(names),
               seconds, "%d deliveries done" % len(names))
    assert ids_there(server) == sorted(names)


def edi(agent):
    return next(row for row in agent.ask("destinations", "list")["items"] if row["name"] == "edi")


def test_each_event_is_one_whole_file(site, server):
    agent = site.agent({"edi": destination(server)})
    names = ["e-%d" % n for n in range(count(50, 5000))]
    send(site.device(), names)
    wait_there(agent, server, names, 120)
    assert agent.exceptions() == []
    assert server.log().count("Accepted publickey") <= 4, "connections are kept"


def test_a_folder_may_be_named_from_the_root_and_hold_any_character(site, server):
    folder = os.path.join(server.root, "in box \"a\" 100%'s")
    os.makedirs(folder)
    url = folder.replace("%", "%25").replace(" ", "%20").replace('"', "%22")
    agent = site.agent({"edi": destination(server, folder=url)})
    send(site.device(), ["e-1"])
    wait.until(lambda: agent.metric("dray_deliveries_total", 'outcome="done"') == 1,
               what="the delivery")
    assert len(os.listdir(folder)) == 1
    assert not os.listdir(folder)[0].startswith(".")


def test_an_unknown_host_key_holds_and_nothing_is_sent(site, server):
    wrong = "A" * 43
    agent = site.agent({"edi": destination(server, auth={"host_key": wrong})})
    send(site.device(), ["e-1", "e-2"])
    wait.until(lambda: agent.exceptions("hold"), what="the destination held")
    assert server.host_key() in agent.exceptions("hold")[0]["reason"], "the one that it showed"
    assert "Accepted" not in server.log()
    agent.reload(dict(agent.config, destinations={"edi": destination(server)}))
    wait_there(agent, server, ["e-1", "e-2"])


def known_hosts(site, server, public_key):
    with open(site.folder / "known_hosts", "w") as out:
        out.write("[127.0.0.1]:%d %s\n" % (server.port, public_key))


def test_known_hosts_says_which_key_the_server_must_have(site, server):
    right = open(server.host_key_file + ".pub").read().strip()
    other = server._keygen("other")
    known_hosts(site, server, open(other + ".pub").read().strip())
    bare = destination(server)
    del bare["auth"]["host_key"]
    agent = site.agent({"edi": bare})
    send(site.device(), ["e-1"])
    wait.until(lambda: agent.exceptions("hold"), what="the destination held")
    assert "Accepted" not in server.log()
    known_hosts(site, server, right)
    wait_there(agent, server, ["e-1"])


def test_a_wrong_key_holds_until_it_is_let_in(site, server):
    allowed = open(server.folder + "/authorized_keys").read()
    with open(server.folder + "/authorized_keys", "w") as out:
        out.write("")
    agent = site.agent({"edi": destination(server)})
    send(site.device(), ["e-1", "e-2"])
    wait.until(lambda: agent.exceptions("hold"), what="the destination held")
    with open(server.folder + "/authorized_keys", "w") as out:
        out.write(allowed)
    wait_there(agent, server, ["e-1", "e-2"])
    assert agent.exceptions("rejected") == []


def test_a_folder_that_is_not_there_holds_until_it_is(site, server):
    agent = site.agent({"edi": destination(server, folder="/~/inbox")})
    send(site.device(), ["e-1", "e-2"])
    wait.until(lambda: agent.exceptions("hold"), what="the destination held")
    os.makedirs(server.root + "/inbox")
    wait.until(lambda: len(os.listdir(server.root + "/inbox")) == 2, what="both files")
    assert agent.exceptions("rejected") == []


def test_a_server_that_is_away_is_waited_for(site, server):
    agent = site.agent({"edi": destination(server)})
    handheld = site.device()
    send(handheld, ["e-1"])
    wait_there(agent, server, ["e-1"])
    server.kill()
    send(handheld, ["e-2", "e-3"])
    wait.until(lambda: edi(agent)["state"] == "unreachable", what="it seen as unreachable")
    server.start()
    wait_there(agent, server, ["e-1", "e-2", "e-3"])
    assert agent.exceptions() == []


def test_a_server_that_stands_still_holds_nobody_else_up(site, server):
    erp = site.cloud()
    agent = site.agent({"edi": destination(server, timeout="5s"),
                        "erp": agents.destination(erp.url)})
    handheld = site.device()
    send(handheld, ["before"])
    wait_applied(erp, ["before"])
    wait.until(lambda: len(names_there(server)) == 1, what="the file")
    server.stall()
    began = time.monotonic()
    send(handheld, ["e-%d" % n for n in range(10)])
    wait_applied(erp, ["before"] + ["e-%d" % n for n in range(10)])
    assert time.monotonic() - began < 40, "ten that each wait for a time-out take longer"
    wait.until(lambda: "within the time-out" in edi(agent)["reason"], what="the time-out told")
    agent.reload(dict(agent.config, destinations={"erp": agents.destination(erp.url)},
                      routes={"all": {"to": ["erp"]}}))
    send(handheld, ["after"])
    wait_applied(erp, ["before", "after"] + ["e-%d" % n for n in range(10)])
    assert agent.stop() == 0, "files that are under way don't keep it from ending"


def test_a_line_cut_in_the_middle_of_a_file_leaves_one_whole_file(site, server):
    wire = site.proxy(Wire(server.port))
    agent = site.agent({"edi": destination(server, port=wire.port, concurrency=1)})
    handheld = site.device()
    send(handheld, ["small"])
    wait_there(agent, server, ["small"])
    for n in range(count(5, 50)):
        wire.cut_after(20000 + 7000 * n)  # bytes that the client still may say
        handheld.send(receipt("large-%d" % n, document="PO-%d" % n, note="n" * 60000))
        wait.until(lambda: wire.cuts == n + 1, what="the cut")
        for name in whole_files(server):
            with open(os.path.join(server.root, name)) as text:
                json.load(text)
        wait.until(lambda: len(whole_files(server)) == n + 2, what="the file")
    wait_there(agent, server, ["small"] + ["large-%d" % k for k in range(n + 1)])
    assert agent.exceptions() == []


@pytest.mark.heavy
def test_a_rename_whose_answer_is_lost_is_found_done(site, server):
    """The line breaks at every so many bytes of the last part of the conversation."""
    wire = site.proxy(Wire(server.port))
    agent = site.agent({"edi": destination(server, port=wire.port, concurrency=1)})
    handheld = site.device()
    names = ["e-%03d" % n for n in range(count(12, 200))]  # all cost the same number of bytes
    send(handheld, names[:1])
    wait_there(agent, server, names[:1])
    said = wire.said
    send(handheld, names[1:2])
    wait_there(agent, server, names[:2])
    cost = wire.said - said
    for n, name in enumerate(names[2:]):
        wire.cut_after(cost - count(40, 4) * n, answers=False)
        send(handheld, [name])
        wait_there(agent, server, names[:n + 3])
        wire.cut_after(None)
    assert wire.cuts >= len(names) - 2  # a new connection may meet its end, too
    assert agent.exceptions() == []


@pytest.mark.heavy
def test_a_server_killed_under_load_ends_with_one_whole_file_each(site, server):
    # A hand-shake in which the server dies may hang in the library until its time is over.
    agent = site.agent({"edi": destination(server, timeout="5s", breaker={"failures": 1000})})
    total = count(300, 5000)
    publisher = site.publisher(total, rate=200)
    for part in range(count(3, 20)):
        wait.until(lambda: len(whole_files(server)) > (part + 1) * total // 25, 60, "files coming")
        server.kill()
        server.start()
    assert publisher.result(120)["acked"] == total
    wait.until(lambda: agent.metric("dray_deliveries_total", 'outcome="done"') == total, 120,
               "all deliveries done")
    left = [name for name in names_there(server) if name.startswith(".")]
    assert left == []
    assert len(set(ids_there(server))) == total
    assert agent.exceptions() == []


def test_a_full_disk_is_waited_out_and_nothing_half_is_seen(site, server):
    disk = site.disk(kind="tmpfs", mib=1, name="inbox")
    os.symlink(disk.path, server.root + "/inbox")
    agent = site.agent({"edi": destination(server, folder="/~/inbox", concurrency=1)})
    handheld = site.device()
    ballast = os.path.join(disk.path, "ballast")
    with open(ballast, "wb") as out:
        out.write(b"x" * 1000 * 1024)
    handheld.send(receipt("large", document="PO-1", note="n" * 60000))
    handheld.ack("large", "stored")
    wait.until(lambda: agent.metric("dray_attempts_total", 'outcome="retry"') >= 2,
               what="attempts on the full disk")
    assert [name for name in os.listdir(disk.path) if name.endswith(".json")] == []
    os.unlink(ballast)
    wait.until(lambda: agent.metric("dray_deliveries_total", 'outcome="done"') == 1,
               what="the delivery")
    assert len([name for name in os.listdir(disk.path) if name.endswith(".json")]) == 1
    assert [name for name in os.listdir(disk.path) if name.endswith(".part")] == []
    assert agent.exceptions() == []


def test_a_name_that_is_taken_by_another_content_is_no_success(site, server):
    agent = site.agent({"edi": destination(server)})
    send(site.device(), ["e-1"])
    wait_there(agent, server, ["e-1"])
    path = os.path.join(server.root, names_there(server)[0])
    agent.stop()
    shutil.rmtree(agent.config["state_dir"])  # so that the same event gets the same name anew
    os.makedirs(agent.config["state_dir"])
    with open(path, "w") as out:
        out.write("{}")
    agent.start()
    send(site.device(), ["e-1"])
    wait.until(lambda: agent.exceptions("rejected"), what="the delivery refused")
    assert "another content" in agent.exceptions("rejected")[0]["reason"]
    assert os.listdir(server.root) == [os.path.basename(path)]
    with open(path) as text:
        assert text.read() == "{}", "what is there is left alone"
