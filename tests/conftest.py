"""What every test that runs the real daemon stands on."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from sim.site import Site  # noqa: E402

LOG_LINES = 15


def pytest_configure(config):
    config.addinivalue_line("markers", "smoke: the few that the inner loop runs")
    config.addinivalue_line("markers", "heavy: too much for the sanitized build, run once")
    config.addinivalue_line("markers", "alone: holds milliseconds against a bound, run beside nothing")
    config.addinivalue_line("markers", "slow: begun first, so that nobody waits for it at the end")
    config.addinivalue_line("markers", "xdist_group(name): run by one worker, what they share is dear")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failed test's text ends with what drayd said last."""
    report = (yield).get_result()
    place = getattr(item, "funcargs", {}).get("site")
    said = place.agent_log().splitlines()[-LOG_LINES:] if report.failed and place else []
    if said and hasattr(report.longrepr, "addsection"):
        report.longrepr.addsection("the end of drayd.log", "\n".join(said))


@pytest.fixture
def site(tmp_path):
    place = Site(tmp_path)
    yield place
    place.end()
    log = place.agent_log()
    assert "AddressSanitizer" not in log and "runtime error" not in log, log[-5000:]
