"""The X12 connectors, read back by a parser that isn't ours: npm's node-x12 in its strict mode, which
counts segments, sets and groups and compares the control numbers of both ends.

Where there is no npm, or no registry within its reach, nothing is read.
"""
import json
import os
import random
import re
import shutil
import subprocess

import pytest

from sim import agent as agents
from sim import long, npm

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(agents.ROOT, "agent/connectors/x12-%s")
PRELUDE = os.path.join(agents.ROOT, "agent/mapper/prelude.jq")
SETS = {"944": "receipt", "945": "ship", "856": "ship"}
VARS = {"sender_id": "DRAYSITE", "receiver_id": "DEPOSITOR", "depositor_id": "0012",
        "warehouse_name": "Lager Süd"}
# X12.6's extended set without the characters that separate.
CHARACTERS = re.compile(r"""[A-Za-z0-9 !"&'()+,./:;?=%@_{}\\|<#$\[\]-]*""")


# --- the two programs: ours that writes, theirs that reads ---------------------------------------------

@pytest.fixture(scope="module")
def parser():
    folder = npm.folder("node-x12", "1.7.1")

    def read(texts):
        lines = "".join(json.dumps({"id": i, "text": text}) + "\n" for i, text in enumerate(texts))
        out = subprocess.run(
            ["node", os.path.join(HERE, "read_x12.cjs")], input=lines.encode(), check=True,
            stdout=subprocess.PIPE, timeout=120,
            env=dict(os.environ, NODE_PATH=os.path.join(folder, "node_modules"))).stdout
        answers = [json.loads(line) for line in out.decode().splitlines()]
        assert [a["id"] for a in answers] == list(range(len(texts)))
        return answers
    return read


def render(name, inputs):
    """What a connector says to many inputs, by the same jq that the mapper has."""
    if not shutil.which("jq"):
        pytest.skip("jq is not installed")
    with open(os.path.join(FOLDER % name, "connector.json")) as text:
        declared = json.load(text)["vars"]
    defaults = {key: var["default"] for key, var in declared.items() if "default" in var}
    vars_ = {**defaults, **{key: value for key, value in VARS.items() if key in declared}}
    with open(PRELUDE) as prelude, open(os.path.join(FOLDER % name, "connector.jq")) as program:
        whole = prelude.read() + program.read()
    lines = "".join(json.dumps({
        "op": "deliver", "events": [event], "key": "00000000-0000-8000-8000-%012x" % serial,
        "serial": serial, "carry": None, "response": None, "site": "dc-muc-1",
        "vars": vars_}) + "\n" for serial, event in inputs)
    done = subprocess.run(["jq", "-c", whole], input=lines.encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120, check=False,
                          env=dict(os.environ, TZ="Europe/Berlin"))
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    outputs = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert len(outputs) == len(inputs)
    return outputs


# --- events that nobody would think of -------------------------------------------------------------------

def some_text(draw, most):
    return "".join(draw.choice("aB3 -*~>:^äÖßéłЖ漢\t\n\"\\'&😀") for _ in range(draw.randint(1, most)))


def some_line(draw, number):
    line = {"line": number, "item": {}, "quantity": draw.choice(["1", "12", "0.5", "250.25", "9999"])}
    if draw.random() < 0.8:
        line["item"]["sku"] = "SKU-%d" % draw.randrange(1000)
    if "sku" not in line["item"] or draw.random() < 0.3:
        line["item"]["gtin"] = "%014d" % draw.randrange(10 ** 13)
    for key, value in (("uom", draw.choice(["EA", "KGM", "CS", "H87"])),
                       ("requested", str(draw.randint(1, 99))),
                       ("lot", "L%d" % draw.randrange(10 ** draw.randint(1, 18))),
                       ("condition", draw.choice(["good", "damaged", "expired", "quarantine"])),
                       ("serials", ["S%d" % n for n in range(draw.randrange(4))]),
                       ("expiry", "2027-03-%02d" % draw.randint(1, 28))):
        if draw.random() < 0.5:
            line[key] = value
    return line


def some_event(draw, kind):
    lines = [some_line(draw, n + 1) for n in range(draw.randint(1, 6))]
    data = {"document": {"type": "purchase_order" if kind == "receipt" else "sales_order",
                         "id": "DOC-%d" % draw.randrange(10 ** 6)}, "lines": lines}
    if kind == "receipt":
        data["supplier"] = {"id": "SUP-%d" % draw.randrange(99), "name": some_text(draw, 90)}
    else:
        cut = draw.randint(0, len(lines))
        data["packages"] = [{"sscc": "%018d" % draw.randrange(10 ** 17), "lines": [line],
                             "weight": {"value": "%d.%d" % (n, n), "uom": "KGM"}}
                            for n, line in enumerate(lines[:cut])]
        data["lines"] = lines[cut:]
        data["ship_to"] = {"name": some_text(draw, 90), "street": some_text(draw, 90),
                           "city": some_text(draw, 60), "postal_code": "80331", "country": "DE"}
        data["carrier"] = {"scac": "DHLG", "service": some_text(draw, 60)}
    month = draw.randint(1, 12)
    return {"id": "e", "source": "/s/d", "type": kind, "time": "2026-%02d-21T23:04:05.123Z" % month,
            "data": data}


def lines_of(event):
    data = event["data"]
    return [line for package in data.get("packages", []) for line in package["lines"]] + data["lines"]


# --- what must hold ----------------------------------------------------------------------------------------

QUANTITY = {"944": ("W07", 1), "945": ("W12", 3), "856": ("SN1", 2)}


def check_set(name, serial, event, text, answer):
    assert "error" not in answer, answer["error"]
    assert text[105] == "~" and text[90:99] == "%09d" % serial  # ISA has one length: ISA13 is here
    [the_set] = answer["sets"]
    segments = the_set["segments"]
    assert the_set["gs"][6] == str(serial)
    assert segments[0] == ["ST", name, "%09d" % serial]
    assert segments[-1] == ["SE", str(len(segments)), "%09d" % serial]
    for segment in segments:
        assert segment[-1] != "", segment
        assert all(CHARACTERS.fullmatch(element) for element in segment), segment
    tag, place = QUANTITY[name]
    said = [segment[place] for segment in segments if segment[0] == tag]
    assert said == [line["quantity"] for line in lines_of(event)]
    if name == "856":
        check_levels(segments, event)


def check_levels(segments, event):
    """Every level numbered in order, under one that may have it, and counted."""
    may_be_under = {"S": [None], "O": ["S"], "P": ["O"], "I": ["O", "P"]}
    level = {"": None}
    levels = [segment for segment in segments if segment[0] == "HL"]
    for number, (_, own, parent, code, has_children) in enumerate(levels, 1):
        assert own == str(number) and level[parent] in may_be_under[code]
        assert has_children == ("1" if any(hl[2] == own for hl in levels) else "0")
        level[own] = code
    assert ["CTT", str(len(levels))] in segments
    ssccs = [segment[2] for segment in segments if segment[0] == "MAN"]
    assert ssccs == ["00" + package["sscc"] for package in event["data"].get("packages", [])]


@pytest.mark.parametrize("name", sorted(SETS))
def test_what_a_connector_writes_is_read_back_by_another_parser(parser, name):
    draw = random.Random(name)
    inputs = [(draw.randrange(1, 10 ** 9), some_event(draw, SETS[name]))
              for _ in range(long.count(200, 5000))]
    outputs = render(name, inputs)
    refused = [output for output in outputs if "send" not in output]
    assert not refused, refused[0]
    assert len({output["send"]["path"] for output in outputs}) == len({serial for serial, _ in inputs})
    texts = [output["send"]["text"] for output in outputs]
    for (serial, event), text, answer in zip(inputs, texts, parser(texts)):
        check_set(name, serial, event, text, answer)


@pytest.mark.parametrize("name", sorted(SETS))
def test_what_the_cases_expect_is_read_too(parser, name):
    with open(os.path.join(FOLDER % name, "cases.json")) as text:
        cases = json.load(text)
    texts = [step["expect"]["send"]["text"] for case in cases for step in case["steps"]
             if "send" in (step["expect"] or {})]
    assert len(texts) > 3
    for answer in parser(texts):
        assert "error" not in answer, answer


def test_the_part_that_they_share_is_the_same_in_all():
    shared = set()
    for name in SETS:
        with open(os.path.join(FOLDER % name, "connector.jq")) as text:
            shared.add(text.read().split("\n\n", 1)[1].split("# --- %s ---" % name)[0])
    assert len(shared) == 1


# --- the parser itself, held against others' files ---------------------------------------------------------

ISA = ("ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *261121*1504*U*00401*"
       "000000017*0*P*>~GS*XX*SENDER*RECEIVER*20261121*1504*17*X*004010~")
IEA = "GE*1*17~IEA*1*000000017~"


@pytest.mark.parametrize("file, is_right", [
    ("850_5010_1", True), ("856_3", True), ("940_1", True), ("940_2", True), ("997_1", True),
    ("855_1", False), ("945_1", False)])
def test_the_parser_takes_what_is_right_and_counts_what_is_wrong(parser, file, is_right):
    """Others' transaction sets, in an envelope without fault: theirs have some that aren't at issue."""
    fixtures = os.environ.get("DRAY_FIXTURES") or os.path.join(agents.ROOT, "../shared/fixtures")
    path = os.path.join(fixtures, "x12/x12-types_%s.edi" % file)
    if not os.path.exists(path):
        pytest.skip("no %s" % path)
    with open(path) as text:
        one = re.search(r"ST\*.*SE\*\d+\*\w+~", text.read().replace("\n", "")).group(0)
    [answer] = parser([ISA + one + IEA])
    if is_right:
        assert "error" not in answer, answer
    else:
        assert "SE01" in answer["error"]
