"""Waiting for what must come true, with a bound, and never by sleeping and hoping."""
import socket
import time


def until(condition, seconds=20, what="it", every=0.02):
    """Return the first true value of condition(); AssertionError when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("waited %g s in vain: %s" % (seconds, what))
        time.sleep(every)


def free_port():
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_listening(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
