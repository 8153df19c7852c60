"""The release before this one, built from the repository's history."""
import fcntl
import os
import shutil
import subprocess
import tarfile

import pytest

from sim.agent import ROOT

RECORD = os.path.join(ROOT, "tests/previous-release")  # its tag, and the commit where that is absent
PLACE = os.path.join(ROOT, "build/previous")
NATIVE = "amd64"
PACKAGES = {"deb": "dray_0.1.0-1_amd64.deb", "rpm": "dray-0.1.0-1.x86_64.rpm"}


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
    os.makedirs(PLACE, exist_ok=True)
    with open(folder + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side
        if not os.path.exists(os.path.join(folder, "drayctl")):
            make(folder)
    return folder


def make(folder):
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


def package(kind):
    """The release before this one as this one is packaged, with a default configuration of its own."""
    path = os.path.join(PLACE, PACKAGES[kind])
    if os.path.exists(path):
        return path
    programs, work = build(), os.path.join(PLACE, "work")
    shutil.rmtree(work, ignore_errors=True)
    stage = os.path.join(work, "stage")
    staged = os.path.join(ROOT, "build/package", NATIVE)
    shutil.copytree(os.path.join(staged, "stage"), stage, symlinks=True)
    for apart in ("symbols", "doc"):
        shutil.copytree(os.path.join(staged, apart), os.path.join(work, apart), symlinks=True)
    for name, place in (("drayd", "usr/sbin"), ("drayctl", "usr/bin")):
        at = os.path.join(stage, place, name)
        os.unlink(at)
        shutil.copy(os.path.join(programs, name), at)
        run("strip", at)
    with open(os.path.join(stage, "etc/dray/dray.json"), "a") as configuration:
        configuration.write("// As the release before came.\n")
    version = PACKAGES["deb"].split("_")[1].split("-")[0]
    run("env", "arch=" + NATIVE, "version=" + version, "release=1", "sysroot=", "out=" + PLACE,
        "tools=x86_64-linux-gnu", "work=" + work, "maintainer=The dray maintainers "
        "<maintainers@dray.example>", "SOURCE_DATE_EPOCH=1760000000",
        os.path.join(ROOT, "packaging", kind, "make.sh"))
    return path
