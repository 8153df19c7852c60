"""One handheld in the hand of a test: it sends anything, and hears its acks."""
import collections
import json
import ssl
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sim import wait
from sim.floor import SITE

Heard = collections.namedtuple("Heard", "topic payload properties retain")


class Device:
    def __init__(self, port, name="tc52-0042", site=SITE, root="dray/v1", also=(), tls=None,
                 user=None):
        self.name, self.site, self.root = name, site, root
        self.heard = []
        self.lock = threading.Lock()
        self.topics = [self.ack_topic()] + list(also)
        self.client = mqtt.Client(client_id="device-" + name, protocol=mqtt.MQTTv5)
        self.client.on_message = self._on_message
        self.client.on_connect = self._on_connect
        self.ready = threading.Event()
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.reconnect_delay_set(1, 1)
        if user:
            self.client.username_pw_set(*user)
        if tls:
            self.client.tls_set(tls.ca, tls.client_cert, tls.client_key,
                                tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self.client.connect("127.0.0.1", port, keepalive=20)
        self.client.loop_start()
        assert self.ready.wait(30), "the device could not subscribe"

    def ack_topic(self):
        return "%s/%s/ack/%s" % (self.root, self.site, self.name)

    def event_topic(self, kind):
        return "%s/%s/event/%s/%s" % (self.root, self.site, kind, self.name)

    def send(self, body, kind="receipt", topic=None, retain=False, response_topic=None,
             correlation=None, user_properties=(), content_type=None):
        """Publish with QoS 1: bytes and text as they are, anything else as JSON."""
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        properties = Properties(PacketTypes.PUBLISH)
        if response_topic:
            properties.ResponseTopic = response_topic
        if correlation:
            properties.CorrelationData = correlation
        if content_type:
            properties.ContentType = content_type
        if user_properties:
            properties.UserProperty = list(user_properties)
        self.client.publish(topic or self.event_topic(kind), body, qos=1, retain=retain,
                            properties=properties).wait_for_publish(60)

    def hear(self, condition, seconds=60, what="a message"):
        """Take the first message that meets the condition out of what was heard."""
        def take():
            with self.lock:
                for at, message in enumerate(self.heard):
                    if condition(message):
                        return self.heard.pop(at)
            return None
        try:
            return wait.until(take, seconds, what)
        except AssertionError as error:
            raise AssertionError("%s; heard instead: %s" % (error, self.heard)) from None

    def ack(self, event_id, status=None, topic=None, seconds=60):
        """The next ack for this id (None: for what had no readable id)."""
        def fits(message):
            if message.topic != (topic or self.ack_topic()):
                return False
            ack = json.loads(message.payload)
            return ack["id"] == event_id and status in (None, ack["status"])
        return json.loads(self.hear(fits, seconds, "an ack for %s" % event_id).payload)

    def forget(self):
        """What was heard so far is of no interest."""
        with self.lock:
            self.heard.clear()

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()

    def _on_connect(self, client, *_):
        client.subscribe([(topic, 1) for topic in self.topics])

    def _on_message(self, _client, _userdata, message):
        with self.lock:
            self.heard.append(Heard(message.topic, message.payload,
                                    getattr(message, "properties", None), message.retain))
