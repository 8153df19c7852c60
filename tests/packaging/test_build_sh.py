"""packaging/build.sh as it is called."""
import os
import subprocess

import pytest

from sim.agent import ROOT


@pytest.mark.parametrize("words", [[], ["deb", "mips"], ["--help"], ["apk"]])
def test_what_it_does_not_know_it_answers_with_how_to_call_it(words):
    done = subprocess.run([os.path.join(ROOT, "packaging/build.sh"), *words], capture_output=True,
                          text=True, timeout=20)
    assert done.returncode == 2
    assert "packaging/build.sh [--verify] deb|rpm|all [amd64|arm64|armhf ...]" in done.stderr


@pytest.mark.parametrize("script", ["packaging/build.sh", "packaging/needs.sh", "packaging/quickstart.sh",
                                    "packaging/verify.sh", "packaging/changelog.sh",
                                    "packaging/stage.sh", "packaging/deb/make.sh", "packaging/rpm/make.sh",
                                    "cross/sysroot.sh", "cross/describe.sh"])
def test_the_scripts_are_sound(script):
    """Lists are split into words on purpose (SC2086), and apt-get fills in what is in $() itself (SC2016)."""
    done = subprocess.run(["shellcheck", "-x", "--exclude=SC2086,SC2016", script], cwd=ROOT,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
