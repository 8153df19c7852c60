"""The page on threats names tests: each of them is there to be run."""
import os
import re

from sim.agent import ROOT

GUIDE = os.path.join(ROOT, "packaging/guides/security.md")
HEADS = {".py": "def %s(", ".c": "static void %s("}


def test_each_test_that_the_threats_name_exists():
    with open(GUIDE) as guide:
        named = re.findall(r"`([\w/]+)(\.py|\.c)::(\w+)`", guide.read())
    assert len(named) > 30
    for path, kind, name in named:
        with open(os.path.join(ROOT, "tests", path + kind)) as source:
            text = source.read()
        assert "\n" + HEADS[kind] % name in text, "%s%s has no %s" % (path, kind, name)
        if kind == ".c":  # and runs it
            assert text.count(name) > 1, name


def test_each_threat_has_a_test():
    """A row of a table of threats, and what is said of those that nothing stops."""
    with open(GUIDE) as guide:
        parts = guide.read().split("\n## ")
    threats = [part for part in parts if "| threat |" in part]
    assert len(threats) == 6
    for part in threats:
        assert "**Not stopped:**" in part
        rows = [line for line in part.splitlines() if line.startswith("| ")][1:]
        assert rows and all("::test_" in row for row in rows)
