"""Everybody at once, and for hours."""
import os
import statistics
import time

import pytest

from sim import wait
from sim.load import Vitals
from sim.long import IS_LONG, count
from sim.site import ALL, assert_ledger_closes, destination

PSS_MAX_MB = 14
MIB = 1 << 20


def show(what, result):
    print("\n%s: %d published, %d stored in %.1f s; acks p50 %.1f, p99 %.1f, longest %.1f ms" % (
        what, result["published"], result["stored"], result["seconds"], result["p50_ms"],
        result["p99_ms"], result["max_ms"]))


def replay(site, qos):
    """A fixed reader gives what it kept through an outage: a burst that waits for no ack of dray."""
    sink = site.sink()
    agent = site.agent({"erp": destination(sink, concurrency=16)})
    n = count(10_000, 150_000)
    burst = site.publisher(n, rate=count(2000, 500), handhelds=1, qos=qos, window=60_000)
    highest = 0.0
    while not burst.is_over():
        highest = max(highest, Vitals(agent.pid).pss_mb())
        time.sleep(0.2)
    result = burst.result()
    show("a reader's burst, QoS %d" % qos, result)
    assert highest <= PSS_MAX_MB
    wait.until(lambda: sink.events() >= result["stored"], 60, "all that is stored at the ERP")
    assert sink.events() == result["stored"]
    assert agent.metric("dray_events_received_total") == result["stored"]
    return result


@pytest.mark.heavy
def test_a_readers_burst_with_qos_1_is_stored_to_the_last_event(site):
    result = replay(site, 1)
    assert result["stored"] == result["published"]


@pytest.mark.heavy
def test_a_readers_burst_with_qos_0_is_stored_as_far_as_the_broker_hands_it_on(site):
    """Nobody can promise more: with QoS 0 an event that is lost on the way leaves no trace. While
    broker and agent are up none is."""
    result = replay(site, 0)
    assert result["stored"] == result["published"]


@pytest.mark.heavy
def test_five_hundred_handhelds_that_come_at_once_are_all_served(site):
    """The broker is back after a power cut on the floor: all connect, and have something to say."""
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp, concurrency=16)})
    fleet = site.fleet(devices=500, total=count(5000, 50_000), window=2, resend_s=30).start()
    wait.until(fleet.is_done, 90, "all events acked")
    times = sorted(fleet.waited)
    show_ms = [1e3 * times[int(len(times) * share)] for share in (0.5, 0.99, 0.9999)]
    print("\n500 handhelds at once: %d events; acks p50 %.0f, p99 %.0f, longest %.0f ms, as a floor "
          "of one Python process hears them" % (len(times), *show_ms))
    assert fleet.statuses == {"stored": len(fleet.published)}
    assert Vitals(agent.pid).pss_mb() <= PSS_MAX_MB
    assert_ledger_closes(fleet, {erp: ALL})
    # Every one of them was heard, not only the quick ones.
    assert len({who.split()[0] for who in fleet.acked}) == 500


@pytest.mark.heavy
def test_what_it_says_it_wrote_is_what_the_kernel_counts(site):
    """Over two lives, with checkpoints. The database is the only thing that drayd writes much of."""
    sink = site.sink()
    agent = site.make_agent({"erp": destination(sink, concurrency=16)})
    for n, rate in ((500, 200), (8000, 0)):
        agent.start()
        assert site.publisher(n, rate=rate).result()["stored"] == n
        time.sleep(0.5)
        said = agent.metric("dray_store_written_bytes_total")
        counted = Vitals(agent.pid).written_bytes()
        print("\n%d events: says %d, the kernel %d" % (n, said, counted))
        assert counted > 0 or pytest.skip("the kernel doesn't count what is written here")
        # The kernel dirties a few pages together where it has read them together.
        assert 0.9 * counted <= said <= 1.02 * counted
        assert agent.stop() == 0


# --- a soak --------------------------------------------------------------------------------------------

SOAK_S = int(os.environ.get("DRAY_SOAK_S", "28800"))
RATE = 200
WARM_UP = 0.25  # of the whole


class Sample:
    def __init__(self, agent):
        state = agent.config["state_dir"]
        vitals = Vitals(agent.pid)
        self.at_s = time.monotonic()
        self.pss_mb = vitals.pss_mb()
        self.values = {"own memory, MB": vitals.own_mb(), "open files": vitals.open_files(),
                       "database, MB": os.path.getsize(state + "/dray.db") / MIB,
                       "WAL, MB": os.path.getsize(state + "/dray.db-wal") / MIB}


def slope_per_hour(samples, what):
    """Of a line through all samples, by least squares."""
    hours = [(sample.at_s - samples[0].at_s) / 3600 for sample in samples]
    values = [sample.values[what] for sample in samples]
    return statistics.linear_regression(hours, values).slope


@pytest.mark.heavy
@pytest.mark.skipif(not IS_LONG, reason="a soak takes hours: tests/run.sh --long, DRAY_SOAK_S")
def test_nothing_grows_over_hours(site):
    """What came an hour ago is purged; what is left does not depend on how long it has been on."""
    retain_s = min(3600, SOAK_S // 10)
    sink = site.sink()
    agent = site.agent({"erp": destination(sink, concurrency=16)},
                       store={"retain": "%ds" % retain_s})
    handhelds = site.publisher(RATE * SOAK_S, rate=RATE)
    began, samples = time.monotonic(), []
    while not handhelds.is_over():
        if time.monotonic() - began > WARM_UP * SOAK_S:
            samples.append(Sample(agent))
        time.sleep(5)
    result = handhelds.result()
    show("soak", result)
    assert result["stored"] == result["published"] == RATE * SOAK_S
    wait.until(lambda: sink.events() >= result["stored"], 60, "all of it at the ERP")
    assert sink.events() == result["stored"]
    hours = (samples[-1].at_s - samples[0].at_s) / 3600
    for what, allowed in (("own memory, MB", 0.5), ("open files", 2), ("database, MB", None),
                          ("WAL, MB", 4)):
        values = [sample.values[what] for sample in samples]
        grown = slope_per_hour(samples, what) * hours
        print("%-15s %8.2f … %8.2f, grown by %.2f in %.1f h" % (what, min(values), max(values), grown,
                                                               hours))
        assert grown <= (allowed if allowed is not None else 0.1 * statistics.mean(values))
    assert max(sample.pss_mb for sample in samples) <= PSS_MAX_MB
