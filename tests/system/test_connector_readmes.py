"""What a connector's README tells a site to write is a configuration."""
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


def destination_of(readme):
    """The members that its blocks of JSON show, the later ones put in beside the first."""
    destination = {}
    for block in re.findall(r"```json\n(.*?)```", readme, re.S):
        shown = json.loads("{%s}" % block)
        first = next(iter(shown.values()))
        agent.merge(destination, first if "connector" in first else shown)
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


@pytest.mark.parametrize("name, readme", [pytest.param(*each, id=each[0]) for each in readmes()])
def test_the_configuration_that_a_readme_shows_is_fine(tmp_path, name, readme):
    destination = destination_of(readme)
    if not destination:
        pytest.skip("the README of %s shows no configuration" % name)
    assert destination["connector"] == name
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    for secret in secret_names(destination):
        (secrets / secret).write_text("secret\n")
        (secrets / secret).chmod(0o600)
    config = agent.configuration(tmp_path, 1883, {name: destination}, {"all": {"to": [name]}})
    path = tmp_path / "dray.json"
    path.write_text(json.dumps(config))
    done = subprocess.run([os.path.join(agent.build_folder(), "drayd"), "--config", str(path),
                           "--check"], capture_output=True, text=True, timeout=30,
                          env={"CREDENTIALS_DIRECTORY": str(secrets)})
    assert done.returncode == 0, done.stderr
