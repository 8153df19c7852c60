"""A document of packaging/api, with its references to schemas resolved."""
import json
import os

import jsonschema
import yaml

from sim.agent import ROOT

API = os.path.join(ROOT, "packaging/api")


def load(name):
    with open(os.path.join(API, name)) as text:
        return json.load(text) if name.endswith(".json") else yaml.safe_load(text)


class Contract:
    def __init__(self, name):
        self.name = name
        self.document = load(name)

    def resolve(self, node):
        """What a {"$ref": …} stands for; anything else is itself."""
        while isinstance(node, dict) and "$ref" in node:
            assert len(node) == 1, "beside a reference nothing counts: %s" % node
            name, _, path = node["$ref"].partition("#")
            node = load(name) if name else self.document
            for step in path.split("/")[1:]:
                node = node[step.replace("~1", "/").replace("~0", "~")]
        return node

    def whole(self, node):
        """The same, all the way down."""
        node = self.resolve(node)
        if isinstance(node, dict):
            return {name: self.whole(inner) for name, inner in node.items()}
        if isinstance(node, list):
            return [self.whole(inner) for inner in node]
        return node

    def validate(self, value, schema):
        jsonschema.Draft202012Validator(
            self.whole(schema), format_checker=jsonschema.FormatChecker()).validate(value)
