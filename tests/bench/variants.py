"""What a busy site configures: eight routes by `when`, lanes mixed, limits that do not bind."""

# Two in twenty handhelds are urgent, six can wait; five routes look at the events and match none.
HANDHELDS = [f"tc52-{n:04}" for n in range(20)]


def routes(to):
    order = {"type": ["receipt", "discrepancy"], "data.document.type": "purchase_order"}
    return {
        "urgent": {"when": {**order, "device": HANDHELDS[:2]}, "to": to, "lane": "critical"},
        "receipts": {"when": {**order, "device": HANDHELDS[2:14]}, "to": to},
        "late": {"when": {**order, "device": HANDHELDS[14:]}, "to": to, "lane": "bulk"},
        "transfers": {"when": {"type": "receipt", "data.document.id": "TO-*"}, "to": to},
        "carriers": {"when": {"type": ["pick", "ship"], "data.carrier": True}, "to": to},
        "counts": {"when": {"type": "count"}, "to": to, "lane": "bulk"},
        "cold": {"when": {"type": "receipt", "data.dock": ["D90", "D91"]}, "to": to},
        "closed": {"when": {"type": "receipt", "data.final": True, "data.supplier.id": "Z*"},
                   "to": to},
    }


LIMITS = {"rate": "100000/s", "account": "cloud"}

# A mapping as ERPs want them: asked once for the request and once for the answer.
PROGRAM = """
def line: {"item": .item.sku, "qty": (.quantity | tonumber), "uom": .uom, "batch": .lot,
    "warehouse": (if .condition == "damaged" then "QC" else "MAIN" end)}
  | with_entries(select(.value != null));
def receipt: {"reference": .id, "posting_date": (.time | local_date),
  "supplier": .data.supplier.id, "order": .data.document.id, "lines": [.data.lines[] | line]};
if .response == null
then {"send": {"method": "POST", "path": "/v1/receipts",
  "body": (if (.events | length) == 1 then (.events[0] | receipt)
           else [.events[] | receipt] end)}}
elif .response.status < 300 then {"done": {}}
else {"retry": {"reason": "HTTP status \\(.response.status)"}}
end
"""
