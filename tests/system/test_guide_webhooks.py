"""The guide to webhooks: what it tells a site to write is a configuration, and its call is believed."""
import base64
import hashlib
import hmac
import json
import os
import re
import subprocess

import pytest

from sim import agent as agents
from sim import door, wait

GUIDE = os.path.join(agents.ROOT, "packaging/guides/webhooks.md")
SECRET = "a-secret-of-some-length"


def guide():
    with open(GUIDE) as text:
        return text.read()


def hooks():
    """By name: those of its blocks of JSON, and those of its table of vendors."""
    found = {}
    for block in re.findall(r"```json\n(.*?)```", guide(), re.S):
        shown = json.loads("{%s}" % block)
        found.update(shown.get("listen", {}).get("hooks", shown))
    rows = re.findall(r"^\| (\w+) \| `([^`]+)` \| `(\{.*?\})` \|$", guide(), re.M)
    assert len(rows) == 8
    for vendor, header, signature in rows:
        found[vendor.lower()] = {"scheme": "hmac", "header": header, "hmac": json.loads(signature),
                                 "secret": {"file": vendor.lower()}}
    return found


def write_secrets(folder):
    for hook in hooks().values():
        path = folder / hook["secret"]["file"]
        path.write_text(SECRET if "scheme" in hook
                        else "whsec_" + base64.b64encode(SECRET.encode()).decode())
        path.chmod(0o600)


@pytest.mark.heavy
def test_every_hook_that_it_shows_is_fine(site):
    write_secrets(site.folder)
    assert len(hooks()) == 12
    agent = site.make_agent(mqtt_port=1, listen={"hooks": hooks()})
    done = subprocess.run([agent.binary, "--config", agent.path, "--check"], capture_output=True,
                          text=True, timeout=240)
    assert done.returncode == 0, done.stderr


@pytest.mark.heavy
def test_the_call_that_it_tries_is_stored(site):
    write_secrets(site.folder)
    agent = site.agent(listen={"hooks": {"easypost": hooks()["easypost"]}})
    body = re.search(r"^body='(.*)'$", guide(), re.M).group(1).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    answer = door.ask(agent, "POST", "/v1/hooks/easypost", body,
                      headers={"X-Hmac-Signature": "hmac-sha256-hex=" + signature})
    assert (answer.status, answer.json) == (202, {"stored": 1, "duplicate": 0, "rejected": 0})
    wait.until(lambda: agent.ask("events", "list", "--type", "tracking")["items"], what="the event")
