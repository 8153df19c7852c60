"""Third parties' schemas are not part of this project: $DRAY_FIXTURES says where they are."""
import importlib.util
import os

HERE = os.path.dirname(os.path.abspath(__file__))
_spec = importlib.util.spec_from_file_location(
    "system_conftest", os.path.join(HERE, "../system/conftest.py"))
_system = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_system)
site = _system.site
