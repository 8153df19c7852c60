"""What leaves the house is CloudEvents 1.0, held against the specification's own schema."""
import json
import os

import pytest

from sim import agent as agents
from sim import wait

jsonschema = pytest.importorskip("jsonschema")


def load_schema():
    fixtures = os.environ.get("DRAY_FIXTURES") or os.path.join(agents.ROOT, "../shared/fixtures")
    path = os.path.join(fixtures, "cloudevents/cloudevents.schema.json")
    if not os.path.exists(path):
        pytest.skip("no %s" % path)
    with open(path) as text:
        return json.load(text)


@pytest.mark.parametrize("connector", ["rest", "cloudevents"])
def test_every_event_that_is_sent_fits_the_cloudevents_schema(site, connector):
    schema = load_schema()
    erp = site.cloud()
    site.agent({"erp": agents.destination(erp.url, connector=connector)})
    fleet = site.fleet(total=200).start()
    wait.until(lambda: erp.ledger()["applied"] == 200, 60, "200 events applied")
    assert fleet.statuses["rejected"] == 0
    validator = jsonschema.Draft7Validator(
        schema, format_checker=jsonschema.FormatChecker())
    for event in erp.events():
        validator.validate(event)
        assert event["specversion"] == "1.0"
