"""The cloud-init example that ships: what cloud-init takes, and what drayd takes once the places are filled."""
import os
import subprocess

import pytest

from sim.agent import ROOT, build_folder

yaml = pytest.importorskip("yaml")

EXAMPLE = os.path.join(ROOT, "packaging/cloud-init/dray.yaml")
PLACES = {"BASE64-OF-YOUR-ED25519-PUBLIC-KEY": "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
          "FLEET.EXAMPLE": "fleet.example", "SITE": "dc-muc-1"}


def example():
    with open(EXAMPLE) as file:
        return yaml.safe_load(file)


def test_its_first_line_says_what_it_is():
    """Without it cloud-init takes a user-data for something else, and does nothing."""
    with open(EXAMPLE) as file:
        assert file.readline() == "#cloud-config\n"


def test_it_has_what_cloud_init_knows():
    """The members that `cloud-init schema` allows there, of those that are used."""
    cloud = example()
    assert set(cloud) == {"packages", "write_files", "runcmd"}
    for row in cloud["write_files"]:
        assert set(row) == {"path", "owner", "permissions", "defer", "content"}
        assert isinstance(row["permissions"], str), "a number would be read as decimal"
        assert row["defer"] is True, "before the packages there is no group dray"


def test_its_configuration_is_fine_once_the_places_are_filled(tmp_path):
    (text,) = [row["content"] for row in example()["write_files"] if row["path"] == "/etc/dray/dray.json"]
    for place, word in PLACES.items():
        assert place in text
        text = text.replace(place, word)
    (tmp_path / "dray.json").write_text(text)
    done = subprocess.run([os.path.join(build_folder(), "drayd"), "--config", str(tmp_path / "dray.json"), "--check"],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


def test_the_broker_is_made_the_site_s_before_both_start_anew():
    cloud = example()
    assert set(cloud["packages"]) >= {"mosquitto", "openssl", "dray"}
    assert cloud["runcmd"][0].startswith("drayctl device setup ")
    assert cloud["runcmd"][1] == "systemctl restart mosquitto drayd"
