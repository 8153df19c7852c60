#!/usr/bin/python3
"""Counts tests: of cmocka programs from ctest's log and JUnit file, of pytest from its JUnit file.

  tally.py ctest LOG JUNIT | tally.py junit JUNIT     prints "PASSED FAILED SKIPPED"
  tally.py why JUNIT                                  prints the end of what each failed test said

A program that ended badly without naming a failed test (a crash, a sanitizer) is one failure; a
file that is missing or empty is one too: what did not run has not passed.
"""
import re
import sys
import xml.etree.ElementTree as ElementTree

WHY_LINES = 40
WHY_COLUMNS = 300


def count_junit(path):
    passed = failed = skipped = 0
    for case in ElementTree.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def count_ctest(log, junit):
    with open(log, errors="replace") as text:
        lines = text.read()
    passed = len(re.findall(r"^\[       OK \] ", lines, re.M))
    # cmocka names a failed test in its course and again in its sum; the sum has no "test(s)".
    failed = len(set(re.findall(r"^\[  FAILED  \] (\w+)$", lines, re.M)))
    skipped = len(set(re.findall(r"^\[  SKIPPED \] (\w+)$", lines, re.M)))
    programs, programs_failed, _ = count_junit(junit)
    if passed == 0 and failed == 0:
        passed = programs
    return passed, max(failed, programs_failed), skipped


def print_why(path):
    for case in ElementTree.parse(path).iter("testcase"):
        for flaw in case.findall("failure") + case.findall("error"):
            # ctest has what a program said beside the failure, not in it.
            text = flaw.text or case.findtext("system-out") or flaw.get("message") or ""
            print("--- why %s::%s failed:" % (case.get("classname"), case.get("name")))
            for line in text.rstrip().splitlines()[-WHY_LINES:]:
                print(line[:WHY_COLUMNS])


def main():
    if sys.argv[1] == "why":
        print_why(sys.argv[2])
        return
    try:
        counts = (count_ctest if sys.argv[1] == "ctest" else count_junit)(*sys.argv[2:])
        if not any(counts):
            counts = (0, 1, 0)
    except (OSError, ElementTree.ParseError) as error:
        print("tally: %s" % error, file=sys.stderr)
        counts = (0, 1, 0)
    print("%d %d %d" % counts)


if __name__ == "__main__":
    main()
