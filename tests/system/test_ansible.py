"""The Ansible role that ships with dray, run for real."""
import grp
import json
import os
import pwd
import threading

import pytest
import yaml

from sim import ansible, wait
from sim.agent import merge
from sim.site import destination, receipt, wait_applied

pytestmark = [pytest.mark.heavy,
              pytest.mark.skipif(not ansible.is_there(), reason="there is no ansible-playbook")]


def variables_for(agent, config, **more):
    return merge({
        "dray_config": config,
        "dray_config_dir": agent.folder,
        "dray_owner": pwd.getpwuid(os.getuid()).pw_name,
        "dray_group": grp.getgrgid(os.getgid()).gr_name,
        "dray_drayd": agent.binary, "dray_drayctl": agent.drayctl, "dray_socket": agent.socket,
    }, more)


@pytest.fixture
def agent(site):
    """An agent in a folder that Ansible is to own; its log lies elsewhere."""
    erp = site.cloud()
    running = site.agent({"erp": destination(erp, breaker={"failures": 1, "probe": "200ms"})},
                         fleet={"probation": "4s"})
    running.erp = erp
    return running


@pytest.fixture
def restarts(agent, tmp_path):
    """What the role calls in the place of systemctl, and who does it."""
    asked, is_over = tmp_path / "asked", threading.Event()

    def serve():
        while not is_over.wait(0.05):
            if asked.exists():
                agent.stop()
                agent.start()
                asked.unlink()
    thread = threading.Thread(target=serve, daemon=True)  # what it starts ends with it
    thread.start()
    yield ["sh", "-c", "touch '%s'; while [ -e '%s' ]; do sleep 0.05; done" % (asked, asked)]
    is_over.set()
    thread.join(10)


def test_the_role_configures_a_running_agent_and_a_second_run_changes_nothing(agent, tmp_path,
                                                                              restarts):
    """It runs under another name, as a package leaves it: that is taken at a start alone."""
    config = merge(json.loads(json.dumps(agent.config)),
                   {"site": "dc-new-1", "destinations": {"tms": destination(agent.erp, auth={
                       "type": "bearer", "token": {"file": "tms-token"}})}})
    variables = variables_for(agent, config, dray_secrets={"tms-token": "sixteen or more letters"},
                              dray_restart=restarts)
    first = ansible.play(tmp_path, variables)
    assert first.status == 0, first.text
    assert first.counts["changed"] > 0
    names = [row["name"] for row in agent.ask("destinations", "list")["items"]]
    assert names == ["erp", "tms"]
    shown = agent.ask("config", "show")
    assert (shown["site"], shown["state"]) == ("dc-new-1", "good")
    assert os.stat(os.path.join(agent.folder, "tms-token")).st_mode & 0o777 == 0o640
    assert "sixteen or more letters" not in first.text
    second = ansible.play(tmp_path, variables)
    assert second.status == 0, second.text
    assert second.counts["changed"] == 0, second.text


def test_a_configuration_that_drayd_refuses_never_takes_the_place_of_the_good_one(agent, tmp_path):
    before = open(agent.path).read()
    config = merge(json.loads(before), {"routes": {"all": {"to": ["nowhere"]}}})
    run = ansible.play(tmp_path, variables_for(agent, config))
    assert run.status != 0
    assert "routes.all.to" in run.text and "nowhere" in run.text
    assert open(agent.path).read() == before
    assert not os.path.exists(os.path.join(agent.folder, ".check.json"))


def test_a_change_that_is_rolled_back_fails_the_play(site, agent, tmp_path):
    """A wave stops by itself: the host that went back counts as failed."""
    agent.erp.down()
    site.device().send(receipt("waits-1"))
    config = merge(json.loads(json.dumps(agent.config)),
                   {"destinations": {"erp": {"url": "http://127.0.0.1:%d" % wait.free_port()}}})
    run = ansible.play(tmp_path, variables_for(agent, config))
    assert run.status != 0, run.text
    assert "rolled back: destination erp can't be reached" in run.text
    agent.erp.up()
    wait_applied(agent.erp, ["waits-1"])
    # It fails until the files change: what lies there is not what runs.
    again = ansible.play(tmp_path, variables_for(agent, config))
    assert again.status != 0, again.text
    assert "were rolled back: they are ignored until they change" in again.text


def test_a_play_without_a_configuration_says_what_it_needs(agent, tmp_path):
    run = ansible.play(tmp_path, variables_for(agent, {}))
    assert run.status != 0
    assert "dray_config must hold the site's configuration" in run.text


def test_the_example_is_yaml_and_names_the_role():
    with open(os.path.join(ansible.ROOT, "packaging/ansible/site.yml")) as file:
        play = yaml.safe_load(file)[0]
    assert play["roles"] == ["dray"] and play["vars"]["dray_config"]["site"]
