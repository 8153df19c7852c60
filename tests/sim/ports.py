"""Loopback ports for servers that are started a moment after their port was chosen.

They lie below those that the kernel gives to outgoing connections (ip_local_port_range, ip(7)): of
these another socket may take one between our look and the server's start, or while the server is down.
A block of ports is one process's until that ends: its mark is an abstract Unix socket, which ends with
the process and is seen in its network namespace, where its ports are seen too (unix(7)).
"""
import itertools
import random
import socket
import threading

LOWEST, BLOCK = 20000, 50
USUAL_LIMIT = 32768  # Linux's own; for a machine that leaves no room below its range
RANGE = "/proc/sys/net/ipv4/ip_local_port_range"


def limit():
    """The first port that is not ours."""
    with open(RANGE) as text:
        low = int(text.read().split()[0])
    return low if low >= LOWEST + 20 * BLOCK else USUAL_LIMIT


def is_ours(start, marks):
    """Mark the block that starts there, unless another process has."""
    mark = socket.socket(socket.AF_UNIX)
    try:
        mark.bind("\0dray-test-ports-%d" % start)
    except OSError:
        mark.close()
        return False
    marks.append(mark)
    return True


def each_once():
    """Ports of blocks that are ours; from the front again when there is no further block."""
    marks, ours = [], []
    starts = list(range(LOWEST, limit() - BLOCK + 1, BLOCK))
    random.SystemRandom().shuffle(starts)
    for start in starts:
        if is_ours(start, marks):
            ours += range(start, start + BLOCK)
            yield from ours[-BLOCK:]
    yield from itertools.cycle(ours)


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


_ports, _lock = each_once(), threading.Lock()


def free_port():
    """A loopback port that nobody listens on, and that no other test will be given."""
    with _lock:
        return next(port for port in _ports if is_free(port))
