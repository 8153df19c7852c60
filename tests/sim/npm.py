"""Packages from npm, kept below build/: installed once. Whoever can't have one skips."""
import os
import shutil
import subprocess

import pytest

from sim.agent import ROOT

INSTALL_S = 60


def folder(name, version):
    """A folder whose node_modules has the package."""
    place = os.path.join(ROOT, "build/npm-%s-%s" % (name.replace("/", "-").lstrip("@"), version))
    if os.path.isdir(place):
        return place
    if not shutil.which("npm"):
        pytest.skip("no npm, so no %s" % name)
    half_made = "%s.%d" % (place, os.getpid())
    os.makedirs(half_made)
    try:
        subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix",
                        half_made, "%s@%s" % (name, version)],
                       check=True, timeout=INSTALL_S, capture_output=True)
        os.rename(half_made, place)
    except (subprocess.SubprocessError, OSError) as error:
        if not os.path.isdir(place):
            pytest.skip("npm gives no %s: %s" % (name, error))
    finally:
        shutil.rmtree(half_made, ignore_errors=True)
    return place
