"""A disk that doesn't keep what it was given."""
from sim import shims
from sim.site import destination, receipt, wait_applied


def failing_disk(folder):
    """(environment of drayd, the file whose presence makes every sync fail)"""
    switch = folder / "syncs-fail"
    return dict(shims.preload(folder, "sync_fails.c"), SYNC_FAILS_WHEN=str(switch)), switch


def test_a_disk_that_cannot_be_synced_ends_drayd_at_once_and_nothing_was_promised(site):
    erp = site.cloud()
    env, switch = failing_disk(site.folder)
    agent = site.make_agent({"erp": destination(erp)}, env=env).start()
    handheld = site.device()
    handheld.send(receipt("before"))
    handheld.ack("before", "stored")
    switch.touch()
    handheld.send(receipt("after"))
    assert agent.process.wait(60) == 70
    assert "the disk did not take what was written" in agent.log()
    assert not [heard for heard in handheld.heard if b'"after"' in heard.payload]
    switch.unlink()
    agent.start()  # the broker still has it; what the disk kept of it is known by its id
    assert handheld.ack("after")["status"] in ("stored", "duplicate")
    wait_applied(erp, ["before", "after"])
