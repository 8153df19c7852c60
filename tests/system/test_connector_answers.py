"""Whatever a system answers, at any step, a shipped connector has an answer to it: it never fails, and
never takes for success, or for absence, what it can't read."""
import pytest

from sim import mapper

pytestmark = pytest.mark.heavy

CONNECTORS = ["business-central", "easypost", "epcis", "erpnext", "netsuite", "sap-s4", "shipengine"]

# What a proxy, a log-in page or another version would put in the place of the answer.
UNREADABLE = [
    None, "", "<html>log in</html>", True, 3, [], [1], [{}], {}, {"ok": True}, {"status": "ok"},
    {"error": "x"}, {"error": None}, {"error": {"message": {"value": 1}}}, {"error": [1]},
    {"errors": "x"}, {"errors": [1, "a", None, {"message": 3}]}, {"message": 1},
    {"data": 1}, {"data": [1]}, {"data": {}}, {"data": [{}]},
    {"message": {"items": 1}}, {"message": {"items": [1]}},
    {"_server_messages": "no JSON"}, {"_server_messages": "[1,\"{\"]"}, {"exception": 5},
    {"value": {}}, {"value": [1]}, {"value": [{"purchaseOrderLines": 1}]},
    {"items": {}}, {"items": [1]}, {"item": 1}, {"item": {"items": [1]}},
    {"completed": "x"}, {"o:errorDetails": "x"}, {"o:errorDetails": [1]},
    {"d": 1}, {"d": {"results": 1}}, {"d": {"results": [1]}}, {"d": {"results": [{}]}},
    {"running": None}, {"id": [], "rates": [1, {}]}, {"label_id": 7},
    {"postage_label": 1}, {"postage_label": {"label_url": "u"}},
]
ACCEPTED = [200, 201, 202, 204]
REFUSED = [400, 401, 403, 404, 409, 412, 417, 422, 429, 500, 503]


@pytest.fixture(params=CONNECTORS)
def connector(request):
    asked = mapper.Connector(request.param)
    yield asked
    asked.end()


def steps_that_read(connector):
    """One input for each step that the cases show, of each op and type of event."""
    questions = {}
    for case in connector.cases:
        for question, _ in connector.play(case):
            if question["response"]:
                step = (question["carry"] or {}).get("step")
                questions[question["op"], step, question["events"][0]["type"]] = question
    assert questions, "the cases show no step that reads an answer"
    return questions.values()


def answers(connector, statuses):
    for question in steps_that_read(connector):
        for status in statuses:
            for body in UNREADABLE:
                response = {"status": status, "headers": {}, "body": body}
                yield status, body, connector.ask({**question, "response": response})


def test_what_can_not_be_read_is_neither_success_nor_absence(connector):
    for status, body, output in answers(connector, ACCEPTED):
        assert output is not None, "%d %r is taken for success by default" % (status, body)
        assert "done" not in output and "absent" not in output, (status, body, output)


def test_no_refusal_makes_the_program_fail(connector):
    for _ in answers(connector, REFUSED):
        pass
