"""What was delivered goes again: the other side knows its key, or is asked, or a person insists."""
import re

from sim import wait
from sim.hostile import HostileCloud, furnish
from sim.site import destination, receipt, wait_applied


def account(agent, name="erp"):
    return next(row for row in agent.ask("ledger")["by_destination"]
                if row["destination"] == name)


def wait_delivered(agent, n):
    wait.until(lambda: account(agent)["delivered"] == n, what="%d delivered" % n)
    ledger = agent.ask("ledger")
    assert ledger["closed"] is True, ledger
    assert account(agent)["routed"] == n and account(agent)["pending"] == 0


def replay(agent, *options, name="erp"):
    return agent.ctl("replay", "--destination", name, *options, check=False)


def three_delivered(site, **more):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp, **more)})
    handheld = site.device()
    for event_id in ("a", "b", "c"):
        handheld.send(receipt(event_id))
        handheld.ack(event_id, "stored")
    wait_applied(erp, ["a", "b", "c"])
    wait_delivered(agent, 3)
    return erp, agent


def test_what_goes_again_under_its_key_doubles_nothing_and_the_ledger_closes(site):
    erp, agent = three_delivered(site)
    done = replay(agent, "--why", "they lost a day")
    assert done.returncode == 0, done.stderr
    assert re.match("3 sent again under the key that they had, 0 .* 0 refused", done.stdout)
    wait_delivered(agent, 6)
    sums = erp.ledger()
    assert sums["applied"] == 3 and sums["doubled"] == 0 and sums["repeats"] == 3
    assert sums["rekeyed"] == 0 and sums["key_conflicts"] == 0
    agent.kill9()
    agent.start()
    assert agent.ask("ledger")["closed"] is True


def test_a_dry_run_says_what_would_be_and_changes_nothing(site):
    erp, agent = three_delivered(site)
    requests, ledger = erp.ledger()["requests"], agent.ask("ledger")
    done = replay(agent, "--dry-run")
    assert done.returncode == 0
    assert re.match("3 would be sent again .* 0 would be refused", done.stdout)
    assert agent.ask("ledger") == ledger and erp.ledger()["requests"] == requests


def test_what_would_double_is_refused_and_forced_doubles(site):
    erp, agent = three_delivered(site, idempotency={"mode": "none"})
    refused = replay(agent)
    assert refused.returncode == 1
    assert "3 refused: the destination can't tell a repeat" in refused.stderr
    assert "--force" in refused.stderr and erp.ledger()["doubled"] == 0
    assert replay(agent, "--force", "--why", "they lost a day").returncode == 0
    wait_delivered(agent, 6)
    assert erp.ledger()["doubled"] == 3 and agent.exceptions() == []


def test_past_the_keys_lifetime_it_is_refused(site):
    _, agent = three_delivered(site, idempotency={"lifetime": "1s"})

    def refused():
        done = replay(agent, "--dry-run")
        return done.returncode == 1 and done
    assert "lifetime is over" in wait.until(refused, what="the lifetime to end").stderr


def test_what_went_in_a_batch_does_not_go_alone(site):
    erp, agent = three_delivered(site, batch={"max": 10})
    refused = replay(agent)
    assert refused.returncode == 1 and "key of its batch" in refused.stderr
    assert erp.ledger()["doubled"] == 0


def test_a_filter_by_type_and_time_leaves_the_others_as_they_are(site):
    _, agent = three_delivered(site)
    assert replay(agent, "--type", "pick").returncode == 1
    assert replay(agent, "--until", "1h").returncode == 1
    assert "3 would be" in replay(agent, "--since", "1h", "--dry-run").stdout
    assert replay(agent, "--since", "yesterday").returncode == 2
    assert replay(agent, name="nowhere").returncode == 1
    assert agent.ctl("replay", check=False).returncode == 2
    assert account(agent)["routed"] == 3


def test_where_it_can_be_looked_up_it_is_found_and_not_sent(site):
    furnish(site.folder)
    cloud = site._keep(HostileCloud(), "stop")
    agent = site.agent({"erp": cloud.destination("lookup")})
    handheld = site.device()
    handheld.send(receipt("a"))
    handheld.ack("a", "stored")
    wait_delivered(agent, 1)
    before = cloud.ledger()
    done = replay(agent)
    assert done.returncode == 0 and "1 looked up first" in done.stdout
    wait_delivered(agent, 2)
    after = cloud.ledger()
    assert after["asked"] == before["asked"] and after["doubled"] == []
    assert agent.exceptions() == []


def test_what_is_looked_up_and_missing_is_sent(site):
    furnish(site.folder)
    cloud, older = (site._keep(HostileCloud(), "stop") for _ in range(2))
    agent = site.agent({"erp": cloud.destination("lookup")})
    handheld = site.device()
    handheld.send(receipt("a"))
    handheld.ack("a", "stored")
    wait_delivered(agent, 1)
    agent.stop()
    agent.config["destinations"]["erp"]["url"] = older.url
    agent.write_config(agent.config)
    agent.start()
    assert "1 looked up first" in replay(agent).stdout
    wait_delivered(agent, 2)
    assert older.ledger()["applied"] == {"lookup": {"a": 1}}
