"""What happens on the floor: documents, and the events that work on them, from a seed."""
import random
import time

SITE = "dc-sim-1"
CARRIERS = ["DHLG", "UPSN", "FDEG"]


def uuid7(at_ms, rng):
    """RFC 9562 section 5.7."""
    value = (at_ms & (1 << 48) - 1) << 80 | 7 << 76 | rng.getrandbits(12) << 64
    value |= 2 << 62 | rng.getrandbits(62)
    text = "%032x" % value
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def iso(at_ms):
    seconds, ms = divmod(at_ms, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".%03dZ" % ms


def check_digit(digits):
    """GS1 General Specifications 7.9: weights 3 and 1 from the right."""
    return str(-sum(int(d) * (3, 1)[i % 2] for i, d in enumerate(reversed(digits))) % 10)


def sscc(serial):
    digits = "3950600%010d" % (serial % 10**10)
    return digits + check_digit(digits)


class Floor:
    """The work of one device: receipts on purchase orders; picks, then a ship, on sales orders.
    `ballast` bytes more in each event."""

    def __init__(self, device, seed, start_ms=None, ballast=0):
        self.device = device
        self.ballast = ballast
        self.rng = random.Random("%s/%s" % (seed, device))
        self.at_ms = start_ms if start_ms is not None else int(time.time() * 1000)
        # Documents of another run are other documents, but the same seed makes the same run.
        self.run = self.rng.randrange(10**6)
        self.documents = 0

    def next_document(self):
        """The events of one document, in order, each (type, event)."""
        self.documents += 1
        name = "%s-%06d-%d" % (self.device, self.run, self.documents)
        if self.documents % 2:
            for nth in range(1, 6):
                yield self._event("receipt", self._receipt("PO-" + name, nth))
        else:
            for nth in range(1, 5):
                yield self._event("pick", self._pick("SO-" + name, nth))
            yield self._event("ship", self._ship("SO-" + name, 5))

    def _event(self, kind, data):
        self.at_ms += self.rng.randrange(1, 40)
        if self.ballast:
            data["note"] = "%0*d" % (self.ballast, self.at_ms)
        return kind, {"id": uuid7(self.at_ms, self.rng), "type": kind, "time": iso(self.at_ms),
                      "operator": "u%d" % self.rng.randrange(100, 140), "data": data}

    def _receipt(self, document, nth):
        return {"document": {"type": "purchase_order", "id": document}, "nth": nth,
                "supplier": {"id": "ACME"}, "dock": "D4", "final": nth == 5, "lines": [
                    {"line": nth, "item": {"sku": "SKU-1", "gtin": "09506000134352"},
                     "quantity": self.rng.randrange(1, 200), "uom": "EA",
                     "lot": "L%d" % self.rng.randrange(10, 99), "expiry": "2027-03-31"},
                    {"line": nth + 5, "item": {"sku": "SKU-2"},
                     "quantity": "%d.50" % self.rng.randrange(1, 50), "uom": "KGM",
                     "condition": "damaged", "reason": "wet"}]}

    def _pick(self, document, nth):
        requested = self.rng.randrange(1, 12)
        return {"document": {"type": "sales_order", "id": document}, "nth": nth, "tote": "T-9",
                "lines": [{"line": nth, "item": {"sku": "SKU-1"}, "location": "A-01-3",
                           "quantity": self.rng.randrange(0, requested + 1),
                           "requested": requested, "uom": "EA"}]}

    def _ship(self, document, nth):
        serial = self.rng.randrange(10**9)
        return {"document": {"type": "sales_order", "id": document}, "nth": nth,
                "shipment": "SH-%d" % serial,
                "carrier": {"scac": self.rng.choice(CARRIERS), "service": "express"},
                "tracking": "JD%010d" % serial,
                "ship_to": {"name": "Müller & Söhne", "street": "Am Kai 1", "city": "Hamburg",
                            "postal_code": "20457", "country": "DE"},
                "packages": [{"sscc": sscc(serial), "weight": {"value": "12.4", "uom": "KGM"},
                              "lines": [{"item": {"sku": "SKU-1"}, "quantity": 4, "uom": "EA"}]}],
                "bol": "B-%d" % serial, "freight_cost": {"amount": "31.90", "currency": "EUR"}}
