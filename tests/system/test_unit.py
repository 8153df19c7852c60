"""The unit that the packages ship: how tight systemd finds it, and that drayd can work in it."""
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from sim import agent as agents
from sim import cage, wait
from sim.site import destination, receipt, wait_applied
from sim.tls import Certificates
from sim.wreck import Wreck
from test_adapters import PROGRAM, put_adapter, tags

UNIT = os.path.join(agents.ROOT, "systemd/drayd.service")
EXPOSURE_MAX = 1.5
DELIVER = ('if .response == null then {send: {method: "POST", path: "/events", body: .events[0]}}'
           ' else {done: {}} end')

pytestmark = [
    pytest.mark.heavy,  # a sanitizer traces, and maps what the unit forbids
    pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")]


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True,
                          env=dict(os.environ, LC_ALL="C.UTF-8"), timeout=240)


def value(key):
    """Of a key that is there once."""
    (words,) = cage.settings(UNIT, key)
    return " ".join(words)


def test_systemd_finds_nothing_to_say_of_it(tmp_path):
    """An unknown key is a line of output, and exit 0."""
    copy = tmp_path / "drayd.service"
    with open(UNIT) as unit:
        copy.write_text(unit.read().replace(
            "/usr/sbin/drayd", os.path.join(agents.build_folder(), "drayd")))
    said = analyze("verify", "--man=no", str(copy))
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    copy.write_text(copy.read_text().replace("ProtectHome=yes", "ProtectHouse=yes"))
    assert "ProtectHouse" in analyze("verify", "--man=no", str(copy)).stderr


def test_its_exposure_is_small():
    said = analyze("security", "--offline=true", "--no-pager", UNIT)
    level = re.search(r"exposure level for drayd.service: ([0-9.]+)", said.stdout)
    assert float(level.group(1)) <= EXPOSURE_MAX, said.stdout


def test_it_never_gives_up_and_never_dumps():
    assert value("Type") == "notify" and value("WatchdogSec") == "30s"
    assert value("Restart") == "always" and value("RestartSec") == "2"
    assert value("StartLimitIntervalSec") == "0"
    assert value("LimitCORE") == "0"


def test_who_asks_at_the_socket_keeps_a_name():
    """In a user namespace SO_PEERCRED says "nobody" of everybody: the audit trail would be worthless."""
    assert cage.settings(UNIT, "PrivateUsers") == []


def test_the_kernel_tells_it_whether_the_clock_is_synchronised():
    """As it tells anyone here: a container may forbid that by itself."""
    ask = [sys.executable, "-c", "import ctypes; "
           "print(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(1024)) >= 0)"]
    free = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
    closed = subprocess.run([sys.executable, cage.__file__, UNIT, *ask], capture_output=True,
                            text=True, check=True).stdout
    assert closed == free


def caged(site, *arguments, **options):
    """drayd behind the unit's filters, as the same process."""
    agent = site.make_agent(*arguments, **options)
    script = site.folder / "caged-drayd"
    script.write_text("#!/bin/sh\nexec %s %s %s %s \"$@\"\n" % (
        sys.executable, os.path.abspath(cage.__file__), UNIT, agent.binary))
    script.chmod(0o755)
    agent.binary = str(script)
    return agent.start()


def filters(pid):
    with open("/proc/%s/status" % pid) as status:
        return int(re.search(r"Seccomp_filters:\s+(\d+)", status.read()).group(1))


def put_connector(site):
    folder = site.folder / "connectors/acme"
    folder.mkdir(parents=True)
    (folder / "connector.json").write_text(json.dumps(
        {"name": "acme", "version": 1, "kind": "http", "idempotency": {"mode": "natural"}}))
    (folder / "connector.jq").write_text(DELIVER)


def test_a_day_s_work_is_done_behind_its_filters(site, tmp_path):
    """Capture by an adapter, delivery by a connector and by TLS, a reload, a backup, a restart."""
    put_adapter(site)
    put_connector(site)
    tls = Certificates(tmp_path)
    erp, tms = site.cloud("erp"), site.cloud("tms", tls=tls)
    agent = caged(site, {
        "erp": dict(destination(erp), connector="acme", vars={}),
        "tms": destination(tms, tls={"ca": tls.ca, "cert": tls.client_cert,
                                     "key": {"file": tls.client_key}})},
        sources={"handhelds": {"topic": "dray/v1/+/event/#"},
                 "portal": {"topic": "gate/+/tags", "adapter": "gate"}})
    assert filters(agent.pid) >= 3, "the unit's two, and its own"
    handheld, portal = site.device(), site.device("portal-1")
    handheld.send(receipt("e-1"))
    portal.send(tags("T1"), topic="gate/7/tags")
    handheld.ack("e-1", "stored")
    portal.ack("T1", "stored")
    for cloud in (erp, tms):
        wait_applied(cloud, ["e-1", "T1"])
    put_adapter(site, program=PROGRAM + "# changed\n")
    agent.reload()
    wait.until(lambda: "configuration reloaded" in agent.log(), what="the reload")
    backup = str(tmp_path / "backup")
    agent.ctl("backup", backup)
    assert agent.stop() == 0
    restored = subprocess.run([os.path.join(agents.build_folder(), "drayd"), "--config", agent.path,
                               "--restore", backup], capture_output=True, text=True)
    assert restored.returncode == 0, restored.stderr
    agent.start()
    handheld.send(receipt("e-2"))
    for cloud in (erp, tms):
        wait_applied(cloud, ["e-1", "T1", "e-2"])
    assert "not permitted" not in agent.log()


def test_a_broken_database_is_salvaged_behind_its_filters(site):
    erp = site.cloud()
    agent = caged(site, {"erp": destination(erp)})
    names = ["e-%d" % n for n in range(300)]
    handheld = site.device()
    for name in names:
        handheld.send(receipt(name, document="PO-" + name))
    wait_applied(erp, names)
    agent.stop()
    Wreck(agent.config["state_dir"], site.folder).overwrite([1])
    agent.start()
    wait.until(lambda: (agent.ask("status")["salvage"] or {}).get("state") == "done",
               what="the salvage")
    handheld.send(receipt("after"))
    wait_applied(erp, names + ["after"])
