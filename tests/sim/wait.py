"""Waiting for what must come true, with a bound, and never by sleeping and hoping.

The bounds are there for what never comes true. A machine that is busy with other work may take its time:
what must be quick is held against something else that is done meanwhile, or stands among the tests that
are run alone.
"""
import socket
import time

from sim.ports import free_port  # noqa: F401, asked for by this name everywhere


def until(condition, seconds=60, what="it", every=0.02):
    """Return the first true value of condition(); AssertionError when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("waited %g s in vain: %s" % (seconds, what))
        time.sleep(every)


def is_listening(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
