#!/usr/bin/python3
"""Handhelds that lose nothing: an event is kept, and sent again, until dray itself acks it.

Each device works on a few documents at once. Within a document the next event leaves only when the
one before is acked, so the order that the other side must see is known whatever happens between.

Everything is written to a journal, one JSON object a line: what was published and what was acked.
One thread drives all connections; several devices may share one, which costs less than it measures.
"""
import argparse
import collections
import json
import selectors
import socket
import sys
import threading
import time

import paho.mqtt.client as mqtt

if __package__ in (None, ""):
    import os
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from sim.floor import Floor, SITE

RESEND_S = 5.0
RECONNECT_S = 0.3


class Sent:
    """An event that is not yet acked."""

    __slots__ = ("topic", "payload", "line", "slot", "at", "first_at")

    def __init__(self, topic, payload, line, slot, now):
        self.topic, self.payload, self.line, self.slot = topic, payload, line, slot
        self.at = self.first_at = now


class Line:
    """One MQTT connection of one or more devices."""

    def __init__(self, fleet, name, devices):
        self.fleet = fleet
        self.devices = devices
        self.retry_at = 0
        self.registered = None
        self.is_up = False
        self.client = mqtt.Client(client_id=name, protocol=mqtt.MQTTv311)
        self.client.max_inflight_messages_set(20000)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_message = fleet.on_ack

    def _on_connect(self, client, _userdata, _flags, code):
        if code == 0:
            client.subscribe([("%s/%s/ack/%s" % (self.fleet.root, self.fleet.site, device), 1)
                              for device in self.devices])
            self.is_up = True

    def _on_disconnect(self, _client, _userdata, _code):
        self.is_up = False

    def keep(self, now, selector):
        """Be connected, or try to be, and be watched by the selector."""
        sock = self.client.socket()
        if sock is None:
            self._forget(selector)
            self.is_up = False
            if now < self.retry_at:
                return
            self.retry_at = now + RECONNECT_S
            try:
                self.client.connect("127.0.0.1", self.fleet.port, keepalive=30)
            except (OSError, socket.timeout):
                return
            sock = self.client.socket()
        wants = selectors.EVENT_READ
        if self.client.want_write():
            wants |= selectors.EVENT_WRITE
        if self.registered is None:
            self._register(selector, sock, wants)
        elif self.registered[0] is not sock:
            self._forget(selector)
            self._register(selector, sock, wants)
        elif self.registered[1] != wants:
            selector.modify(sock, wants, self)
        self.registered = (sock, wants)
        self.client.loop_misc()

    def _register(self, selector, sock, wants):
        # The number of a socket that another line has lost, and not yet forgotten.
        stale = selector.get_map().get(sock.fileno())
        if stale is not None:
            selector.unregister(stale.fileobj)
        selector.register(sock, wants, self)

    def _forget(self, selector):
        if self.registered is not None:
            try:
                selector.unregister(self.registered[0])
            except (KeyError, ValueError):
                pass
            self.registered = None

    def on_ready(self, mask):
        if mask & selectors.EVENT_READ:
            self.client.loop_read()
        if mask & selectors.EVENT_WRITE and self.client.socket() is not None:
            self.client.loop_write()


class Fleet:
    """
    devices      how many handhelds
    total        events in all; None: until stop_publishing()
    rate         events a second in all; 0: as fast as it goes
    window       documents that a device works on at once
    connections  None: one a device
    ballast      bytes more in each event

    delivered: {(destination, "<source> <id>"): when that was first heard}; CLOCK_MONOTONIC in s, for
    sources with ack_delivered.
    """

    def __init__(self, port, devices=20, total=None, rate=0, window=2, connections=None, seed=1,
                 journal=None, root="dray/v1", site=SITE, start_ms=None, resend_s=RESEND_S,
                 ballast=0):
        self.port, self.total, self.rate = port, total, rate
        self.root, self.site = root, site
        self.resend_s = resend_s
        self.names = ["hh-%04d" % n for n in range(1, devices + 1)]
        n_lines = connections or devices
        groups = [self.names[n::n_lines] for n in range(n_lines)]
        self.lines = [Line(self, "sim-%d-%d" % (seed, n), group) for n, group in enumerate(groups)]
        self.idle = collections.deque()
        for line in self.lines:
            for device in line.devices:
                floor = Floor(device, seed, start_ms, ballast)
                for _ in range(window):
                    self.idle.append([line, floor, iter(())])
        self.sent = {}
        self.published = {}
        self.acked = {}
        self.delivered = {}
        self.waited = []  # seconds from first publish to ack, of each event
        self.statuses = collections.Counter()
        self.resent = 0
        self.journal = open(journal, "w") if journal else None
        self.is_publishing = True
        self.is_stopped = False
        self.thread = None

    # --- from outside

    def start(self):
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def stop_publishing(self):
        self.is_publishing = False

    def stop(self):
        self.is_stopped = True
        if self.thread:
            self.thread.join()
            self.thread = None

    def is_done(self):
        """All that was to be published was, and every event is acked."""
        if self.is_publishing and (self.total is None or len(self.published) < self.total):
            return False
        return not self.sent

    def expected(self, types):
        """What a destination must have: {"<source> <id>"} of these types."""
        return {who for who, kind in list(self.published.items()) if kind in types}

    # --- the loop

    def run(self):
        selector = selectors.DefaultSelector()
        began = time.monotonic()
        try:
            while not self.is_stopped:
                now = time.monotonic()
                for line in self.lines:
                    line.keep(now, selector)
                busy = self._publish(now - began, now)
                self._resend(now)
                for key, mask in selector.select(0 if busy else 0.01):
                    key.data.on_ready(mask)
        finally:
            for line in self.lines:
                line.client.disconnect()
            if self.journal:
                self.journal.close()
                self.journal = None

    def _publish(self, elapsed, now):
        """Send what may be sent; a few at a time, so that acks are read in between."""
        allowed = 100
        if self.rate:
            allowed = min(allowed, int(elapsed * self.rate) - len(self.published))
        if self.total is not None:
            allowed = min(allowed, self.total - len(self.published))
        n = 0
        for _ in range(len(self.idle)):
            if n >= allowed or not self.is_publishing:
                break
            slot = self.idle.popleft()
            line, floor, _ = slot
            if not line.is_up:
                self.idle.append(slot)
                continue
            self._send_next(line, floor, slot, now)
            n += 1
        return n > 0

    def _send_next(self, line, floor, slot, now):
        step = next(slot[2], None)
        if step is None:
            slot[2] = floor.next_document()
            step = next(slot[2])
        kind, event = step
        topic = "%s/%s/event/%s/%s" % (self.root, self.site, kind, floor.device)
        payload = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
        sent = Sent(topic, payload, line, slot, now)
        who = "/%s/%s %s" % (self.site, floor.device, event["id"])
        self.sent[(floor.device, event["id"])] = sent
        self.published[who] = kind
        self._note("published", who, type=kind)
        line.client.publish(topic, payload, qos=1)

    def _resend(self, now):
        """Oldest first; what was sent again goes to the end of the line."""
        overdue = []
        for key, sent in self.sent.items():
            if now - sent.at < self.resend_s:
                break
            overdue.append(key)
        for key in overdue:
            sent = self.sent.pop(key)
            sent.at = now
            self.sent[key] = sent
            if sent.line.is_up:
                self.resent += 1
                sent.line.client.publish(sent.topic, sent.payload, qos=1)

    def on_ack(self, _client, _userdata, message):
        ack = json.loads(message.payload)
        device = message.topic.rsplit("/", 1)[1]
        status = ack["status"]
        who = "/%s/%s %s" % (self.site, device, ack["id"])
        self.statuses[status] += 1
        self._note("acked", who, status=status, seq=ack.get("seq"))
        if status == "delivered":
            self.delivered.setdefault((ack["destination"], who), time.monotonic())
        if status not in ("stored", "duplicate"):
            return
        self.acked.setdefault(who, status)
        sent = self.sent.pop((device, ack["id"]), None)
        if sent is not None:
            self.waited.append(time.monotonic() - sent.first_at)
            self.idle.append(sent.slot)

    def _note(self, what, who, **more):
        if self.journal:
            record = {"at": round(time.time(), 3), "what": what, "who": who}
            record.update(more)
            self.journal.write(json.dumps(record) + "\n")


def main():
    parser = argparse.ArgumentParser(description="handhelds that publish receipts, picks and ships")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--devices", type=int, default=20)
    parser.add_argument("--total", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--window", type=int, default=2)
    parser.add_argument("--connections", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--site", default=SITE)
    parser.add_argument("--journal")
    parser.add_argument("--timeout", type=float, default=120)
    options = vars(parser.parse_args())
    deadline = time.monotonic() + options.pop("timeout")
    fleet = Fleet(options.pop("port"), **options).start()
    while not fleet.is_done() and time.monotonic() < deadline:
        time.sleep(0.1)
    fleet.stop()
    print("published %d, acked %d, resent %d" %
          (len(fleet.published), len(fleet.acked), fleet.resent))
    sys.exit(0 if fleet.is_done() else 1)


if __name__ == "__main__":
    main()
