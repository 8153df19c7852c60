"""Each test runs for every package of its kind that packaging/build.sh has left in build/packages."""
import os

from sim import package

CASES = {"deb": package.DEBS, "rpm": package.RPMS, "symbols": package.SYMBOLS,
         "dray": package.DEBS + package.RPMS}


def pytest_generate_tests(metafunc):
    for name, found in CASES.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, found, ids=[os.path.basename(path) for path in found],
                                 indirect=True)


def fixture_of(name):
    import pytest

    @pytest.fixture(name=name)
    def opened(request):
        return package.opened(request.param)
    return opened


deb, rpm, symbols, dray = (fixture_of(name) for name in CASES)
