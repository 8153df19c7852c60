"""A document of packaging/api, with its references to schemas resolved."""
import json
import os

import jsonschema
import yaml

from sim.agent import ROOT

API = os.path.join(ROOT, "packaging/api")


class Contract:
    def __init__(self, name):
        with open(os.path.join(API, name)) as text:
            self.document = yaml.safe_load(text)

    def resolve(self, node):
        """What a {"$ref": …} stands for; anything else is itself."""
        while isinstance(node, dict) and "$ref" in node:
            path = node["$ref"]
            if path.startswith("#/"):
                node = self.document
                for step in path[2:].split("/"):
                    node = node[step.replace("~1", "/").replace("~0", "~")]
            else:
                with open(os.path.join(API, path)) as text:
                    node = json.load(text)
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
