"""dray-map asked as drayd asks it: a connector's program, run where it is run in the field."""
import json
import os
import socket
import struct

from sim import agent, process

PROGRAM, CALL = 1, 3
READY, OUTPUT, NOTHING, FAILED = 4, 6, 7, 8
HEAD = struct.Struct("<4I")
CONNECTORS = os.path.join(agent.ROOT, "agent/connectors")


class Mapper:
    """One child, one program. Its zone is where the site of the cases is."""

    def __init__(self, program, zone="Europe/Berlin"):
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(120)
        self.child = process.spawn([os.path.join(agent.build_folder(), "dray-map"), zone],
                                   stdin=theirs, env={})
        theirs.close()
        assert self.receive()[0] == READY
        self.send(PROGRAM, 1, 0, program)
        self.calls = 0

    def end(self):
        self.socket.close()
        self.child.wait(10)

    def send(self, kind, program, call, text):
        text = text.encode()
        self.socket.sendall(HEAD.pack(kind, program, call, len(text)) + text)

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            assert more, "dray-map has gone"
            data += more
        return data

    def receive(self):
        kind, _, call, count = HEAD.unpack(self.read(HEAD.size))
        return kind, call, self.read(count).decode()

    def call(self, question):
        """(kind, words) of what the child answers."""
        self.calls += 1
        self.send(CALL, 1, self.calls, json.dumps(question))
        kind, call, text = self.receive()
        assert call == self.calls
        return kind, text

    def ask(self, question):
        """What the program says to an input; None when it says nothing."""
        kind, text = self.call(question)
        assert kind in (OUTPUT, NOTHING), text
        return json.loads(text) if kind == OUTPUT else None


def load(name, file):
    with open(os.path.join(CONNECTORS, name, file)) as text:
        return text.read() if file.endswith(".jq") else json.load(text)


class Connector(Mapper):
    """A connector's folder, with the inputs of its cases."""

    def __init__(self, name):
        super().__init__(load(name, "connector.jq"))
        self.declaration = load(name, "connector.json")
        self.cases = load(name, "cases.json")

    def question(self, case, step, carry, op):
        variables = {name: var["default"] for name, var in self.declaration["vars"].items()
                     if "default" in var}
        variables.update(case.get("vars", {}))
        response = step.get("response")
        if response:
            response = {"headers": {}, "body": None, **response}
        return {"op": op, "events": case["events"], "serial": case.get("serial", 1),
                "key": case.get("key", "00000000-0000-8000-8000-000000000001"),
                "carry": carry, "response": response,
                "site": case.get("site", "dc-muc-1"), "vars": variables}

    def play(self, case):
        """Step by step: (input, output), the carry kept as the engine would."""
        carry, op = case.get("carry"), case.get("op", "deliver")
        for step in case["steps"]:
            op = step.get("op", op)
            question = self.question(case, step, carry, op)
            output = self.ask(question)
            yield question, output
            carry = (output or {}).get("carry", carry)

    def requests(self):
        """(name of the case, send) of every request that the cases make."""
        for case in self.cases:
            for _, output in self.play(case):
                if output and "send" in output:
                    yield case["name"], output["send"]


class Adapter(Mapper):
    """An adapter's folder, with the payloads of its cases."""

    def __init__(self, name):
        super().__init__(load(name, "adapter.jq"))
        self.declaration = load(name, "adapter.json")
        self.cases = load(name, "adapter_cases.json")

    def question(self, payload, topic=None, headers=None, vars=None, source="case", received=None):
        variables = {name: var["default"] for name, var in self.declaration["vars"].items()
                     if "default" in var}
        return {"payload": payload, "topic": topic, "headers": headers or {}, "site": "dc-muc-1",
                "source": source, "vars": {**variables, **(vars or {})},
                "received": received or "2026-11-21T14:04:05.301Z"}

    def events(self, payload, **known):
        """What it makes of a payload: always a list."""
        events = self.ask(self.question(payload, **known))
        return [] if events is None else events if isinstance(events, list) else [events]
