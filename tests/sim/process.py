"""Processes that don't outlive whoever started them, not even when that one is killed."""
import ctypes
import signal
import subprocess

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def spawn(command, before=None, **options):
    """
    A Popen in a session of its own: Ctrl-C on the terminal is for the starter to handle.
    `before`: what the child calls first.
    """
    def begin():
        die_with_parent()
        if before:
            before()
    return subprocess.Popen(command, start_new_session=True, preexec_fn=begin, **options)
