"""Outside systems, as far as a connector's steps see them: each keeps what was booked. What they do
with a repeat is what their documentation says of them (see the connectors' READMEs)."""
import http.server
import json
import re
import threading
import urllib.parse


def answer(status, body=None, **headers):
    return {"status": status, "body": body, "headers": headers}


class BusinessCentral:
    """Posts what the lines say, then proposes the rest; answers 400 for the invoice that isn't made."""

    def __init__(self, answers_error=True):
        self.answers_error = answers_error
        self.etag = 0
        self.lines = [self.line("L1", "SKU-1", 20), self.line("L2", "SKU-2", 5),
                      self.line("L3", "SKU-3", 1)]

    def line(self, name, item, quantity):
        return self.touch({"id": name, "lineType": "Item", "lineObjectNumber": item,
                           "quantity": quantity, "receivedQuantity": 0,
                           "receiveQuantity": quantity, "invoiceQuantity": quantity})

    def touch(self, line):
        self.etag += 1
        line["@odata.etag"] = "W/\"%d\"" % self.etag
        return line

    def booked(self):
        return {line["lineObjectNumber"]: line["receivedQuantity"] for line in self.lines
                if line["receivedQuantity"]}

    def post(self):
        if not any(line["receiveQuantity"] for line in self.lines):
            return answer(400, {"error": {"code": "x", "message": "There is nothing to post."}})
        if any(line["invoiceQuantity"] for line in self.lines):
            return answer(400, {"error": {"code": "x", "message": "Enter Vendor Invoice No."}})
        for line in self.lines:
            line["receivedQuantity"] += line["receiveQuantity"]
            line["receiveQuantity"] = line["quantity"] - line["receivedQuantity"]
            self.touch(line)
        if self.answers_error:
            return answer(400, {"error": {"code": "x", "message": "There is no invoice."}})
        return answer(204)

    def ask(self, send):
        path = send["path"]
        if send.get("method") == "PATCH":
            line = next(line for line in self.lines if "(%s)" % line["id"] in path)
            if send["headers"]["If-Match"] != line["@odata.etag"]:
                return answer(412)
            line.update({"invoiceQuantity": send["body"]["receiveQuantity"], **send["body"]})
            return answer(200, dict(self.touch(line)))
        if path.endswith("receiveAndInvoice"):
            return self.post()
        lines = [dict(line) for line in self.lines]
        if path.endswith("/purchaseOrderLines"):
            return answer(200, {"value": lines})
        return answer(200, {"value": [{"id": "O1", "purchaseOrderLines": lines}]})


class EasyPost:
    def __init__(self):
        self.shipments = {}

    def booked(self):
        return sum(shipment["postage_label"] is not None for shipment in self.shipments.values())

    def ask(self, send):
        name = re.search("shp_[0-9]+", send["path"])
        if not name:
            shipment = {"id": "shp_%d" % len(self.shipments), "postage_label": None,
                        "rates": [{"id": "rate_1", "carrier": "USPS", "service": "Priority",
                                   "rate": "9.90", "currency": "USD"}]}
            self.shipments[shipment["id"]] = shipment
            return answer(201, dict(shipment))
        shipment = self.shipments[name.group()]
        if send["path"].endswith("/buy"):
            if shipment["postage_label"]:
                return answer(422, {"error": {"code": "SHIPMENT.POSTAGE.EXISTS", "message": "no"}})
            shipment["postage_label"] = {"label_url": "https://labels.example.com/1.png"}
        return answer(200, dict(shipment))


class ShipEngine:
    def __init__(self):
        self.labels = {}

    def booked(self):
        return len(self.labels)

    def ask(self, send):
        if send["path"] == "/v1/labels":
            key = send["body"]["shipment"]["external_shipment_id"]
            if key in self.labels:
                return answer(400, {"errors": [{"error_code": "identifier_conflict",
                                                "message": "external_shipment_id exists"}]})
            self.labels[key] = {"label_id": "se-1", "status": "completed", "tracking_number": "T1",
                                "label_download": {"href": "https://labels.example.com/1.pdf"}}
            return answer(200, self.labels[key])
        label = self.labels.get(send["path"].rpartition("/")[2])
        return answer(200, label) if label else answer(404, {"errors": []})


class ErpNext:
    def __init__(self):
        self.documents = []

    def booked(self):
        return len(self.documents)

    def ask(self, send):
        if send["path"].startswith("/api/method/"):
            return answer(200, {"message": {"items": [
                {"doctype": "Purchase Receipt Item", "item_code": sku, "qty": 20}
                for sku in ("SKU-1", "SKU-2")]}})
        if send.get("method") == "GET":
            return answer(200, {"data": [{"name": "PR-%d" % at for at, document
                                          in enumerate(self.documents)
                                          if document["dray_key"] in send["query"]["filters"]}]
                                if self.documents else []})
        if any(document["dray_key"] == send["body"]["dray_key"] for document in self.documents):
            return answer(417, {"exc_type": "UniqueValidationError"})
        self.documents.append(send["body"])
        return answer(200, {"data": {"name": "PR-0"}})


class NetSuite:
    """Remembers the key of an asynchronous request, and the job that it made."""

    def __init__(self, knows_external_ids=True):
        self.knows_external_ids = knows_external_ids
        self.jobs, self.records = {}, []

    def booked(self):
        return len(self.records)

    def submit(self, send):
        key = send["headers"]["X-NetSuite-idempotency-key"]
        is_repeat = key in self.jobs
        job = self.jobs.setdefault(key, {"number": len(self.jobs) + 1, "asked": 0})
        location = "/services/rest/async/v1/job/%d" % job["number"]
        if is_repeat:
            return answer(400, {"o:errorDetails": [{"o:errorCode": "IDEMPOTENCY_ERROR"}]},
                          location=location)
        self.records.append(send["body"])
        return answer(202, None, location=location)

    def ask(self, send):
        path = send["path"]
        if "!transform" in path:
            return self.submit(send)
        if "/job/" in path:
            job = next(iter(self.jobs.values()))
            job["asked"] += 1
            is_through = job["asked"] > 1
            return answer(200, {"completed": is_through,
                                "progress": "succeeded" if is_through else "pending"})
        if "/eid:" in path:
            is_there = self.knows_external_ids and any(
                record["externalId"] in path for record in self.records)
            return answer(200, {"id": "9", "tranId": "IR-9"}) if is_there else answer(404)
        if path.endswith("/purchaseOrder"):
            return answer(200, {"items": [{"id": "17"}]})
        return answer(200, {"item": {"items": [
            {"line": at + 1, "item": {"refName": sku}} for at, sku in enumerate(["SKU-1", "SKU-2"])]}})


class Sap:
    """Books every request, but for a repeated RequestID."""

    def __init__(self):
        self.documents, self.requests = [], set()

    def booked(self):
        return len(self.documents)

    def ask(self, send):
        if send.get("method") == "GET":
            return answer(200, {"d": {"results": [
                {"MaterialDocument": "5000000001", "MaterialDocumentYear": "2026"}
                for text in self.documents if text in send["query"]["$filter"]]}})
        request = send["headers"].get("RequestID")
        if request in self.requests:
            return answer(400, {"error": {"code": "x", "message": {"value": "RequestID is outdated"}}})
        if request:
            self.requests.add(request)
        self.documents.append(send["body"]["MaterialDocumentHeaderText"])
        return answer(201, {"d": {"MaterialDocument": "5000000001", "MaterialDocumentYear": "2026"}})


class Epcis:
    """A repository that refuses an eventID that it has, or one that keeps it twice."""

    def __init__(self, refuses_repeats=True):
        self.refuses_repeats = refuses_repeats
        self.events, self.jobs = [], []

    def booked(self):
        return len(self.events)

    def ask(self, send):
        path = send["path"]
        if path == "/capture":
            events = [event["eventID"] for event in send["body"]["epcisBody"]["eventList"]]
            is_refused = self.refuses_repeats and any(event in self.events for event in events)
            self.events += [] if is_refused else events
            self.jobs.append({"running": False, "success": not is_refused, "errors": [
                {"type": "epcisException:ResourceAlreadyExistsException", "title": "exists"}]
                if is_refused else []})
            return answer(202, None, location="https://epcis.example.com/capture/%d"
                          % (len(self.jobs) - 1))
        if path.startswith("/capture/"):
            return answer(200, self.jobs[int(path.rpartition("/")[2])])
        name = path.rpartition("/")[2].replace("%3A", ":")
        return answer(200, {"eventID": name}) if name in self.events else answer(404)


class Served:
    """A system behind HTTP. It loses the answer to the `loses`-th request that changes something; a
    token and a CSRF token are to be had, and wanted."""

    def __init__(self, vendor, loses=0, wants_token=False, wants_csrf=False):
        self.vendor, self.loses = vendor, loses
        self.wants_token, self.wants_csrf = wants_token, wants_csrf
        self.lock = threading.Lock()
        self.changes = 0
        served = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                with served.lock:
                    served.handle(self)

            do_GET = do_POST = do_PATCH = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def handle(self, request):
        path, _, query = request.path.partition("?")
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if path == "/token":
            self.say(request, answer(200, {"access_token": "t0k3n", "expires_in": 3600}))
        elif (request.headers.get("X-CSRF-Token") or "").lower() == "fetch":
            self.say(request, answer(200, {}, **{"X-CSRF-Token": "csrf"}))
        elif self.wants_token and request.headers.get("Authorization") != "Bearer t0k3n":
            self.say(request, answer(401))
        elif self.wants_csrf and request.command != "GET" and \
                request.headers.get("X-CSRF-Token") != "csrf":
            self.say(request, answer(403, None, **{"X-CSRF-Token": "Required"}))
        else:
            self.pass_on(request, path, query, body)

    def pass_on(self, request, path, query, body):
        send = {"method": request.command, "path": path, "headers": dict(request.headers.items()),
                "query": dict(urllib.parse.parse_qsl(query))}
        if body:
            send["body"] = json.loads(body)
        told = self.vendor.ask(send)
        if request.command != "GET":
            self.changes += 1
            if self.changes == self.loses:
                request.close_connection = True
                return
        self.say(request, told)

    def say(self, request, told):
        text = json.dumps(told["body"]).encode() if told["body"] is not None else b""
        request.send_response(told["status"])
        for name, value in told["headers"].items():
            request.send_header(name, value)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)
