#!/usr/bin/python3
"""The pure core keeps nothing between two calls: no object of it is writable.

What the loader writes and then closes (.data.rel.ro: tables of pointers) is constant.

  globals.py ARCHIVE     check a static library; exit 1 with a line per offence
  globals.py --self-test plant offences and see each of them refused
"""
import os
import re
import subprocess
import sys
import tempfile

CONSTANT = (".rodata", ".data.rel.ro")

# 0000000000000000 l     O .bss	0000000000000004 count
# An object, or what has no kind: a thread's own variable.
OBJECT = re.compile(r"^[0-9a-f]+ .{5}[ O]{2} (?!\*UND\*)(\S+)\s+([0-9a-f]+) (.*)$", re.M)


def check(archive):
    """How many constant objects it has, and a line for each other one."""
    listed = subprocess.run(["objdump", "-t", archive], check=True, capture_output=True, text=True).stdout
    constants, offences = 0, []
    for member in re.split(r"\n(?=\S+\.o:\s)", listed):
        name = member.partition(":")[0].strip()
        for section, size, symbol in OBJECT.findall(member):
            if section.startswith(CONSTANT):
                constants += 1
            else:
                offences.append("%s: %s, %d bytes in %s, is a global" % (
                    name, symbol, int(size, 16), section))
    return constants, offences


PLANTED = [
    ("int f(void)\n{\n\tstatic int count;\n\treturn ++count;\n}", "count"),
    ("static char texts[60000];\nchar *f(void)\n{\n\treturn texts;\n}", "texts, 60000 bytes"),
    ("int shared = 1;", "shared"),
    ("int common __attribute__((common));", "common"),
    ("_Thread_local int own;", "own"),
    ("const char *word = \"constant is what it points at\";", "word"),
]
ALLOWED = ("static const char *const words[] = { \"a\", \"b\" };\nextern int elsewhere;\n"
           "const char *f(int i)\n{\n\tstatic const int at[] = { 1, 0 };\n"
           "\treturn words[at[i + elsewhere]];\n}")


def check_source(text):
    with tempfile.TemporaryDirectory() as folder:
        made, archive = os.path.join(folder, "a.c.o"), os.path.join(folder, "liba.a")
        subprocess.run(["cc", "-fPIE", "-xc", "-", "-c", "-o", made], input=text, check=True, text=True)
        subprocess.run(["ar", "rc", archive, made], check=True)
        return check(archive)


def self_test():
    for text, complaint in PLANTED:
        _, offences = check_source(text)
        if not (len(offences) == 1 and offences[0].startswith("a.c.o: " + complaint)):
            sys.exit("globals self-test: not refused for %s: %s" % (complaint, offences))
    constants, offences = check_source(ALLOWED)
    if offences or constants != 2:
        sys.exit("globals self-test: %d constants, refused what is allowed: %s" % (constants, offences))
    print("globals self-test: %d offences refused" % len(PLANTED))


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return
    constants, offences = check(sys.argv[1])
    if not constants:
        offences.append("no object at all is in %s" % sys.argv[1])
    print("\n".join(offences + ["globals: %d constants, %d offences" % (constants, len(offences))]))
    sys.exit(1 if offences else 0)


if __name__ == "__main__":
    main()
