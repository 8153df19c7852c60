"""The packages that packaging/build.sh has left, and what is in them."""
import glob
import io
import os
import re
import subprocess
import tarfile

from sim.agent import ROOT

PLACE = os.path.join(ROOT, "build/packages")
MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7hl": "armhf"}
PROGRAMS = ["usr/sbin/drayd", "usr/libexec/dray/dray-map"]


def said_by(*command, data=None):
    return subprocess.run(command, check=True, input=data, capture_output=True, timeout=120).stdout


def read_tar(data):
    """{path: (TarInfo, bytes or None)}, without the root."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            path = re.sub(r"^\.?/*", "", member.name)
            if path:
                content = archive.extractfile(member) if member.isfile() else None
                found[path] = (member, content.read() if content else None)
    return found


class Deb:
    kind = "deb"

    def __init__(self, path):
        self.path, self.name = path, os.path.basename(path)
        self.arch = re.search(r"_(\w+)\.deb$", path).group(1)
        self.tree = read_tar(said_by("dpkg-deb", "--fsys-tarfile", path))
        self.control = {name: content.decode() for name, (_, content)
                        in read_tar(said_by("dpkg-deb", "--ctrl-tarfile", path)).items()}
        self.scripts = {name: self.control[name] for name in ("postinst", "prerm", "postrm")
                        if name in self.control}

    def field(self, name):
        found = re.search("^%s: (.*)$" % name, self.control["control"], re.M)
        return found.group(1) if found else None


class Rpm:
    kind = "rpm"

    def __init__(self, path):
        self.path, self.name = path, os.path.basename(path)
        self.arch = MACHINES[path.split(".")[-2]]
        with open(path, "rb") as file:
            self.tree = read_tar(said_by("rpm2archive", "-", data=file.read()))
        self.scripts = {name: script for name in ("prein", "postin", "preun", "postun")
                        for script in [self.ask("%%{%s}" % name)] if script != "(none)"}

    def ask(self, form):
        return said_by("rpm", "-qp", "--queryformat", form, self.path).decode()

    def table(self, *tags):
        form = "[%s\\n]" % "\\t".join("%%{%s}" % tag for tag in tags)
        return [tuple(line.split("\t")) for line in self.ask(form).splitlines()]


def paths(pattern):
    return sorted(glob.glob(os.path.join(PLACE, pattern)))


def opened(path):
    if path not in _opened:
        _opened[path] = Deb(path) if path.endswith(".deb") else Rpm(path)
    return _opened[path]


_opened = {}
DEBS, RPMS = paths("dray_*.deb"), paths("dray-[0-9]*.rpm")
SYMBOLS = paths("dray-dbgsym_*.deb") + paths("dray-debuginfo-*.rpm")


def symbols_of(package):
    """The package of its symbols."""
    return next(other for other in map(opened, SYMBOLS)
                if (other.kind, other.arch) == (package.kind, package.arch))


def unpack(package, folder):
    for path, (member, content) in package.tree.items():
        target = os.path.join(str(folder), path)
        if member.isdir():
            os.makedirs(target, exist_ok=True)
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if member.issym():
            os.symlink(member.linkname, target)
        else:
            with open(target, "wb") as file:
                file.write(content)
            os.chmod(target, member.mode & 0o777)
    return str(folder)
