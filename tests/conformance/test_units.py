"""The table of units against UN/ECE's own list of Recommendation 20: every row."""
import csv
import fractions
import os
import re
import subprocess

import pytest

from sim import agent as agents

BASES = {"mass": {"kg": 1, "g": "1/1000", "mg": "1/1000000"}, "length": {"m": 1},
         "area": {"m²": 1, "m2": 1, "km²": 1000000}, "volume": {"m³": 1, "m3": 1}, "time": {"s": 1},
         "count": {"": 1}}
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")

# What the list gives a factor for, and the table none: the number is rounded beyond use or at odds
# with the unit's definition ...
DOUBTFUL = {"ANN", "MON", "D42", "L95", "L96", "M36", "M37",  # years and months of several lengths
            "DRI", "SCR",           # misprinted: 27.34375 and 20 grains are 1.77184... g and 1.29597... g
            "WCD", "WSD", "E19", "L84", "L86", "M70", "M67", "M69", "M48", "M52", "F49", "H82",
            "H79", "R1", "M85", "F13", "E33", "M47", "H80", "G21", "G24", "G25",
            "NM3", "SM3"}           # at a temperature and a pressure
# ... or nothing that a warehouse holds is measured so.
SCIENCE = {"A12", "A14", "A71", "B57", "C52", "C63", "D43", "H30", "H70", "M56",
           # ratios that come out in seconds
           "C94", "F06", "G98", "G99", "H03", "H04", "H05", "H06", "H07", "J74", "L16", "N35"}
# The list is wrong by a power of ten; its own pennyweight, a twentieth of it, says so.
MISPRINTED = {"APZ": 10}


def rows():
    fixtures = os.environ.get("DRAY_FIXTURES") or os.path.join(agents.ROOT, "../shared/fixtures")
    path = os.path.join(fixtures, "unece/units-of-measure.csv")
    if not os.path.exists(path):
        pytest.skip("no %s" % path)
    with open(path, newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text))


def say(texts):
    program = os.path.join(agents.build_folder(), "tests/say_units")
    done = subprocess.run([program], input="".join(t + "\n" for t in texts), text=True, check=True,
                          capture_output=True, timeout=60)
    keys = ("code", "kind", "factor", "name", "symbol")
    return [dict(zip(keys, line.split("\t"))) for line in done.stdout.split("\n")[:-1]]


def pairs():
    listed = rows()
    return list(zip(listed, say([row["CommonCode"] for row in listed])))


def is_deleted(row):
    return row["Status"] == "X"


def read_factor(text):
    """'2,834 952 x 10⁻² kg' as (number, 'kg'); None when it is no number of a unit."""
    text = re.sub("10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)", lambda m: "10^" + m[1].translate(SUPERSCRIPTS), text)
    text = re.sub(r"\b10(-\d+)", r"10^\1", text).replace("×", "x").replace("\xa0", " ")
    match = re.fullmatch(r"\s*(\d[\d ]*(?:[,.][\d ]*\d)?(?!\^))?\s*x?\s*(?:10\^(-?\d+))?\s*"
                         r"([a-z]*[²³23]?)\s*", text)
    if not match or not text:
        return None
    number = (match[1] or "1").replace(" ", "").replace(",", ".")
    return fractions.Fraction(number) * fractions.Fraction(10) ** int(match[2] or 0), match[3]


def test_every_valid_code_is_known_by_its_name_and_symbol():
    valid = [(row, said) for row, said in pairs() if not is_deleted(row)]
    assert len(valid) == 1827
    for row, said in valid:
        expected = [row["CommonCode"], row["Name"].strip(), row["Symbol"].strip()]
        assert [said.get("code"), said.get("name"), said.get("symbol")] == expected
    assert {row["Status"] for row, _ in valid} == {"", "D", "¦"}


def test_a_deleted_code_is_not_known_as_what_it_was():
    deleted = {row["CommonCode"]: said for row, said in pairs() if is_deleted(row)}
    assert len(deleted) == 309
    for code, said in deleted.items():
        # Recommendation 21 and X12 have some of them: "CS" is a case there, "KG" a kilogram.
        assert said["code"] != code or said["kind"] == "package", said
    unknown = [code for code, said in deleted.items() if not said["code"]]
    assert "05" in unknown and "KTM" in unknown and len(unknown) > 150


def test_every_factor_is_that_of_the_list():
    """To the digits that are printed there: six at least."""
    held, without = 0, set()
    for row, said in pairs():
        read = read_factor(row["ConversionFactor"]) if not is_deleted(row) else None
        if said.get("kind") in BASES and not is_deleted(row) and row["ConversionFactor"]:
            factor = fractions.Fraction(said["factor"])
            if row["CommonCode"] == "NPR":
                assert row["ConversionFactor"] == "use pair" and factor == 2
                continue
            assert read, row
            number, unit = read
            number *= fractions.Fraction(BASES[said["kind"]][unit]) * MISPRINTED.get(said["code"], 1)
            assert abs(number / factor - 1) < fractions.Fraction(2, 10 ** 6), (row, said)
            held += 1
        elif read and read[1] in {unit for bases in BASES.values() for unit in bases if unit}:
            without.add(row["CommonCode"])
    assert held > 120
    assert without == DOUBTFUL | SCIENCE


def test_nothing_is_in_the_table_that_is_not_in_the_list():
    with open(os.path.join(agents.ROOT, "common/units_rec20.inc"), encoding="utf-8") as text:
        codes = re.findall(r'^UNIT\("([^"]+)"', text.read(), re.M)
    assert codes == sorted(codes, key=str.encode)
    assert set(codes) == {row["CommonCode"] for row in rows() if not is_deleted(row)}


def test_a_package_stands_where_it_is_sorted():
    with open(os.path.join(agents.ROOT, "common/units_rec21.inc"), encoding="utf-8") as text:
        rows21 = re.findall(r'^PACKAGE\("(X[^"]{2})", "([^"]+)"\)', text.read(), re.M)
    codes = [code for code, _ in rows21]
    assert len(codes) == 405 and codes == sorted(codes, key=str.encode)
    for (code, name), said in zip(rows21, say(codes)):
        assert said["name"] == name and said["kind"] == "package"
        assert said["code"] in (code, code[1:])
        assert say([said["code"]])[0]["name"] == name
