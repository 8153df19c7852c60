#!/usr/bin/python3
"""A scanner that loses nothing: the Python example of packaging/guides/scanner-developers.md.

An event is written to the outbox, a file, before it is published, and leaves it when dray's own ack
says `stored` or `duplicate`. Until then it is published again: after RESEND_S, and whenever the
connection comes back. The broker's PUBACK proves nothing: brokers forget.

`rejected` means: sent again as it is, it is rejected again. It moves to another table, for the worker.

As a program it reads a line per event, "TYPE DATA" (DATA is JSON), and prints a line per ack; it ends
when its input has ended and the outbox is empty.
"""
import argparse
import datetime
import json
import os
import select
import sqlite3
import sys
import time
import uuid

import paho.mqtt.client as mqtt

RESEND_S = 5.0


class Outbox:
    """What dray has not confirmed, in a file that survives the app and the battery."""

    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.db.executescript("""
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = FULL;
            CREATE TABLE IF NOT EXISTS outbox (n INTEGER PRIMARY KEY, id TEXT UNIQUE, type TEXT,
                                               event TEXT, sent_at REAL);
            CREATE TABLE IF NOT EXISTS rejected (id TEXT PRIMARY KEY, event TEXT, reason TEXT,
                                                 field TEXT, message TEXT);
            UPDATE outbox SET sent_at = 0;""")

    def put(self, event):
        with self.db:  # on the disk before it is sent
            self.db.execute("INSERT INTO outbox (id, type, event, sent_at) VALUES (?, ?, ?, 0)",
                            (event["id"], event["type"], json.dumps(event)))

    def due(self, now):
        """In the order in which they were scanned."""
        return self.db.execute("SELECT id, type, event FROM outbox WHERE sent_at <= ? ORDER BY n",
                               (now - RESEND_S,)).fetchall()

    def sent(self, event_id, now):
        self.db.execute("UPDATE outbox SET sent_at = ? WHERE id = ?", (now, event_id))

    def again(self):
        """The connection is new: all of it is due."""
        self.db.execute("UPDATE outbox SET sent_at = 0")

    def stored(self, event_id):
        with self.db:
            self.db.execute("DELETE FROM outbox WHERE id = ?", (event_id,))

    def rejected(self, ack):
        with self.db:
            self.db.execute("INSERT OR REPLACE INTO rejected SELECT id, event, ?, ?, ? FROM outbox "
                            "WHERE id = ?", (ack.get("reason"), ack.get("field"),
                                             ack.get("message"), ack["id"]))
            self.db.execute("DELETE FROM outbox WHERE id = ?", (ack["id"],))

    def __len__(self):
        return self.db.execute("SELECT count(*) FROM outbox").fetchone()[0]


class Scanner:
    """One device. Everything happens in keep(), which the app calls again and again."""

    def __init__(self, host, port, site, device, outbox, root="dray/v1", on_ack=None, user=None):
        self.base, self.device = "%s/%s" % (root, site), device
        self.host, self.port = host, port
        self.outbox = Outbox(outbox)
        self.on_ack = on_ack or (lambda ack: None)
        self.is_up = False
        self.retry_at = 0.0
        self.client = mqtt.Client(client_id=device, protocol=mqtt.MQTTv311)
        if user:
            self.client.username_pw_set(*user)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_message = self._on_message

    def scan(self, kind, data):
        """Returns the event's id: from here on it can't be lost."""
        event = {"id": str(uuid.uuid4()), "type": kind,
                 "time": datetime.datetime.now(datetime.timezone.utc).isoformat(), "data": data}
        self.outbox.put(event)
        return event["id"]

    def keep(self, seconds=0.1):
        """Be connected, publish what is due, hear acks; for at most so long."""
        now = time.monotonic()
        if self.client.socket() is None and now >= self.retry_at:
            self.retry_at = now + 1
            try:
                self.client.connect(self.host, self.port, keepalive=15)
            except OSError:
                pass
        if self.client.socket() is None:
            time.sleep(seconds)
            return
        if self.is_up:
            for event_id, kind, event in self.outbox.due(now):
                topic = "%s/event/%s/%s" % (self.base, kind, self.device)
                if self.client.publish(topic, event, qos=1).rc != mqtt.MQTT_ERR_SUCCESS:
                    break
                self.outbox.sent(event_id, now)
        self.client.loop(seconds)

    def close(self):
        self.client.disconnect()
        self.outbox.db.close()

    def _on_connect(self, client, _userdata, _flags, code):
        if code != 0:
            return
        client.subscribe("%s/ack/%s" % (self.base, self.device), qos=1)
        self.outbox.again()
        self.is_up = True

    def _on_disconnect(self, _client, _userdata, _code):
        self.is_up = False

    def _on_message(self, _client, _userdata, message):
        ack = json.loads(message.payload)
        if ack["status"] in ("stored", "duplicate"):
            self.outbox.stored(ack["id"])
        elif ack["status"] == "rejected" and ack["id"]:
            self.outbox.rejected(ack)
        self.on_ack(ack)


def take_input(scanner, rest):
    """Scan the lines that have come; `rest` is what came of the next one. False: the input has ended."""
    if not select.select([sys.stdin], [], [], 0)[0]:
        return True
    chunk = os.read(sys.stdin.fileno(), 65536)
    rest += chunk
    *lines, rest[:] = rest.split(b"\n")
    for line in filter(None, map(bytearray.strip, lines)):
        kind, data = line.decode().split(None, 1)
        scanner.scan(kind, json.loads(data))
    return bool(chunk)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--site", required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--outbox", required=True, help="file that keeps what is not confirmed")
    options = parser.parse_args()
    scanner = Scanner(options.host, options.port, options.site, options.device, options.outbox,
                      on_ack=lambda ack: print(json.dumps(ack), flush=True))
    has_input, rest = True, bytearray()
    while has_input or len(scanner.outbox):
        has_input = has_input and take_input(scanner, rest)
        scanner.keep()
    scanner.close()


if __name__ == "__main__":
    main()
