"""Events by the hundred, right and wrong, made by walking a type's JSON Schema.

A value is drawn from what its schema names and from what it doesn't. Nobody here says which event is
right: that is what the agent and a validator of somebody else's are asked.
"""
import random
import string

SAY_NOTHING = object()

TEXTS = ["", "A", "SKU-1", "x" * 16, "x" * 17, "x" * 64, "x" * 65, "x" * 128, "x" * 129, "x" * 256,
         "x" * 257, "x" * 2049]
NUMBERS = [0, 1, 12, 12.5, -1, -0.5, 0.001, 999999999999, 123456789012345678, 1e3, 1e30, -3]
DECIMALS = ["0", "1", "2.50", "-1", "1e3", "1e19", ".5", "5.", "NaN", "+1", "1,5", "0.000000000000000001",
            "123456789012345678", "1234567890123456789", "-0", "007", " 1", "1 "]
TIMES = ["2026-11-21T15:04:05.123+01:00", "2026-11-21T14:04:05Z", "2026-11-21 14:04:05,5+0100",
         "2026-11-21T14:04:05", "2026-13-21T14:04:05Z", "2026-11-21T24:04:05Z", "2026-11-21",
         "1795273505", "1795273505123", "now", "2026-11-21T14:04:60Z", "2026-11-21T14:04:05+25:00"]
STAMPS = [0, 1795273505, 1795273505.25, 1795273505123, 1795273505123456, -1, 1e18]
DATES = ["2027-03-31", "2027-13-31", "1969-12-31", "31.03.2027", "2027-03-31T00:00:00Z", "2027-3-1", ""]
WRONG = [True, 0, -1, "text", [], {}, [1], {"a": 1}]
# Of these the table says nothing, and the schema neither: only what is sound is sent here.
SOUND = {"uom": ["EA", "KGM", "CS"], "gtin": ["09506000134352"], "sscc": ["395060001343500003"],
         "barcode": ["SKU-1", "]C0ABC"], "scan_bytes": None, "currency": None}


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.wrongness = 0.0

    def event(self, schema, number):
        """An event of the schema's type; one in four is meant to be right in every part."""
        self.wrongness = self.random.choice([0.0, 0.01, 0.03, 0.06])
        event = self.of_object(schema)
        event["id"] = "gen-%d" % number if self.is_right() else self.random.choice(
            ["with space", "x" * 129, "ümlaut", 7, ""])
        if self.is_right():
            event["time"] = "2026-11-21T14:04:05Z"
        for name in ("source", "site", "device"):  # of them the topic has its own opinion
            event.pop(name, None)
        return event

    def is_right(self):
        return self.random.random() >= self.wrongness

    def of_object(self, schema):
        made = {}
        needed = set(schema.get("required", ()))
        choices = []
        for rule in schema.get("allOf", ()):
            names = [form["required"][0] for form in rule.get("anyOf", [rule]) if "required" in form]
            choices.append(names)
        for names in choices:
            needed.add(self.random.choice(names) if len(names) > 1 and "barcode" in names[1:]
                       and "item" in names else names[0])
        for name, inner in schema.get("properties", {}).items():
            wanted = name in needed if self.is_right() else name not in needed
            if inner is False or not (wanted or self.random.random() < 0.3):
                continue
            value = self.of(inner, name)
            if value is not SAY_NOTHING:
                made[name] = value
        if made.get("barcode") and made.get("quantity") is None:
            made["quantity"] = "1"  # else it depends on what the barcode says
        if self.random.random() < 0.1:
            made["x_" + self.random.choice(string.ascii_lowercase)] = self.random.choice(WRONG)
        return made

    def of(self, schema, name):
        if not self.is_right():
            # A unit or a barcode that is a text may be unknown to the agent: the schema can't say.
            return self.random.choice([None] + [w for w in WRONG
                                                if name not in SOUND or not isinstance(w, str)])
        if name in SOUND:
            return self.random.choice(SOUND[name]) if SOUND[name] else SAY_NOTHING
        forms = [form for form in schema.get("anyOf", [schema]) if form.get("type") != "null"]
        return self.of_form(self.random.choice(forms), name)

    def of_form(self, form, name):
        kind = form.get("type")
        kind = kind[0] if isinstance(kind, list) else kind
        if "enum" in form:
            return self.random.choice([word for word in form["enum"] if word is not None])
        if kind == "object":
            return self.of_object(form)
        if kind == "array":
            least = form.get("minItems", 0)
            count = self.random.choice([least, least + 1, least + 2]) if self.is_right() else 0
            return [self.of(form.get("items", {"type": "string"}), None) for _ in range(count)]
        if kind == "boolean":
            return self.random.choice([True, False])
        if kind in ("integer", "number"):
            return self.number(form)
        if kind == "string":
            return self.text(form)
        return self.random.choice(WRONG)

    def number(self, form):
        if form.get("exclusiveMaximum") == 1e17:
            return STAMPS[1] if self.is_right() else self.random.choice(STAMPS)
        if self.is_right():
            return self.random.choice([0, 1, 12])
        # A label of so many digits is taken as text, as 1e30 it is refused: JSON Schema sees one number.
        return self.random.choice([n for n in NUMBERS if form["type"] == "number" or n != 1e30])

    def text(self, form):
        pattern = form.get("pattern", "")
        if "[Tt ]" in pattern:
            return TIMES[self.random.randrange(3)] if self.is_right() else self.random.choice(TIMES)
        if pattern.startswith("^(19["):
            return DATES[0] if self.is_right() else self.random.choice(DATES)
        if "(?=[0.]*([0-9]" in pattern:
            return self.random.choice(DECIMALS[:3] if self.is_right() else DECIMALS)
        if "[a-z_]" in pattern:
            return "sales_order" if self.is_right() else self.random.choice(["Sales", "", "a b"])
        if "[!-~]" in pattern or "A-Za-z0-9._-" in pattern:
            return "name-1"
        if pattern.startswith("^[0-9]"):
            return "17" if self.is_right() else "x"
        if "[Jj]" in pattern:
            return "application/json" if self.is_right() else "text/plain"
        longest = form.get("maxLength", 16)
        return self.random.choice(["A", "x" * longest] if self.is_right() else TEXTS)
