"""The release before this one, built from the repository's history."""
import os
import shutil
import subprocess
import tarfile

import pytest

from sim.agent import ROOT

RECORD = os.path.join(ROOT, "tests/previous-release")  # its tag, and the commit where that is absent
PLACE = os.path.join(ROOT, "build/previous")


def git(*arguments):
    done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True,
                          timeout=60)
    return done.stdout.strip() if done.returncode == 0 else None


def find_commit():
    """Skip with a word where there is no history."""
    with open(RECORD) as record:
        names = record.read().split()
    for name in names:
        commit = git("rev-parse", "--quiet", "--verify", name + "^{commit}")
        if commit:
            return commit
    pytest.skip("the previous release, %s, is not in this repository's history" % names[0])


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError("%s: %s%s" % (" ".join(command), done.stdout[-2000:], done.stderr))


def build():
    """The folder with its drayd and drayctl: build/previous/COMMIT, made once."""
    folder = os.path.join(PLACE, find_commit())
    if os.path.exists(os.path.join(folder, "drayctl")):
        return folder
    source = folder + ".source"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(source, ignore_errors=True)
    os.makedirs(source)
    archive = source + ".tar"
    run("git", "-C", ROOT, "archive", "--output", archive, os.path.basename(folder))
    with tarfile.open(archive) as files:
        files.extractall(source)
    run("cmake", "-S", source, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
        "-DDRAY_TESTS=OFF")
    run("cmake", "--build", folder, "-j2")
    return folder
