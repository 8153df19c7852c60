"""Symbols are apart, and found again by build id."""
import os
import re
import shutil
import subprocess

import pytest

from sim import package


def sections(path):
    return package.said_by("readelf", "-SW", path).decode()


def build_id(path):
    return re.search(r"Build ID: ([0-9a-f]{40})", package.said_by("readelf", "-n", path).decode())[1]


def debug_path(identity):
    return "usr/lib/debug/.build-id/%s/%s.debug" % (identity[:2], identity[2:])


def test_programs_carry_none_and_each_has_its_own_by_build_id(dray, tmp_path):
    symbols = package.symbols_of(dray)
    here, there = (package.unpack(each, tmp_path / each.name) for each in (dray, symbols))
    debug_files = {path for path, (member, _) in symbols.tree.items()
                   if member.isfile() and "/debug/" in path}
    named = set()
    for program in package.PROGRAMS:
        path = os.path.join(here, program)
        assert not re.search(r"\.symtab|\.debug_", sections(path)), program
        named.add(debug_path(build_id(path)))
        debug = os.path.join(there, debug_path(build_id(path)))
        assert build_id(debug) == build_id(path)
        assert ".debug_info" in sections(debug)
        table = package.said_by("readelf", "-sW", debug).decode()
        assert re.search(r"FUNC .* main$", table, re.M), program
    assert debug_files == named


def test_the_deb_of_symbols_says_which_builds_it_is_for():
    for deb in map(package.opened, package.DEBS):
        symbols = package.symbols_of(deb)
        said = {debug_path(identity) for identity in symbols.field("Build-Ids").split()}
        assert said == {path for path in symbols.tree if path.endswith(".debug")}
        assert symbols.field("Depends") == "dray (= %s)" % deb.field("Version")


def test_gdb_finds_a_line_of_source(deb, tmp_path):
    is_native = deb.arch == package.said_by("dpkg", "--print-architecture").decode().strip()
    gdb = shutil.which("gdb-multiarch") or is_native and shutil.which("gdb")
    if not gdb:
        pytest.skip("no gdb for %s is installed" % deb.arch)
    here, there = (package.unpack(each, tmp_path / each.name)
                   for each in (deb, package.symbols_of(deb)))
    said = subprocess.run(
        [gdb, "-nx", "-batch", "-iex", "set debug-file-directory %s/usr/lib/debug" % there,
         "-ex", "info line main", os.path.join(here, "usr/sbin/drayd")],
        capture_output=True, text=True, timeout=60)
    assert re.search(r'Line \d+ of "(\./)*agent/\w+\.c" starts at address', said.stdout), said
