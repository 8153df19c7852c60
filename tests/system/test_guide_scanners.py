"""The guide's first adapter, as a reader would type it: its blocks, one after another, in one shell."""
import json
import os
import re
import subprocess

import pytest

from sim import agent, wait

# Nothing that others don't run under the sanitizers; typed once.
pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("guide")]

GUIDE = os.path.join(agent.ROOT, "packaging/guides/scanners.md")
SCAN = "1795269845123-118"


# A reader looks whether it is so far, where the guide says how long that takes on a machine of its own.
PATIENCE = """
so_far() {
	case $((n_slept += 1)) in
	1) drayctl --socket control.sock status --json | grep -q '"connected":[[:space:]]*true' ;;
	2) [ $(grep -c 'New client connected' step6) -ge 2 ] && command sleep 1 ;;
	*) [ $(wc -l <acks) -ge 2 ] && drayctl --socket control.sock exceptions show 1 ;;
	esac >/dev/null 2>&1
}
n_slept=0
sleep() {
	local n=$n_slept
	for _ in $(seq 300); do
		n_slept=$n
		so_far && return
		command sleep 0.1
	done
}
"""


def steps():
    with open(GUIDE) as text:
        part = text.read().partition("## Your first adapter\n")[2].partition("\n## ")[0]
    return re.findall(r"\*\*(\d)\..*?\n```\n(.*?)```", part, re.S)


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    """What the shell said, by step."""
    folder = tmp_path_factory.mktemp("guide")
    port = str(wait.free_port())
    script = ["set -e", "trap 'kill $(jobs -p) 2>/dev/null' EXIT", PATIENCE]
    for number, block in steps():
        script += ["exec > step%s 2>&1" % number, block.replace("18830", port)]
    done = subprocess.run(["bash", "-c", "\n".join(script)], cwd=folder, timeout=120,
                          env={**os.environ, "PATH": "%s:%s" % (agent.build_folder(),
                                                               os.environ["PATH"])})
    said = {path.name[4:]: path.read_text() for path in folder.glob("step*")}
    assert done.returncode == 0, said
    return folder, said


def test_the_guide_has_its_six_steps():
    assert [number for number, _ in steps()] == list("123456")


def test_trying_it_shows_the_event(typed):
    assert SCAN in typed[1]["3"] and "4006381333931" in typed[1]["3"]


def test_its_cases_pass(typed):
    assert typed[1]["4"].endswith("3 passed, 0 failed\n")


def test_the_first_is_stored_the_second_a_duplicate(typed):
    folder, said = typed
    acks = [line.split(" ", 1) for line in (folder / "acks").read_text().splitlines()]
    assert {topic for topic, _ in acks} == {"dray/v1/dc-muc-1/ack/G-7"}
    told = [json.loads(ack) for _, ack in acks]
    assert [(ack["id"], ack["status"]) for ack in told] == [(SCAN, "stored"), (SCAN, "duplicate")]
    assert "4006381333931" in said["6"] and "it has no code" in said["6"]
    assert '{"gun":"G 7"}' in said["6"]
