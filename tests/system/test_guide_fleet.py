"""The guide's commands, as they stand there, and what an agent makes of their outcome."""
import json
import os
import re
import subprocess

from sim.agent import ROOT, merge
from sim.site import destination

GUIDE = os.path.join(ROOT, "packaging/guides/fleet.md")


def text_of_guide():
    with open(GUIDE, encoding="utf-8") as text:
        return text.read()


def test_what_the_guide_signs_is_taken_by_the_site_it_is_for(site):
    agent = site.make_agent({"erp": destination(site.cloud())}, site="dc-muc-1",
                            fleet={"probation": "1s"})
    blocks = re.findall(r"^```sh\n(.*?)^```$", text_of_guide(), re.M | re.S)
    env = dict(os.environ, PATH=os.path.dirname(agent.drayctl) + ":" + os.environ["PATH"])
    said = [subprocess.run(["bash", "-euc", block], cwd=site.folder, env=env, check=True,
                           capture_output=True, text=True, timeout=240).stdout for block in blocks]
    assert len(blocks) == 3
    agent.write_config(merge(agent.config, {"fleet": {"public_key": said[0].strip()}}))
    agent.start()
    for name, revision, timeout in (("dc-muc-1.json", 12, "45s"), ("by-hand.json", 13, "50s")):
        agent.ctl("config", "apply", site.folder / name)
        shown = agent.ask("config", "show")
        assert shown["revision"] == revision
        assert shown["config"]["destinations"]["erp"]["timeout"] == timeout


def test_the_guides_section_and_documents_are_what_they_say(site):
    whole = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", text_of_guide(),
                                                       re.M | re.S)]
    section, desired, reported = whole
    section["fleet"]["url"], section["fleet"]["token"] = "http://127.0.0.1:1/", None
    agent = site.make_agent({"erp": destination(site.cloud()), "old-tms": destination(site.cloud())},
                            {"shipping": {"to": ["old-tms"]}}, site="dc-muc-1", **section)
    checked = agent.ctl("config", "check", "--config", agent.path)
    assert "fine" in checked.stdout
    del agent.config["fleet"]["public_key"]
    agent.write_config(agent.config)
    agent.start()
    path = site.folder / "desired.json"
    path.write_text(json.dumps(desired))
    agent.ctl("config", "apply", path)
    assert sorted(reported) == sorted(["time", "site", "version", "revision", "state", "origin",
                                       "digest", "last"])
