"""Reference data: what drayctl imports, the door knows, and nothing that happens to the agent forgets."""
import json
import os
import pty
import subprocess

from sim import wait
from sim.site import receipt
from sim.wreck import Wreck

UNITS = '''{"kind":"unit","id":"H87","names":["Stk","Stück"]}
{"kind":"unit","id":"PX","names":["PAL"]}
'''
BOLT = ('{"kind":"item","id":"SKU-1","name":"Bolt M8","uom":"EA",'
        '"gtins":["09506000134352",{"gtin":"19506000134359","pack":"12"}],'
        '"packs":{"CS":"12","PX":"480"},'
        '"supplier_items":[{"supplier":"ACME","item":"A-77"},"B-9"],"codes":["OLD-1"]}\n')
TEE = '{"kind":"item","id":"SKU-2","name":"Tee, green","uom":"H87","gtins":["04006381333931"]}\n'
CSV = ('\ufeffid;name;uom;gtin;pack_uom;pack;supplier;supplier_item;code\r\n'
       'SKU-1;Bolt M8;each;9506000134352;;;ACME;A-77;OLD-1\r\n'
       'SKU-1;;;19506000134359;;12;;B-9;\r\n'
       'SKU-1;;;;CS;12.0;;;\r\n'
       'SKU-1;;;;PAL;480;;;\r\n'
       'SKU-2;"Tee, green";Stk;4006381333931;;;;;\r\n')


def put(agent, name, text, *options, check=True):
    """Import a file of this text."""
    path = os.path.join(agent.folder, name)
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return agent.ctl("reference", "import", path, *options, check=check)


def export(agent, *options):
    return agent.ctl("reference", "export", *options).stdout


def line(**more):
    return dict({"line": 1, "quantity": 2}, **more)


def stored_line(site, agent, name, **more):
    """The first line of a receipt as it was stored."""
    handheld = site.device("tc-" + name)
    handheld.send(receipt(name, lines=[line(**more)]))
    handheld.ack(name, "stored")
    body = agent.ask("events", "show", name)["body"]
    return body["data"]["lines"][0], body.get("draynormalised", "")


def refusal(site, name, **more):
    handheld = site.device("tc-" + name)
    handheld.send(receipt(name, lines=[line(**more)]))
    return handheld.ack(name, "rejected")


def test_csv_and_json_lines_say_the_same_and_export_gives_them_back(site):
    agent = site.agent()
    assert "2 records stored" in put(agent, "units.jsonl", UNITS).stdout
    assert "2 records stored" in put(agent, "items.csv", CSV).stdout
    assert export(agent, "--kind", "item") == BOLT + TEE
    as_csv = export(agent, "--format", "csv")
    assert agent.ctl("reference", "remove", "item", "SKU-1", "SKU-2").stdout == "2 removed\n"
    assert agent.ctl("reference", "remove", "unit", "H87", "PX").stdout == "2 removed\n"
    assert agent.ctl("reference", "export", check=False).returncode == 1
    put(agent, "again.csv", as_csv)
    assert export(agent) == BOLT + TEE + UNITS
    assert json.loads(put(agent, "all.jsonl", BOLT + TEE + UNITS, "--json").stdout) == {
        "records": 4, "stored": 4, "moved": 0, "removed": 0, "dry_run": False}
    assert export(agent) == BOLT + TEE + UNITS


def test_the_list_shows_what_an_item_is_found_by(site):
    agent = site.agent()
    put(agent, "all.jsonl", UNITS + BOLT + TEE)
    rows = agent.ctl("reference", "list").stdout.splitlines()
    assert rows[0].split() == ["KIND", "ID", "NAME", "UNIT", "PACKS", "FOUND", "BY", "SEEN"]
    assert ("item  SKU-1  Bolt M8     EA    CS 12, PX 480  "
            "09506000134352, 19506000134359 (12), ACME/A-77, B-9, OLD-1") in rows[1]
    assert rows[3].split()[:3] == ["unit", "H87", "piece"] and "Stk, Stück" in rows[3]
    page = agent.ctl("reference", "list", "--kind", "item", "--limit", "1").stdout
    assert "SKU-1" in page and "SKU-2" not in page and "--cursor 'item/SKU-1'" in page
    page = agent.ctl("reference", "list", "--kind", "item", "--cursor", "item/SKU-1").stdout
    assert "SKU-2" in page and "SKU-1" not in page
    shown = agent.ctl("reference", "show", "item", "SKU-1").stdout
    assert '"CS":"12"' in shown and "import" in shown
    missing = agent.ctl("reference", "show", "item", "SKU-9", check=False)
    assert missing.returncode == 1 and "there is no item SKU-9" in missing.stderr


def test_a_scan_becomes_the_sites_own_item_in_its_own_unit(site):
    agent = site.agent()
    stored, _ = stored_line(site, agent, "before", item={"sku": "WHATEVER"}, uom="EA")
    assert stored["item"]["sku"] == "WHATEVER"
    put(agent, "all.jsonl", UNITS + BOLT + TEE)

    stored, notes = stored_line(site, agent, "case", item={"gtin": "9506000134352"}, uom="CS")
    assert stored["item"]["sku"] == "SKU-1"
    assert (stored["quantity"], stored["uom"]) == ("24", "EA")
    assert "item:/data/lines/0/item/sku" in notes and "unit:/data/lines/0/quantity" in notes
    _, _, received = agent.ctl("events", "show", "case").stdout.partition("as received:")
    received = json.loads(received.replace("\n", ""))["data"]["lines"][0]
    assert (received["quantity"], received["uom"]) == (2, "CS")
    stored, _ = stored_line(site, agent, "pack", item={"gtin": "19506000134359"})
    assert (stored["item"]["sku"], stored["quantity"], stored["uom"]) == ("SKU-1", "24", "EA")
    stored, _ = stored_line(site, agent, "old", item={"sku": "OLD-1"}, uom="PAL")
    assert (stored["item"]["sku"], stored["quantity"]) == ("SKU-1", "960")
    stored, _ = stored_line(site, agent, "local", item={"sku": "SKU-2"}, uom="Stück")
    assert (stored["quantity"], stored["uom"]) == ("2", "H87")
    assert refusal(site, "other", item={"sku": "WHATEVER"}, uom="EA")["reason"] == "item_unknown"
    assert refusal(site, "odd", item={"sku": "SKU-2"}, uom="CS")["reason"] == "uom_inexact"

    # The next word counts at once: the code is another item's now.
    put(agent, "move.jsonl", '{"kind":"item","id":"SKU-3","uom":"EA","codes":["OLD-1"]}\n')
    stored, _ = stored_line(site, agent, "moved", item={"sku": "OLD-1"}, uom="EA")
    assert stored["item"]["sku"] == "SKU-3"


def test_it_survives_a_restart_a_kill_and_a_broken_database(site):
    agent = site.agent()
    put(agent, "all.jsonl", UNITS + BOLT + TEE)
    before = export(agent)
    agent.kill9()
    agent.start()
    assert export(agent) == before
    for n in range(3):
        stored_line(site, agent, "event-%d" % n, item={"sku": "OLD-1"}, uom="EA")
    agent.stop()
    wreck = Wreck(agent.config["state_dir"], site.folder)
    wreck.overwrite(wreck.pages("sqlite_autoindex_event_1"))  # read for each event
    agent.start()
    stored_line(site, agent, "breaks", item={"sku": "OLD-1"}, uom="EA")
    wait.until(lambda: (agent.ask("status")["salvage"] or {}).get("state") == "done", 60,
               "the end of the salvage")
    assert export(agent) == before
    stored, _ = stored_line(site, agent, "after", item={"gtin": "9506000134352"}, uom="CS")
    assert (stored["item"]["sku"], stored["quantity"]) == ("SKU-1", "24")


def test_a_flaw_is_told_by_its_line_in_the_file(site):
    agent = site.agent()
    bad = put(agent, "a.jsonl", BOLT + "\n" + TEE.replace("4006381333931", "4006381333932"),
              check=False)
    assert bad.returncode == 1 and "line 3: /gtins/0 04006381333932 is no GTIN" in bad.stderr
    assert agent.ctl("reference", "list", check=False).returncode == 1  # nothing of the call

    head = "id,name,uom,gtin\n"
    many = head + "".join("S-%d,,EA,\n" % n for n in range(700))
    for text, words in (
            (many + "LAST,,EA,123\n", "line 702: /gtins/0 123 is no GTIN"),
            (head + "A,,EA,\n\nB,,zorps,\n", "line 4: /uom zorps is no unit"),
            (head + "A,\"two\nlines\",EA,\n", "line 2: /name holds a control character"),
            (head + "A,b\"c,EA,\n", "line 2: a quote inside a field"),
            (head + "A,b\n", "line 2: has 2 fields, the header has 4"),
            ("id,colour\n", "line 1: column 2 of the header"),
            (head + "A,,EA,\nB,,EA,\nA,,EA,\n", "line 4: id stands in the file before"),
            (head + "A,x,EA,\nA,y,EA,\n", "line 3: name is another one"),
            (head + ",x,EA,\n", "line 2: id is empty")):
        bad = put(agent, "b.csv", text, check=False)
        assert bad.returncode == 1 and words in bad.stderr, bad.stderr
    assert len(export(agent).splitlines()) == 500  # the calls before the flaw; it says so
    assert "500 records stored" in put(agent, "b.csv", many + "LAST,,EA,123\n", check=False).stdout


def test_a_dry_run_stores_nothing(site):
    agent = site.agent()
    done = put(agent, "a.jsonl", BOLT, "--dry-run")
    assert "1 records are fine, nothing is stored" in done.stdout
    assert agent.ctl("reference", "list", check=False).returncode == 1


def answered(agent, path, answer):
    """Import with --replace on a terminal, where a person types an answer."""
    master, slave = pty.openpty()
    with subprocess.Popen([agent.drayctl, "--socket", agent.socket, "reference", "import", path,
                           "--kind", "item", "--replace"], stdin=slave, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as done:
        os.write(master, answer.encode())
        out, err = done.communicate(timeout=30)
    os.close(slave)
    os.close(master)
    return done.returncode, out, err


def test_what_the_file_has_not_goes_only_when_a_person_says_how_many(site):
    agent = site.agent()
    put(agent, "all.jsonl", UNITS + BOLT + TEE)
    path = os.path.join(agent.folder, "less.jsonl")
    kept = put(agent, "less.jsonl", BOLT, "--kind", "item", "--replace", check=False)
    assert kept.returncode == 1
    assert "1 records of kind item are not in " in kept.stderr and "--force" in kept.stderr
    assert "1 would be removed" in put(agent, "less.jsonl", BOLT, "--kind", "item", "--replace",
                                       "--dry-run").stdout
    assert answered(agent, path, "y\n")[0] == 1
    assert "SKU-2" in export(agent)
    code, out, err = answered(agent, path, "1\n")
    assert code == 0 and "1 records removed" in out and "type 1" in err
    assert export(agent) == BOLT + UNITS
    put(agent, "tee.jsonl", TEE, "--kind", "item", "--replace", "--force")
    assert export(agent) == TEE + UNITS
    assert put(agent, "x.jsonl", TEE, "--replace", check=False).returncode == 2
