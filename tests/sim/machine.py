"""A machine whose wall clock is set by the test, and which the kernel vouches for or not."""
import glob
import time

from sim import shims

FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
TO_1970_DAYS = -int(time.time() // 86400)


class Machine:
    """The clocks that drayd is shown."""

    def __init__(self, folder):
        self.offset, self.vouched, self.boot = (folder / name for name in (
            "clock-offset", "clock-is-vouched", "boot-id"))
        self.env = dict(
            shims.preload(folder, "clock_says.c", before=FAKETIME[:1]),
            DONT_FAKE_MONOTONIC="1", FAKETIME_NO_CACHE="1",
            FAKETIME_TIMESTAMP_FILE=str(self.offset), CLOCK_VOUCHED_WHEN=str(self.vouched),
            CLOCK_BOOT_ID=str(self.boot))
        self.boots = 0
        self.set(0, True)
        self.new_boot()

    def set(self, days, is_vouched):
        """The wall clock is so many days off; does the kernel vouch for it?"""
        if not is_vouched:
            self.vouched.unlink(missing_ok=True)
        # Read at any moment: replaced, never half written.
        new = self.offset.with_suffix(".new")
        new.write_text("%+dd\n" % days)
        new.replace(self.offset)
        if is_vouched:
            self.vouched.touch()

    def new_boot(self):
        self.boots += 1
        self.boot.write_text("00000000-0000-4000-8000-%012d\n" % self.boots)
