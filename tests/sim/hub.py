"""A broker in the cloud, and who reads there: what it got, message by message."""
import collections
import json
import ssl
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sim import wait

Got = collections.namedtuple("Got", "topic id payload content_type retain dup user_properties")


class Consumer:
    """
    Reads everything, with a session that lives as long as the broker's memory. A message's id is
    its CloudEvents id, or the canonical event's.

    v311  for a broker without MQTT 5
    qos   0: it has nothing to write, so that it reads all that a killed broker had sent it
    """

    def __init__(self, port, topic="#", v311=False, user=None, tls=None, qos=1):
        self.got, self.lock = [], threading.Lock()
        self.ready = threading.Event()
        self.v311 = v311
        if v311:
            self.client = mqtt.Client(client_id="consumer", clean_session=False,
                                      protocol=mqtt.MQTTv311)
        else:
            self.client = mqtt.Client(client_id="consumer", protocol=mqtt.MQTTv5)
        self.client.on_message = self._on_message
        self.client.on_connect = lambda client, *_: client.subscribe(topic, qos=qos)
        self.client.on_disconnect = lambda *_: self.ready.clear()
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.reconnect_delay_set(1, 1)
        if user:
            self.client.username_pw_set(*user)
        if tls:
            self.client.tls_set(tls.ca, tls.client_cert, tls.client_key,
                                tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self._connect(port)
        self.client.loop_start()
        self.wait_ready()

    def _connect(self, port):
        if self.v311:
            self.client.connect("127.0.0.1", port, keepalive=20)
            return
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        properties.ReceiveMaximum = 65535
        self.client.connect("127.0.0.1", port, keepalive=20, clean_start=False,
                            properties=properties)

    def wait_ready(self, seconds=60):
        assert self.ready.wait(seconds), "the consumer could not subscribe"

    def wait_lost(self, seconds=60):
        wait.until(lambda: not self.ready.is_set(), seconds, "the consumer's connection lost")

    def _on_message(self, _client, _ctx, message):
        event = json.loads(message.payload)
        properties = getattr(message, "properties", None)
        with self.lock:
            self.got.append(Got(message.topic, event.get("id"), event,
                                getattr(properties, "ContentType", None), message.retain,
                                message.dup, getattr(properties, "UserProperty", [])))

    def messages(self):
        with self.lock:
            return list(self.got)

    def counts(self):
        """{(source, id): times it came}"""
        return collections.Counter(
            (got.payload.get("source"), got.id) for got in self.messages())

    def ids(self):
        return {key[1] for key in self.counts()}

    def wait_for(self, ids, seconds=60):
        """Until each of these has come at least once, and nothing else has."""
        wanted = set(ids)
        try:
            wait.until(lambda: self.ids() >= wanted, seconds, "all events at the consumer")
        except AssertionError as error:
            missing = sorted(wanted - self.ids())
            raise AssertionError("%s; missing %d: %s" % (
                error, len(missing), missing[:10])) from None
        assert self.ids() == wanted
        assert len(self.counts()) == len(wanted), "one source each"

    def wait_number(self, number, seconds=90):
        """Until so many events have come at least once."""
        try:
            wait.until(lambda: len(self.counts()) == number, seconds, "every event at the consumer")
        except AssertionError as error:
            raise AssertionError("%s; %d of %d came, and it is %s" % (
                error, len(self.counts()), number,
                "connected" if self.ready.is_set() else "not connected")) from None

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()
