"""Small libraries that are LD_PRELOADed into drayd: what a machine does to it once in a long time."""
import os
import subprocess

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system")


def preload(folder, *sources, before=()):
    """drayd's environment with these files of tests/system, built in `folder`; `before`: libraries."""
    libraries = list(before)
    for source in sources:
        libraries.append(str(folder / source.replace(".c", ".so")))
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", libraries[-1],
                        os.path.join(FOLDER, source)], check=True, timeout=60)
    asan = os.environ.get("ASAN_OPTIONS", "")
    return {"LD_PRELOAD": " ".join(libraries),
            "ASAN_OPTIONS": (asan + ":" if asan else "") + "verify_asan_link_order=0"}
