"""The .rpm as rpm, and distributions other than the one it was built on, want it."""
import os
import re
import subprocess

import pytest

from sim import package
from sim.agent import ROOT

CONFIG, NOREPLACE = 1 << 0, 1 << 4  # RPMFILE_CONFIG, RPMFILE_NOREPLACE of rpmfiles.h


def test_it_asks_for_libraries_by_soname_alone(rpm):
    """A package's name is its distribution's; a soname is the same everywhere."""
    for name, flags in rpm.table("REQUIRENAME", "REQUIREFLAGS:depflags"):
        assert re.match(r"(lib|ld-linux)[\w.+-]+\.so\.\d+(\([\w.]*\))?(\(64bit\))?$"
                        r"|rtld\(GNU_HASH\)$|rpmlib\(\w+\)$|config\(dray\)$|/bin/sh$", name), name
    names = {name for name, _ in rpm.table("REQUIRENAME", "REQUIREFLAGS:depflags")}
    assert names & {"libcurl.so.4()(64bit)", "libcurl.so.4"}
    assert not any("CURL_OPENSSL" in name for name in names), "only Debian's libcurl has that"


def test_what_edits_survive_and_who_may_read_what(rpm):
    files = {path: (int(flags), "%s:%s" % (user, group), int(mode) & 0o7777)
             for path, flags, user, group, mode in
             rpm.table("FILENAMES", "FILEFLAGS", "FILEUSERNAME", "FILEGROUPNAME", "FILEMODES")}
    assert files["/etc/dray/dray.json"] == (CONFIG | NOREPLACE, "root:dray", 0o640)
    assert files["/etc/dray"][1:] == files["/etc/dray/conf.d"][1:] == ("root:dray", 0o750)
    assert files["/etc/dray/credentials"][1:] == ("root:root", 0o700)
    assert files["/var/lib/dray"][1:] == ("dray:dray", 0o750)
    special = {"/etc/dray", "/etc/dray/conf.d", "/etc/dray/credentials",
               "/etc/dray/dray.json", "/var/lib/dray"}
    assert {owner for path, (_, owner, _) in files.items() if path not in special} == {"root:root"}


def test_it_does_not_tell_which_machine_made_it(rpm):
    with open(os.path.join(ROOT, "packaging/build.sh")) as file:
        assert rpm.ask("%{PACKAGER}") in file.read()
    assert rpm.ask("%{BUILDHOST}") == "dray"
    assert int(rpm.ask("%{BUILDTIME}")) == next(iter(rpm.tree.values()))[0].mtime


@pytest.mark.parametrize("script", ["prein", "postin", "preun", "postun"])
def test_scriptlets_are_sound(rpm, script, tmp_path):
    path = tmp_path / script
    path.write_text("#!/bin/sh\n" + rpm.scripts[script] + "\n")
    subprocess.run(["sh", "-n", path], check=True)
    done = subprocess.run(["shellcheck", "--shell=sh", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "rm " not in rpm.scripts[script], "data stays"


def test_rpmlint_has_nothing_to_say():
    """But what packaging/rpm/rpmlint.toml has a reason for."""
    rpms = package.RPMS + package.paths("dray-debuginfo-*.rpm")
    done = subprocess.run(["rpmlint", "-c", os.path.join(ROOT, "packaging/rpm/rpmlint.toml"), *rpms],
                          capture_output=True, text=True, timeout=120)
    assert "%d packages and 0 specfiles checked; 0 errors, 0 warnings" % len(rpms) in done.stdout, (
        done.stdout)
