"""What drayd gives up by itself, without systemd: seen from outside."""
import glob
import os
import pathlib
import pwd
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

from sim import agent as agents
from sim import wait
from sim.site import Site, destination, receipt, wait_applied
from test_adapters import SOURCES, TOPIC, put_adapter, tags

LOW_PORTS = 1 << 10  # CAP_NET_BIND_SERVICE, where it was given
NOBODY = pwd.getpwnam("nobody")


def end_of(process):
    """How it ended, as wait(2) says it."""
    status = os.waitpid(process.pid, 0)[1]
    process.returncode = os.waitstatus_to_exitcode(status)
    return status


@pytest.fixture
def dumps(tmp_path, monkeypatch):
    """The caller wants core files, and gets those of others."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    monkeypatch.chdir(tmp_path)
    other = subprocess.Popen(["sleep", "60"])
    other.send_signal(signal.SIGABRT)
    if not os.WCOREDUMP(end_of(other)):
        pytest.skip("nobody's core is dumped here")
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.mark.heavy  # a sanitizer catches these signals
@pytest.mark.parametrize("sent", [signal.SIGABRT, signal.SIGSEGV])
def test_a_crash_of_drayd_leaves_no_core_with_secrets_in_it(site, dumps, sent):
    agent = site.agent()
    agent.process.send_signal(sent)
    status = end_of(agent.process)
    assert os.WTERMSIG(status) == sent and not os.WCOREDUMP(status)


@pytest.mark.heavy
def test_a_crash_of_drayctl_leaves_no_core_either(dumps, tmp_path):
    path = agents.socket_path(tmp_path)
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(path)
        agent.listen()
        agent.settimeout(20)
        asking = subprocess.Popen([os.path.join(agents.build_folder(), "drayctl"), "--socket", path,
                                   "status"])
        line = agent.accept()[0]
        line.recv(1)  # it has begun, and waits
        asking.send_signal(signal.SIGABRT)
        status = end_of(asking)
        line.close()
    assert os.WTERMSIG(status) == signal.SIGABRT and not os.WCOREDUMP(status)


def status_of(pid):
    return dict(line.split(":\t", 1) for line in
                pathlib.Path("/proc/%s/status" % pid).read_text().splitlines())


def rights(status):
    return {key: int(status[key], 16) & ~LOW_PORTS for key in ("CapInh", "CapPrm", "CapEff", "CapAmb")}


def test_drayd_and_its_child_have_no_rights_and_gain_none(site):
    put_adapter(site)
    agent = site.agent(sources=SOURCES)
    device = site.device("portal-1")
    device.send(tags("T1"), topic=TOPIC)
    device.ack("T1", "stored")
    children = {pid for path in glob.glob("/proc/%d/task/*/children" % agent.pid)
                for pid in pathlib.Path(path).read_text().split()}
    assert children
    for task in glob.glob("/proc/%d/task/*" % agent.pid):
        status = status_of("%d/task/%s" % (agent.pid, os.path.basename(task)))
        assert set(rights(status).values()) == {0}
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    for child in children:
        status = status_of(child)
        assert set(rights(status).values()) == {0} and status["NoNewPrivs"] == "1"


@pytest.fixture
def nobodys():
    """A site in a folder of nobody's: who is nobody can't go into pytest's."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dray-"))
    folder.chmod(0o755)
    place = Site(folder)
    yield place
    place.end()
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_becomes_who_the_state_folder_belongs_to(nobodys):
    """Files of root's there would stop the service from working in its own folder."""
    erp = nobodys.cloud()
    run = nobodys.folder / "run"
    agent = nobodys.make_agent({"erp": destination(erp)},
                               control={"socket": str(run / "control.sock")})
    state = pathlib.Path(agent.config["state_dir"])
    run.mkdir()
    for folder in (state, run):
        os.chown(folder, NOBODY.pw_uid, NOBODY.pw_gid)
    agent.start()
    nobodys.device().send(receipt("e-1"))
    wait_applied(erp, ["e-1"])
    assert {os.stat(path).st_uid for path in state.iterdir()} == {NOBODY.pw_uid}
    status = status_of(agent.pid)
    assert set(re.findall(r"\d+", status["Uid"])) == {str(NOBODY.pw_uid)}
    assert set(re.findall(r"\d+", status["Gid"] + " " + status["Groups"])) == {str(NOBODY.pw_gid)}
    for name in ("environ", "mem"):
        seen = subprocess.run(["cat", "/proc/%d/%s" % (agent.pid, name)], user=NOBODY.pw_uid,
                              group=NOBODY.pw_gid, extra_groups=[], capture_output=True, text=True)
        assert "Permission denied" in seen.stderr, "another process of its user reads its memory"
    assert "runs as root" not in agent.log()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_in_a_folder_of_its_own_is_warned(site):
    assert "drayd runs as root: give the state folder a user of its own" in site.agent().log()
