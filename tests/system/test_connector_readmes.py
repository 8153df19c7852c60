"""What the README of a connector or an adapter tells a site to write is a configuration."""
import json
import os
import re
import subprocess

import pytest

from sim import agent, mapper


HOST_KEY = "A" * 43


def readmes():
    for name in sorted(os.listdir(mapper.CONNECTORS)):
        path = os.path.join(mapper.CONNECTORS, name, "README.md")
        if os.path.exists(path):
            with open(path) as text:
                yield name, text.read()


def blocks(readme):
    """(name, members) that each of its blocks of JSON shows."""
    for block in re.findall(r"```json\n(.*?)```", readme, re.S):
        shown = json.loads("{%s}" % block)
        yield next(iter(shown)), shown


def adapters_of(readme):
    """Sources and hooks, by name."""
    return {name: shown[name] for name, shown in blocks(readme) if "adapter" in shown[name]}


def destination_of(readme):
    """The members that its other blocks show, the later ones put in beside the first."""
    destination = {}
    for name, shown in blocks(readme):
        if "adapter" in shown[name]:
            continue
        agent.merge(destination, shown[name] if "connector" in shown[name] else shown)
    if destination.get("auth", {}).get("host_key") == "…":
        destination["auth"]["host_key"] = HOST_KEY
    return destination


def secret_names(value):
    if isinstance(value, dict):
        if set(value) == {"file"}:
            yield value["file"]
        else:
            for member in value.values():
                yield from secret_names(member)


def check(folder, config):
    """drayd --check, with a secret in each file that it names."""
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700)
    for secret in secret_names(config):
        (secrets / secret).write_text("a-secret-of-some-length\n")
        (secrets / secret).chmod(0o600)
    path = folder / "dray.json"
    path.write_text(json.dumps(config))
    done = subprocess.run([os.path.join(agent.build_folder(), "drayd"), "--config", str(path),
                           "--check"], capture_output=True, text=True, timeout=240,
                          env={"CREDENTIALS_DIRECTORY": str(secrets)})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", [
    name for name, _ in readmes()
    if os.path.exists(os.path.join(mapper.CONNECTORS, name, "connector.json"))])
def test_the_destination_that_a_readme_shows_is_fine(tmp_path, name):
    destination = destination_of(dict(readmes())[name])
    assert destination["connector"] == name
    check(tmp_path, agent.configuration(tmp_path, 1883, {name: destination},
                                        {"all": {"to": [name]}}))


@pytest.mark.parametrize("name", [
    name for name in sorted(os.listdir(mapper.CONNECTORS))
    if os.path.exists(os.path.join(mapper.CONNECTORS, name, "adapter.json"))])
def test_the_source_or_hook_that_a_readme_shows_is_fine(tmp_path, name):
    shown = adapters_of(dict(readmes())[name])
    assert {each["adapter"] for each in shown.values()} == {name}
    hooks = {key: each for key, each in shown.items() if "secret" in each}
    sources = {key: each for key, each in shown.items() if "topic" in each}
    assert hooks or sources
    config = agent.configuration(tmp_path, 1883, {}, {})
    config["sources"] = sources or {"handhelds": {"topic": "dray/v1/+/event/#"}}
    config["listen"] = {"address": "127.0.0.1:8750", "hooks": hooks}
    check(tmp_path, config)
