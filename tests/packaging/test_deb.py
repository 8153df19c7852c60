"""The .deb as Debian's tools, and Debian's policy, want it."""
import gzip
import hashlib
import os
import re
import subprocess

import pytest

from sim import package
from sim.agent import ROOT

LIBRARIES = {"libc6", "libcjson1", "libcurl4", "libevent-2.1-7", "libevent-openssl-2.1-7", "libjq1",
             "libmosquitto1", "libsqlite3-0", "libssl3", "libsystemd0", "zlib1g"}


def version():
    with open(os.path.join(ROOT, "CMakeLists.txt")) as file:
        return re.search(r"^project\(dray VERSION (\S+)", file.read(), re.M).group(1)


def test_its_name_says_what_it_is(deb):
    assert deb.name == "dray_%s-1_%s.deb" % (version(), deb.arch)
    assert (deb.field("Package"), deb.field("Version"), deb.field("Architecture")) == (
        "dray", version() + "-1", deb.arch)


def test_it_depends_on_what_its_programs_were_linked_with_and_no_more(deb):
    depends = {name.split()[0]: name for name in deb.field("Depends").split(", ")}
    compiler = {"libgcc-s1"} if deb.arch == "armhf" else set()  # clang takes ARM's unwinder from there
    assert set(depends) == LIBRARIES | compiler | {"adduser", "tzdata"}
    assert re.search(r"\(>= 2\.\d+\)", depends["libc6"]), "without a version an older one would do"


def test_the_configuration_is_a_conffile(deb):
    """dpkg then asks before it replaces an edited one, and --force-confold keeps it."""
    assert deb.control["conffiles"].splitlines() == ["/etc/dray/dray.json"]


def test_the_sums_of_all_other_files_are_right(deb):
    """What `dpkg --verify dray` goes by."""
    said = {path: digest for digest, path in
            (line.split("  ") for line in deb.control["md5sums"].splitlines())}
    files = {path: hashlib.md5(content).hexdigest() for path, (_, content) in deb.tree.items()
             if content is not None and not path.startswith("etc/")}
    assert said == files


def test_the_installed_size_is_counted_as_debians_policy_has_it(deb):
    """Section 5.6.20: all bytes, divided by 1024 and rounded up."""
    size = sum(len(content) for _, content in deb.tree.values() if content is not None)
    assert int(deb.field("Installed-Size")) == -(-size // 1024)


def test_everything_belongs_to_root(deb):
    """The group of the configuration is set when there is one: by postinst."""
    assert {(member.uname, member.gname) for member, _ in deb.tree.values()} == {("root", "root")}


def test_the_changelogs_tell_of_this_version(deb):
    doc = "usr/share/doc/dray/"
    newest = gzip.decompress(deb.tree[doc + "changelog.Debian.gz"][1]).decode()
    assert newest.startswith("dray (%s-1) bookworm; urgency=medium\n\n  * " % version())
    parsed = package.said_by("dpkg-parsechangelog", "--all", "-l-", "-SVersion",
                             data=newest.encode()).decode()
    assert parsed.strip() == version() + "-1"
    assert "## %s" % version() in gzip.decompress(deb.tree[doc + "changelog.gz"][1]).decode()


def test_the_copyright_is_machine_readable(deb):
    text = deb.tree["usr/share/doc/dray/copyright"][1].decode()
    assert text.startswith(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n")
    assert re.search(r"^Files: \*\nCopyright: .+\nLicense: Apache-2.0\n", text, re.M)


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_maintainer_scripts_are_sound(deb, script, tmp_path):
    path = tmp_path / script
    path.write_text(deb.scripts[script])
    assert deb.scripts[script].startswith("#!/bin/sh\n") and "\nset -e\n" in deb.scripts[script]
    subprocess.run(["sh", "-n", path], check=True)
    done = subprocess.run(["shellcheck", "--shell=sh", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_purge_alone_removes_data(deb):
    before, purge = deb.scripts["postrm"].split('if [ "$1" = purge ]; then\n')
    assert re.findall(r"^\twipe (.*)$", purge, re.M) == ["/var/lib/dray", "/etc/dray"]
    assert not re.search(r"^\s*wipe ", before, re.M)
    scripts = "".join(deb.scripts.values())
    assert re.findall(r"^.*rm -rf.*$", scripts, re.M) == ['\trm -rf "$1" && return']


@pytest.mark.parametrize("path", [pytest.param(path, id=os.path.basename(path)) for path in
                                  package.DEBS + package.paths("dray-dbgsym_*.deb")])
def test_lintian_has_nothing_to_say(path):
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", path],
                          capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "")
