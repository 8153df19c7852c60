#!/usr/bin/python3
"""Who may know whom, and how long a thing may be.

Every C file belongs to a room, and a room may include the headers of its row and nothing else. The
pure core calls no clock, no file, no socket. Files have at most 600 lines, functions 80.

  layering.py [FOLDER]   check a tree; exit 1 with a line per offence
  layering.py --self-test  plant offences and see each of them refused
"""
import os
import re
import sys
import tempfile

FILE_LINES, FUNCTION_LINES = 600, 80

# Libraries: known by the start of what is between < and >.
LIBRARIES = {"sqlite3": ["sqlite3"], "curl": ["curl/"], "mosquitto": ["mosquitto"], "jq": ["jq.h"],
             "event": ["event2/", "event.h", "evhttp.h"], "openssl": ["openssl/"],
             "cjson": ["cjson/"], "zlib": ["zlib.h"], "systemd": ["systemd/"], "cmocka": ["cmocka"]}

# The core's libc: what computes, and nothing that acts.
PURE = {"assert.h", "ctype.h", "errno.h", "float.h", "inttypes.h", "limits.h", "math.h", "stdarg.h",
        "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "strings.h",
        "time.h", "sys/queue.h", "setjmp.h"}
IMPURE_CALLS = ["time", "clock", "clock_gettime", "gettimeofday", "localtime", "localtime_r",
                "mktime", "tzset", "rand", "random", "srand", "getrandom", "getentropy",
                "RAND_bytes", "getenv", "setenv", "open", "openat", "fopen", "fdopen", "read",
                "write", "fread", "fwrite", "socket", "connect", "send", "recv", "printf",
                "fprintf", "vprintf", "vfprintf", "puts", "fputs", "perror", "syslog", "sleep",
                "usleep", "nanosleep", "system", "popen", "fork", "signal", "exit", "abort"]

# What is never called anywhere: it can't be bounded, or it keeps state.
FORBIDDEN_CALLS = ["strcpy", "strcat", "sprintf", "vsprintf", "strtok", "gets", "atoi", "atol",
                   "atof", "alloca"]

# What 32-bit ARM has not, or only an x86-64 build takes.
NARROW = [(r"\b__int128\b", "is not on 32-bit machines"),
          (r"\.tv_sec = (?![A-Z0-9(])", "may not hold it on 32-bit machines: clock_wait()")]

FLOOR = ["turn.h", "clock.h", "file.h", "log.h", "secret.h"]
WIRING = ["agent.h", "couriers.h", "filter.h", "harden.h", "lock.h", "names.h", "notify.h", "restore.h"]

# room: (libraries, headers of the project by their start); the first room that fits a path counts.
ROOMS = [
    ("include/dray/", ["cjson"], ["dray/"]),
    ("common/", ["cjson", "openssl", "zlib"], ["dray/", "units_texts.h"]),
    ("agent/store/", ["sqlite3", "cjson"], ["dray/", "store/"] + FLOOR),
    ("agent/mqtt/", ["mosquitto", "event", "openssl", "cjson"], ["dray/", "mqtt/"] + FLOOR),
    ("agent/capture/", ["event", "cjson"],
     ["dray/", "capture/", "mqtt/", "store/", "deliver/", "mapper/", "trees.h"] + FLOOR),
    ("agent/courier/", ["curl", "event"], ["dray/", "courier/", "mqtt/"] + FLOOR),
    ("agent/credential/", ["cjson"], ["dray/", "credential/", "courier/", "mapper/"] + FLOOR),
    ("agent/deliver/", ["event", "cjson"],
     ["dray/", "deliver/", "credential/", "courier/", "store/", "mapper/"] + FLOOR),
    ("agent/mapper/", ["jq", "event", "cjson", "zlib"], ["dray/", "mapper/", "filter.h"] + FLOOR),
    ("agent/fleet/", ["event", "cjson"],
     ["dray/", "fleet/", "store/", "deliver/", "courier/", "config/loading.h"] + FLOOR),
    ("agent/ops/", ["event", "openssl", "cjson"],
     ["dray/", "ops/", "store/", "capture/", "deliver/", "fleet/"] + FLOOR),
    ("agent/ctl/", ["curl", "cjson"],
     ["dray/", "ctl/", "mapper/", "config/config_file.h", "config/declared.h", "agent.h", "file.h", "harden.h", "names.h", "secret.h"]),
    ("agent/keep/", ["event"], ["dray/", "keep/", "store/"] + FLOOR),
    ("agent/config/reconfigure.c", ["cjson"],
     ["dray/", "config/", "keep/", "capture/", "deliver/", "ops/", "mapper/", "fleet/", "notify.h"] + FLOOR),
    ("agent/config/loading.c", ["cjson"],
     ["dray/", "config/", "capture/", "deliver/", "ops/", "fleet/", "agent.h"] + FLOOR),
    ("agent/config/", ["event", "cjson"], ["dray/", "config/", "mapper/"] + FLOOR),
    ("agent/agent.c", ["event", "cjson"],
     ["dray/", "config/", "keep/", "store/", "mqtt/", "capture/", "deliver/", "ops/", "mapper/",
      "fleet/"] + FLOOR + WIRING),
    ("agent/couriers.c", [], ["dray/", "courier/"] + FLOOR + WIRING),
    ("agent/restore.c", [], ["dray/", "config/", "store/"] + FLOOR + WIRING),
    ("agent/turn.c", ["event"], ["dray/", "store/"] + FLOOR),
    ("agent/", ["event", "cjson", "openssl", "systemd"], ["dray/"] + FLOOR + WIRING),
    ("tests/", list(LIBRARIES), [""]),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:<([^>]+)>|"([^"]+)")', re.M)
COMMENT_OR_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(code):
    """Comments and literals emptied, line numbers kept."""
    return COMMENT_OR_TEXT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), code)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def library_of(header):
    for library, starts in LIBRARIES.items():
        if any(header.startswith(start) for start in starts):
            return library
    return None


def check_includes(path, text, room, folder):
    name, libraries, headers = room
    is_pure = name in ("common/", "include/dray/")
    for match in INCLUDE.finditer(text):
        system, own = match.groups()
        where = "%s:%d" % (path, line_of(text, match.start()))
        if system:
            library = library_of(system)
            if library and library not in libraries:
                yield "%s: %s has no business with <%s>" % (where, name, system)
            elif not library and is_pure and system not in PURE:
                yield "%s: the pure core may not include <%s>" % (where, system)
        elif "/" not in own and os.path.exists(
                os.path.join(folder, os.path.dirname(path), own)):
            continue
        elif not any(own.startswith(header) for header in headers):
            yield "%s: %s may not know \"%s\"" % (where, name, own)


def check_calls(path, code, room):
    forbidden = [(call, "is not used in this house") for call in FORBIDDEN_CALLS]
    if room[0] == "common/":
        forbidden += [(call, "does not belong in the pure core") for call in IMPURE_CALLS]
    for call, why in forbidden:
        for match in re.finditer(r"(?<![\w.>])%s\s*\(" % call, code):
            yield "%s:%d: %s() %s" % (path, line_of(code, match.start()), call, why)


def check_narrow(path, code):
    for pattern, why in NARROW:
        for match in re.finditer(pattern, code):
            yield "%s:%d: %s %s" % (path, line_of(code, match.start()), match.group(), why)


def check_sizes(path, code):
    lines = code.split("\n")
    if len(lines) - 1 > FILE_LINES:
        yield "%s: %d lines, at most %d" % (path, len(lines) - 1, FILE_LINES)
    begin, last_head = None, None
    for number, line in enumerate(lines, 1):
        if re.match(r"[A-Za-z_].*\(", line):
            last_head = number
        is_table = re.search(r"=\s*\{?\s*$", line) or re.match(r"(struct|enum|union)\s+\w*\s*\{", line)
        if line[:1] not in (" ", "\t", "}", "#") and line.rstrip().endswith("{") and not is_table:
            begin = last_head or number
        elif line.startswith("\t") and line.rstrip().endswith(") {") and begin is None and last_head:
            begin = last_head  # a head that went on in the next line
        elif line.startswith("}") and begin is not None:
            if number - begin + 1 > FUNCTION_LINES:
                yield "%s:%d: a function of %d lines, at most %d" % (
                    path, begin, number - begin + 1, FUNCTION_LINES)
            begin = last_head = None
        elif line.startswith("}"):
            last_head = None
        elif line[:1] not in (" ", "\t") and line.rstrip().endswith(";"):
            last_head = None


def check(folder):
    offences, files = [], 0
    for top in ("include", "common", "agent", "tests"):
        for where, _, names in os.walk(os.path.join(folder, top)):
            for name in sorted(names):
                if not name.endswith((".c", ".h")):
                    continue
                path = os.path.relpath(os.path.join(where, name), folder)
                with open(os.path.join(folder, path), errors="replace") as source:
                    text = source.read()
                files += 1
                room = next(room for room in ROOMS if path.startswith(room[0]))
                code = blank(text)
                # An include's name is a literal: it is looked for in the text as it is.
                offences += check_includes(path, text, room, folder)
                offences += check_calls(path, code, room)
                offences += check_narrow(path, code)
                offences += check_sizes(path, code)
    return files, offences


PLANTED = [
    ("common/a.c", "#include <sqlite3.h>\n", "sqlite3.h"),
    ("common/b.c", "#include <unistd.h>\n", "unistd.h"),
    ("common/c.c", "#include \"store/store.h\"\n", "store/store.h"),
    ("common/r.c", "#include <threads.h>\n", "threads.h"),
    ("common/d.c", "static int f(void)\n{\n\treturn (int)time(NULL);\n}\n", "time()"),
    ("include/dray/e.h", "#include <curl/curl.h>\n", "curl/curl.h"),
    ("agent/mqtt/f.c", "#include <sqlite3.h>\n", "sqlite3.h"),
    ("agent/store/g.c", "#include <mosquitto.h>\n", "mosquitto.h"),
    ("agent/capture/h.c", "#include <curl/curl.h>\n", "curl/curl.h"),
    ("agent/ctl/i.c", "#include \"store/store.h\"\n", "store/store.h"),
    ("agent/deliver/j.c", "#include <jq.h>\n", "jq.h"),
    ("agent/k.c", "#include <curl/curl.h>\n", "curl/curl.h"),
    ("agent/clock.c", "#include \"store/store.h\"\n", "store/store.h"),
    ("agent/store/l.c", "int f(char *a)\n{\n\treturn atoi(a);\n}\n", "atoi()"),
    ("agent/store/m.c", "int f(void)\n{\n" + "\t;\n" * 90 + "}\n", "a function of 93 lines"),
    ("agent/store/n.c", "int f(int a,\n\tint b) {\n" + "\t;\n" * 90 + "}\n", "a function of 93"),
    ("agent/store/o.c", "\n" * 601, "601 lines"),
    ("common/p.c", "static unsigned __int128 wide;\n", "__int128"),
    ("agent/store/q.c", "struct timeval t = { .tv_sec = wait_ms / 1000 };\n", "tv_sec"),
]
ALLOWED = [
    ("common/fine.c", "/* time(NULL), <sqlite3.h> */\n#include <string.h>\n#include <cjson/cJSON.h>\n"
     "#include \"dray/buf.h\"\nint f(void)\n{\n\treturn retry_time(\"time(\");\n}\n"),
    ("agent/store/fine.c", "#include <sqlite3.h>\n#include \"store/store.h\"\n"
     "static const int t[] = {\n" + "\t1,\n" * 90 + "};\n"),
]


def self_test():
    for path, text, complaint in PLANTED + [(path, text, None) for path, text in ALLOWED]:
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(os.path.join(folder, os.path.dirname(path)))
            with open(os.path.join(folder, path), "w") as out:
                out.write(text)
            _, offences = check(folder)
        if complaint is None and offences:
            sys.exit("layering self-test: refused what is allowed: %s" % offences)
        if complaint and not (len(offences) == 1 and complaint in offences[0]):
            sys.exit("layering self-test: %s was not refused for %s: %s" % (
                path, complaint, offences))
    print("layering self-test: %d offences refused, %d allowed" % (len(PLANTED), len(ALLOWED)))


def main():
    if "--self-test" in sys.argv:
        self_test()
        return
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    files, offences = check(sys.argv[1] if len(sys.argv) > 1 else here)
    print("\n".join(offences + ["layering: %d files, %d offences" % (files, len(offences))]))
    sys.exit(1 if offences else 0)


if __name__ == "__main__":
    main()
