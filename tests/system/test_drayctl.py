"""drayctl against a running drayd: what it says, how it looks, how it exits."""
import json
import os
import pty
import re
import subprocess

from sim import wait
from sim.agent import ROOT
from sim.site import destination, receipt, wait_applied

MAN = os.path.join(ROOT, "packaging/man")


def option_names(schema, path=""):
    """Dotted names of all options; those of a source, destination or route without its name."""
    if isinstance(schema.get("additionalProperties"), dict):
        yield from option_names(schema["additionalProperties"])
        return
    if set(schema.get("properties", ())) <= {"file"}:  # a value, or a secret
        yield path
        return
    for name, member in schema["properties"].items():
        yield from option_names(member, path + "." + name if path else name)


def on_terminal(agent, *arguments, **env):
    """What drayctl writes when its output is a terminal."""
    master, slave = pty.openpty()
    subprocess.run([agent.drayctl, "--socket", agent.socket, *arguments], stdout=slave,
                   check=True, timeout=240, env=dict(os.environ, **env))
    os.close(slave)
    text = b""
    try:
        while chunk := os.read(master, 65536):
            text += chunk
    except OSError:  # the other side of a pty is gone: the end
        pass
    os.close(master)
    return text.decode()


def rejected(site, agent, erp):
    """One exception `rejected`, with its event's id."""
    erp.faults({"do": "status", "status": 422, "id_part": "wrong"})
    site.device().send(receipt("wrong"))
    return wait.until(lambda: agent.exceptions("rejected"), what="an exception")[0]


def test_a_refused_event_is_said_with_its_field_and_exits_1(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    path = site.folder / "events.json"
    path.write_text('{"id":"good","type":"count","time":"2026-11-21T14:00:00Z","data":{"lines":'
                    '[{"line":1,"item":{"sku":"S"},"quantity":1,"uom":"EA"}]}}\n'
                    '{"id":"bad","type":"no-such-type","time":"2026-11-21T14:00:00Z","data":{}}')
    done = agent.ctl("events", "send", path, "--device", "desk-1", check=False)
    assert done.returncode == 1
    assert re.search(r"stored +1 +good", done.stdout)
    assert re.search(r"rejected .* bad +/type", done.stdout)
    assert agent.ask("events", "list")["items"][0]["device"] == "desk-1"
    assert agent.ctl("events", "send", path, "--device", "no/name", check=False).returncode == 2


def said_with(agent, word):
    """Of the event "wrong", once this is among it."""
    line = agent.ctl("events", "show", "wrong").stdout
    return line if word in line else None


def test_a_retry_sends_the_refused_event_again_and_closes_the_exception(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    row = rejected(site, agent, erp)
    erp.faults()
    assert "sent again" in agent.ctl("exceptions", "retry", row["id"], "--why", "mended").stdout
    wait_applied(erp, ["wrong"])
    assert agent.exceptions() == []
    again = agent.ctl("exceptions", "retry", row["id"], check=False)
    assert again.returncode == 1 and "resolved already" in again.stderr
    line = wait.until(lambda: said_with(agent, "reference"), what="the answer settled")
    assert line.index("received") < line.index("422") < line.index("mended") < line.index("201")
    assert line.index("201") < line.index("reference")


def test_a_retry_by_filter_takes_what_fits(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    rejected(site, agent, erp)
    site.device("tc52-0043").send("nonsense")
    wait.until(lambda: agent.exceptions("unparsable"), what="the unparsable one")
    erp.faults()
    assert agent.ctl("exceptions", "retry", "--kind", "unparsable", check=False).returncode == 1
    agent.ctl("exceptions", "retry", "--destination", "erp")
    wait_applied(erp, ["wrong"])
    assert [row["kind"] for row in agent.exceptions()] == ["unparsable"]


def test_nothing_found_is_exit_1_for_people_and_for_programs(site):
    agent = site.agent()
    for words in (("events", "list"), ("exceptions", "list"), ("destinations", "list")):
        table = agent.ctl(*words, check=False)
        assert table.returncode == 1 and table.stdout == ""
        assert table.stderr == "drayctl: no %s found\n" % words[0]
        as_json = agent.ctl(*words, "--json", check=False)
        assert as_json.returncode == 1 and json.loads(as_json.stdout)["items"] == []


def test_a_word_that_does_not_exist_is_usage(site):
    agent = site.agent()
    for words in (("list", "--kind", "rejcted"), ("list", "--severity", "high"),
                  ("retry", "--kind", "rejcted")):
        done = agent.ctl("exceptions", *words, check=False)
        assert done.returncode == 2 and "must be one of" in done.stderr


def test_a_document_is_found_by_its_id_alone(site):
    agent = site.agent({"erp": destination(site.cloud())})
    handheld = site.device()
    for name, document in (("a", "PO-1001"), ("b", "PO-1002")):
        handheld.send(receipt(name, document=document))
        handheld.ack(name, "stored")
    for key in ("PO-1001", "purchase_order/PO-1001"):
        rows = agent.ask("events", "list", "--document", key)["items"]
        assert [row["id"] for row in rows] == ["a"]


def test_an_id_that_two_devices_used_is_told_apart(site):
    agent = site.agent({"erp": destination(site.cloud())})
    for name in ("tc52-0042", "tc52-0043"):
        handheld = site.device(name)
        handheld.send(receipt("same"))
        handheld.ack("same", "stored")
    done = agent.ctl("events", "show", "same", check=False)
    assert done.returncode == 1
    assert "/tc52-0042" in done.stderr and "/tc52-0043" in done.stderr
    assert agent.ask("events", "show", "same", "--device", "tc52-0043")["seq"] == 2
    assert agent.ask("events", "show", "#1")["device"] == "tc52-0042"


def test_what_could_double_is_sent_again_only_with_force(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp, idempotency={"mode": "none"})})
    erp.faults({"do": "close", "apply": True, "count": 1})
    site.device().send(receipt("doubtful"))
    row = wait.until(lambda: agent.exceptions("unknown"), what="an unknown outcome")[0]
    refused = agent.ctl("exceptions", "retry", row["id"], check=False)
    assert refused.returncode == 1 and "--force" in refused.stderr
    assert "sent again" in agent.ctl("exceptions", "retry", row["id"], "--force").stdout


def test_colors_are_for_terminals_and_no_color_is_obeyed(site):
    agent = site.agent({"erp": destination(site.cloud())})
    assert "\033[" not in agent.ctl("status").stdout
    assert "\033[" in on_terminal(agent, "status", NO_COLOR="")
    assert "\033[" not in on_terminal(agent, "status", NO_COLOR="1")


def test_times_are_in_the_sites_zone(site):
    agent = site.agent({"erp": destination(site.cloud())}, timezone="Asia/Kolkata")
    handheld = site.device()
    handheld.send(receipt("zoned"))
    handheld.ack("zoned", "stored")
    assert "19:34:05" in agent.ctl("events", "show", "zoned").stdout


def test_an_agent_that_is_not_there_is_named_by_its_socket(site):
    agent = site.make_agent()
    done = agent.ctl("status", check=False)
    assert done.returncode == 3 and agent.socket in done.stderr


def manual(page):
    with open(os.path.join(MAN, page + ".scd"), encoding="utf-8") as text:
        return text.read().replace("\\", "")


def test_the_manual_names_every_option_and_every_command(site):
    agent = site.make_agent()
    help_text = agent.ctl("--help").stdout
    for words in re.findall(r"^  ([a-z]+(?: [a-z]+)?)(?= )", help_text, re.M):
        assert "*%s*" % words in manual("drayctl.1"), words
    for option in set(re.findall(r"(?<!drayd )--[a-z-]+", help_text)):
        assert "*%s" % option in manual("drayctl.1"), option
    run = lambda *words: subprocess.run([agent.binary, *words], capture_output=True, text=True,
                                        check=True, timeout=240).stdout
    for option in re.findall(r"--[a-z-]+", run("--help")):
        assert "*%s*" % option in manual("drayd.8"), option
    names = list(option_names(json.loads(run("--print-schema"))))
    assert len(names) > 50
    for name in names:
        assert "*%s*" % name in manual("dray.json.5"), name


def test_the_manual_names_every_path_of_the_control_api():
    page = re.sub(r"_[A-Z]+_", "{}", manual("drayd.8"))
    with open(os.path.join(ROOT, "agent/ops/api.c"), encoding="utf-8") as table:
        paths = re.findall(r'^\t\{ "(/v1/[^"]*)".*?(READING|CHANGE)', table.read(), re.M | re.S)
    assert len(paths) > 20
    for path, kind in paths:
        asked = "%s %s" % ("GET" if kind == "READING" else "POST", path)
        assert "|  %s\n" % asked in page, asked


def sources(*names):
    return "".join(open(os.path.join(ROOT, "agent", name), encoding="utf-8").read() for name in names)


def test_the_manual_says_who_may_change_what():
    with open(os.path.join(ROOT, "agent/ops/api.c"), encoding="utf-8") as table:
        admins = re.findall(r'^\t\{ "(/v1/[a-z]+)[^"]*".*CHANGE, FOR\(TOKEN_ALL\)', table.read(), re.M)
    said = re.search(r"other POSTs to operator and\s+admin, to (.*?) to admin alone",
                     manual("drayd.8"), re.S).group(1)
    assert sorted(set(admins)) == sorted(re.findall(r"/v1/[a-z]+", said))


def test_the_manual_names_every_alarm_that_is_raised_and_cleared():
    code = sources("agent.c", "config/reconfigure.c", "keep/keeper.c", "capture/grant.c")
    kinds = set(re.findall(r'\.kind = "(\w+)"|"(store_\w+)"', code))
    page = manual("drayd.8").split("# ALARMS")[1].split("\n# ")[0]
    named = re.findall(r"^\*(\w+)\* \(\w+\)$", page, re.M)
    assert sorted(a or b for a, b in kinds) == sorted(named)


def test_a_metric_that_the_pages_name_is_there():
    with open(os.path.join(ROOT, "common/metrics.c"), encoding="utf-8") as table:
        there = set(re.findall(r'"(dray_[a-z_]+)"', table.read()))
    pages = [os.path.join(ROOT, "packaging/guides", name)
             for name in os.listdir(os.path.join(ROOT, "packaging/guides"))]
    text = "".join(open(page, encoding="utf-8").read() for page in pages) + manual("drayd.8")
    named = set(re.findall(r"\bdray_[a-z_]+(?:_total|_seconds|_bytes|_up|_open|_revision|_probation)\b", text))
    assert len(named) > 10 and named <= there, named - there
