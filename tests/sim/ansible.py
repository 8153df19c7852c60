"""ansible-playbook, on this machine: the role that ships with dray, run for real."""
import json
import os
import re
import subprocess

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
ROLES = os.path.join(ROOT, "packaging/ansible/roles")
PLAYBOOK = "/usr/bin/ansible-playbook"


def is_there():
    return os.access(PLAYBOOK, os.X_OK)


class Run:
    """How one went: its output, and the counts of its recap."""

    def __init__(self, done):
        self.text = done.stdout + done.stderr
        self.status = done.returncode
        recap = re.search(r"^localhost +: (.*)$", done.stdout, re.M)
        self.counts = {name: int(n) for name, n in re.findall(r"(\w+)=(\d+)", recap.group(1))} \
            if recap else {}


def play(folder, variables):
    """The role dray with these variables, on localhost."""
    folder = str(folder)
    playbook = os.path.join(folder, "site.yml")
    with open(playbook, "w") as out:
        # JSON is YAML.
        json.dump([{"hosts": "localhost", "connection": "local", "gather_facts": True,
                    "vars": variables, "roles": ["dray"]}], out)
    env = dict(os.environ, HOME=folder, ANSIBLE_ROLES_PATH=ROLES, ANSIBLE_NOCOLOR="1",
               ANSIBLE_LOCALHOST_WARNING="0", ANSIBLE_PYTHON_INTERPRETER="/usr/bin/python3",
               ANSIBLE_LOCAL_TEMP=os.path.join(folder, "ansible"), ANSIBLE_RETRY_FILES_ENABLED="0")
    return Run(subprocess.run([PLAYBOOK, "-i", "localhost,", playbook], env=env, cwd=folder,
                              capture_output=True, text=True, timeout=400))
