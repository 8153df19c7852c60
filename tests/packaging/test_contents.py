"""What the packages put on a machine, and that it is fit to be used as it is."""
import glob
import gzip
import os
import re
import subprocess

import pytest

from sim import agent as agents
from sim import package, process, wait

SIZE_MAX_KB = 1000000 / 1024
NATIVE = package.said_by("dpkg", "--print-architecture").decode().strip()
CONFIG = "etc/dray/dray.json"
# Path: mode.
EXPECTED = {
    "usr/sbin/drayd": 0o755,
    "usr/libexec/dray/dray-map": 0o755,
    "usr/lib/systemd/system/drayd.service": 0o644,
    "usr/lib/sysusers.d/dray.conf": 0o644,
    "usr/lib/tmpfiles.d/dray.conf": 0o644,
    "usr/share/dray/connectors/rest/connector.json": 0o644,
    "usr/share/dray/mosquitto/dray.conf": 0o644,
    "usr/share/man/man1/drayctl.1.gz": 0o644,
    "usr/share/man/man5/dray.json.5.gz": 0o644,
    "usr/share/man/man8/drayd.8.gz": 0o644,
    "usr/share/bash-completion/completions/drayctl": 0o644,
    "usr/share/bash-completion/completions/drayd": 0o644,
    "usr/share/doc/dray/dray.spdx.json": 0o644,
}
FOLDERS = ["etc/dray/conf.d", "etc/dray/credentials"]
READING = ["usr/share/doc/dray/api/openapi.yaml.gz", "usr/share/doc/dray/events.schema.json.gz",
           "usr/share/doc/dray/guides/install.md.gz", "usr/share/doc/dray/cloud-init/dray.yaml",
           "usr/share/doc/dray/ansible/roles/dray/tasks/main.yml"]


def test_there_are_packages_to_look_at():
    assert package.DEBS and package.RPMS, "packaging/build.sh all amd64 leaves them in " + package.PLACE


def test_everything_is_there_with_its_mode(dray):
    for path, mode in EXPECTED.items():
        assert path in dray.tree, path
        assert dray.tree[path][0].mode & 0o7777 == mode, path
    assert dray.tree["usr/bin/drayctl"][0].linkname == "../sbin/drayd"
    for path in FOLDERS:
        assert dray.tree[path][0].isdir(), path
    for path, (member, _) in dray.tree.items():
        assert member.issym() or not member.mode & 0o6022, "%s has mode %o" % (path, member.mode)


def test_what_is_for_reading_is_a_package_of_its_own_for_all_architectures():
    (doc,) = glob.glob(os.path.join(package.PLACE, "dray-doc_*_all.deb"))
    tree = package.Deb(doc).tree
    assert set(READING) <= set(tree)
    (rpm,) = glob.glob(os.path.join(package.PLACE, "dray-doc-*.noarch.rpm"))
    listed = package.said_by("rpm", "-qpl", rpm).decode().split("\n")
    assert {"/" + path for path in READING} <= set(listed)


def test_nothing_is_there_that_has_no_business(dray):
    """No leftovers of the build, and nothing under /usr/local, /opt, /lib or /run."""
    for path in dray.tree:
        assert re.match("(etc/dray|usr/(bin|sbin|libexec/dray|lib|share)|var/lib/dray)(/|$)"
                        "|(etc|usr|var|var/lib|usr/libexec)$", path), path
        assert not re.search(r"\.(o|a|cmake|scd|in|orig|pyc)$|~$|CMakeLists", path), path


def test_deb_and_rpm_of_an_architecture_hold_the_same():
    """But for what each has of its own: who may copy it, and what changed."""
    own = re.compile("usr/share/(doc/dray/(copyright|changelog.*|CHANGELOG.md|dray.spdx.json)|licenses)")
    for deb in map(package.opened, package.DEBS):
        for rpm in map(package.opened, package.RPMS):
            if deb.arch != rpm.arch:
                continue
            ours, theirs = ({path: content for path, (_, content) in each.tree.items()
                             if content is not None and not own.match(path)} for each in (deb, rpm))
            assert ours == theirs


def test_it_is_small(dray):
    if dray.kind == "deb":
        size_kb = int(dray.field("Installed-Size"))
    else:
        size_kb = int(dray.ask("%{SIZE}")) / 1024
    assert size_kb < SIZE_MAX_KB


@pytest.mark.parametrize("program", package.PROGRAMS)
def test_glibc_does_not_refuse_its_relocations(dray, tmp_path, program):
    """Packed ones (RELR) it takes only from a program that says it needs a glibc that knows them."""
    path = os.path.join(package.unpack(dray, tmp_path), program)
    said = package.said_by("readelf", "-dVW", path).decode()
    assert ("(RELR)" in said) == ("GLIBC_ABI_DT_RELR" in said)


def test_all_of_it_has_the_date_of_the_source(dray):
    """Else the same source would not give the same bytes."""
    dates = {member.mtime for member, _ in dray.tree.values()}
    assert len(dates) == 1
    for path, (_, content) in dray.tree.items():
        if path.endswith(".gz"):
            assert content[4:8] == b"\0\0\0\0", path + " says when it was compressed"


def test_the_man_pages_are_those_of_this_version(dray):
    for page in ("man8/drayd.8.gz", "man1/drayctl.1.gz", "man5/dray.json.5.gz"):
        text = gzip.decompress(dray.tree["usr/share/man/" + page][1]).decode()
        assert re.search(r'^\.TH "', text, re.M), page


def test_no_program_tells_where_it_was_built(dray):
    for path in package.PROGRAMS:
        content = dray.tree[path][1]
        assert agents.ROOT.encode() not in content and b"/sysroot/" not in content


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """This machine's own package, unpacked beside it."""
    path = next(path for path in package.DEBS if path.endswith("_%s.deb" % NATIVE))
    return package.unpack(package.opened(path), tmp_path_factory.mktemp("installed"))


def run(installed, program, *arguments):
    return subprocess.run([os.path.join(installed, program), *arguments], capture_output=True,
                          text=True, timeout=240)


def test_the_configuration_is_fine_as_it_comes(installed):
    done = run(installed, "usr/sbin/drayd", "--check", "--config",
               os.path.join(installed, CONFIG))
    assert (done.returncode, done.stderr) == (0, "")


def test_the_example_in_the_configuration_is_fine(installed, tmp_path):
    """What its comment says to write into conf.d, with the secret that it names."""
    with open(os.path.join(installed, CONFIG)) as file:
        text = file.read()
    (tmp_path / "dray.json").write_text(text)
    (tmp_path / "conf.d").mkdir()
    os.symlink(os.path.join(installed, "usr/share/dray/connectors"), tmp_path / "connectors")
    example = re.search(r"^  // (\{\n.*^  // \}\n)", text, re.M | re.S).group(1)
    (tmp_path / "conf.d/erp.json").write_text(re.sub("^  // ", "", example, flags=re.M))
    check = ["usr/sbin/drayd", "--check", "--config", str(tmp_path / "dray.json")]
    assert "erp-token" in run(installed, *check).stderr
    (tmp_path / "erp-token").write_text("a-token\n")
    (tmp_path / "erp-token").chmod(0o640)
    done = run(installed, *check)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_agent_starts_with_the_configuration_as_it_comes(installed, tmp_path):
    """No broker, no destination; only where it writes is moved here."""
    with open(os.path.join(installed, CONFIG)) as file:
        (tmp_path / "dray.json").write_text(file.read())
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "state").mkdir()
    control = agents.socket_path(tmp_path)
    (tmp_path / "conf.d/here.json").write_text(
        '{ "state_dir": "%s", "control": { "socket": "%s" } }' % (tmp_path / "state", control))
    daemon = process.spawn([os.path.join(installed, "usr/sbin/drayd"),
                            "--config", str(tmp_path / "dray.json")], stderr=subprocess.DEVNULL)
    try:
        wait.until(lambda: run(installed, "usr/bin/drayctl", "--socket", control,
                               "status").returncode == 0, what="an answer to drayctl status")
    finally:
        daemon.terminate()
    assert daemon.wait(timeout=120) == 0


def completed(installed, *words):
    """What bash offers for the last of the words."""
    name = words[0]
    script = """
. /usr/share/bash-completion/bash_completion
. "$1/usr/share/bash-completion/completions/$2"
PATH=$1/usr/bin:$1/usr/sbin:$PATH
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
_$1 "$1"
printf '%s\\n' "${COMPREPLY[@]}"
"""
    done = subprocess.run(["bash", "-c", script, "bash", installed, *words], capture_output=True,
                          text=True, timeout=120, cwd=installed)
    assert done.stderr == "", name
    return set(done.stdout.split())


@pytest.mark.parametrize("words, offered", [
    (("drayctl", "ev"), {"events"}),
    (("drayctl", "--json", "sta"), {"status"}),
    (("drayctl", "events", "s"), {"show", "send"}),
    (("drayctl", "--socket", "x", "exceptions", "l"), {"list"}),
    (("drayctl", "replay", "--d"), {"--destination", "--dry-run"}),
    (("drayctl", "reference", "import", "--format", "c"), {"csv"}),
    (("drayctl", "backup", "us"), {"usr"}),
    (("drayctl", "no-such-thing", "x"), set()),
    (("drayd", "--ch"), {"--check"}),
    (("drayd", "--config", "et"), {"etc"}),
])
def test_completion_offers(installed, words, offered):
    assert completed(installed, *words) == offered
