"""What every test that runs the real daemon stands on."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from sim.site import Site  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "smoke: the few that the inner loop runs")
    config.addinivalue_line("markers", "heavy: too much for the sanitized build, run once")


@pytest.fixture
def site(tmp_path):
    place = Site(tmp_path)
    yield place
    place.end()
    log = place.agent_log()
    assert "AddressSanitizer" not in log and "runtime error" not in log, log[-5000:]
