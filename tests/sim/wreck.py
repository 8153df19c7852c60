"""A database seen from outside, and what bad days do to its file."""
import contextlib
import os
import random
import shutil
import sqlite3
import struct
import tempfile

PAGE = 4096
WAL_HEADER, FRAME_HEADER = 32, 24


class Wreck:
    """The files of one agent's store. Knowing where a thing stands needs a copy that is whole."""

    def __init__(self, state_dir, scratch):
        self.path = os.path.join(str(state_dir), "dray.db")
        self.wal = self.path + "-wal"
        self.scratch = str(scratch)
        self.rng = random.Random(20261121)

    @contextlib.contextmanager
    def copy(self):
        """A connection to a copy as the files are now, and the copy's path."""
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            path = os.path.join(folder, "copy.db")
            for suffix in ("", "-wal"):
                if os.path.exists(self.path + suffix):
                    shutil.copyfile(self.path + suffix, path + suffix)
            with contextlib.closing(sqlite3.connect(path)) as db:
                yield db, path

    def ids(self):
        """{"<source> <id>": seq} of all events."""
        with self.copy() as (db, _):
            return {"%s %s" % row[:2]: row[2]
                    for row in db.execute("SELECT source, id, seq FROM event")}

    def pages(self, name, kind="leaf"):
        """The pages of a table or an index."""
        with self.copy() as (db, _):
            return [row[0] for row in db.execute(
                "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY path",
                (name, kind))]

    def seqs_on(self, pages):
        """The events whose rows begin on these leaf pages of their table."""
        found = set()
        with self.copy() as (db, path):
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            with open(path, "rb") as file:
                for page in pages:
                    file.seek((page - 1) * PAGE)
                    found |= set(leaf_rowids(file.read(PAGE)))
        return found

    # --- damage

    def overwrite(self, pages, path=None):
        with open(path or self.path, "r+b", buffering=0) as file:
            for page in pages:
                file.seek((page - 1) * PAGE)
                file.write(self.rng.randbytes(PAGE))

    def overwrite_frames(self, frames):
        with open(self.wal, "r+b", buffering=0) as file:
            for frame in frames:
                file.seek(WAL_HEADER + (frame - 1) * (FRAME_HEADER + PAGE) + FRAME_HEADER)
                file.write(self.rng.randbytes(PAGE))

    def frames(self):
        """How many the WAL has of its present round: those behind are of an older one."""
        with open(self.wal, "rb") as file:
            salts = file.read(WAL_HEADER)[16:24]
            n = 0
            while file.read(FRAME_HEADER)[8:16] == salts:
                file.seek(PAGE, os.SEEK_CUR)
                n += 1
        return n

    def wal_bytes(self):
        return WAL_HEADER + self.frames() * (FRAME_HEADER + PAGE)

    def is_ahead(self):
        """Has the WAL frames that are not in the database yet, by what a killed process left?"""
        with open(self.path + "-shm", "rb") as file:
            index = file.read(100)
        return struct.unpack_from("=I", index, 16) != struct.unpack_from("=I", index, 96)

    def cut(self, path, part):
        os.truncate(path, int(os.path.getsize(path) * part))


def varint(data, at):
    value = 0
    for n in range(9):
        byte = data[at + n]
        if n == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7f
        if byte < 0x80:
            return value, at + n + 1
    raise AssertionError


def leaf_rowids(page):
    """SQLite's file format, section 1.6: a leaf of a table with rowids."""
    assert page[0] == 0x0d, "not a leaf of a table"
    for n in range(int.from_bytes(page[3:5], "big")):
        cell = int.from_bytes(page[8 + 2 * n:10 + 2 * n], "big")
        _, at = varint(page, cell)
        yield varint(page, at)[0]
