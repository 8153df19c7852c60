"""What was refused is kept, and taken again once the reason is mended, whichever way it came."""
import json

from sim import door, partner, wait
from sim.site import receipt

ITEM = {"kind": "item", "id": "SKU-1", "uom": "EA", "gtins": ["09506000134352"]}
OTHER = {"kind": "item", "id": "SKU-2", "uom": "EA"}


def put_items(site, agent, *items):
    (site.folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    agent.ctl("reference", "import", site.folder / "items.jsonl")


def event(agent, event_id):
    row, = agent.ask("events", "list", "--id", event_id)["items"]
    return row


def make_agent(site):
    """One that knows another item only, so that each receipt is refused."""
    agent = site.agent(listen={"tokens": door.tokens(site.folder),
                               "hooks": {"partner": partner.GITHUB.hook(site.folder)}})
    put_items(site, agent, OTHER)
    return agent


def test_an_event_of_each_way_in_is_taken_once_its_item_is_known(site):
    agent = make_agent(site)
    handheld = site.device()
    handheld.send(receipt("by-mqtt"))
    handheld.ack("by-mqtt", "rejected")
    assert door.ask(agent, "POST", "/v1/events", json.dumps(receipt("by-http")).encode(),
                    headers=dict(door.bearer("wms"), **{"Content-Type": "application/json"})
                    ).status == 422
    assert partner.GITHUB.call(agent, receipt("by-hook")).status == 202
    (site.folder / "event.json").write_text(json.dumps(receipt("by-hand")))
    agent.ctl("events", "send", site.folder / "event.json", check=False)
    rows = {row["origin"]: row["id"] for row in agent.exceptions("invalid")}
    assert set(rows) == {"dray/v1/dc-sim-1/event/receipt/tc52-0042", "token:wms", "partner",
                         "control"}
    for number in rows.values():
        done = agent.ctl("exceptions", "retry", number, check=False)
        assert done.returncode == 1 and "no item has the sku SKU-1" in done.stderr
    put_items(site, agent, ITEM)
    done = agent.ctl("exceptions", "retry", "--kind", "invalid")
    assert done.stdout.count("1 stored") == 4 and not agent.exceptions()
    assert {name: (event(agent, name)["device"], event(agent, name)["origin"])
            for name in ("by-mqtt", "by-http", "by-hook", "by-hand")} == {
        "by-mqtt": ("tc52-0042", "handhelds"), "by-http": ("wms", "token:wms"),
        "by-hook": ("partner", "partner"), "by-hand": ("drayctl", "control")}
    handheld.send(receipt("by-mqtt"))
    handheld.ack("by-mqtt", "duplicate")


def test_a_device_speaks_for_nobody_else_when_its_message_is_taken_again(site):
    agent = make_agent(site)
    handheld = site.device()
    handheld.send(dict(receipt("forged"), device="tc52-0001"))
    handheld.ack("forged", "rejected")
    row, = agent.exceptions()
    done = agent.ctl("exceptions", "retry", row["id"], check=False)
    assert done.returncode == 1 and "not the topic's" in done.stderr
    assert agent.exceptions()[0]["repeats"] == 1


def test_what_can_t_be_taken_again_says_why(site):
    agent = make_agent(site)
    handheld = site.device()
    handheld.send(b"")
    handheld.send(b"x" * 2000000)
    handheld.send(receipt("gone"))
    handheld.ack("gone", "rejected")
    empty, large, gone = sorted(row["id"] for row in agent.exceptions())
    for number, words in ((empty, "without a byte"), (large, "only the first 1048576 bytes")):
        done = agent.ctl("exceptions", "retry", number, check=False)
        assert done.returncode == 1 and words in done.stderr
    config = json.loads((site.folder / "dray.json").read_text())
    config["sources"] = {"portal": {"topic": "portal/+"}}
    agent.reload(config)
    wait.until(lambda: "configuration reloaded" in agent.log(), what="the reload")
    done = agent.ctl("exceptions", "retry", gone, check=False)
    assert done.returncode == 1 and "no source or hook is there for that now" in done.stderr
    assert len(agent.exceptions()) == 3
    assert agent.ctl("exceptions", "retry", "--kind", "rejected", check=False).returncode == 1
