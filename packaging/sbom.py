#!/usr/bin/python3
"""The SBOM of a package, SPDX 2.3 as JSON: the programs and what they were really linked with.

build.sh says in the environment: arch, version, release, work, sysroot (empty: this machine),
SOURCE_DATE_EPOCH. Said of a library: Debian's source package and version it was linked from, and the
licence it is used under. One that is linked and has no licence here is an error: look it up first.
https://spdx.github.io/spdx-spec/v2.3/
"""
import hashlib
import json
import os
import re
import subprocess
import sys
import time

PROGRAMS = ["usr/sbin/drayd", "usr/libexec/dray/dray-map"]
# By Debian source package; debian/copyright and upstream's own licence file say so.
LICENCES = {
    "cjson": "MIT",
    "curl": "curl",
    "gcc-12": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "glibc": "LGPL-2.1-or-later",
    "jq": "MIT",
    "libevent": "BSD-3-Clause",
    "mosquitto": "EPL-2.0 OR BSD-3-Clause",
    "openssl": "Apache-2.0",
    "sqlite3": "blessing",
    "systemd": "LGPL-2.1-or-later",
    "zlib": "Zlib",
}


def said_by(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def needed(program):
    dynamic = said_by("readelf", "-d", program)
    return re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic)


def debian_source(soname, database, arch):
    """(source package, version) of the library."""
    owners = said_by("dpkg-query", *database, "-S", "*/" + soname)
    package = re.search("^(.+):%s: " % arch, owners, re.M).group(1)
    shown = said_by("dpkg-query", *database, "-W", "-f", "${source:Package} ${source:Version}",
                    "%s:%s" % (package, arch))
    return tuple(shown.split())


def package(name, version, licence, **more):
    return {"SPDXID": "SPDXRef-" + name, "name": name, "versionInfo": version,
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
            "licenseConcluded": licence, "licenseDeclared": licence,
            "copyrightText": "NOASSERTION", **more}


def library(name, version):
    if name not in LICENCES:
        sys.exit("sbom.py: the licence of %s isn't written down: it is linked, so look it up" % name)
    locator = "pkg:deb/debian/%s@%s?arch=source" % (name, version.replace("+", "%2B"))
    return package(name, version, LICENCES[name], supplier="Organization: Debian", externalRefs=[
        {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
         "referenceLocator": locator}])


def main():
    said = os.environ
    arch, version = said["arch"], said["version"]
    database = ["--admindir=%s/var/lib/dpkg" % said["sysroot"]] if said["sysroot"] else []
    programs = [os.path.join(said["work"], "stage", name) for name in PROGRAMS]
    sonames = sorted({soname for program in programs for soname in needed(program)})
    linked = sorted({debian_source(soname, database, arch) for soname in sonames})
    dray = package("dray", "%s-%s" % (version, said["release"]), "Apache-2.0",
                   supplier="NOASSERTION", primaryPackagePurpose="APPLICATION")
    packages = [dray] + [library(*source) for source in linked]
    digest = hashlib.sha256(json.dumps(packages).encode())
    for program in programs:
        with open(program, "rb") as file:
            digest.update(file.read())
    json.dump({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "dray-%s-%s" % (version, arch),
        "documentNamespace": "https://spdx.org/spdxdocs/dray-%s-%s-%s" % (
            version, arch, digest.hexdigest()[:32]),
        "creationInfo": {
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                     time.gmtime(int(said["SOURCE_DATE_EPOCH"]))),
            "creators": ["Tool: dray-packaging-sbom-" + version]},
        "packages": packages,
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
             "relatedSpdxElement": "SPDXRef-dray"}] + [
            {"spdxElementId": "SPDXRef-dray", "relationshipType": "DYNAMIC_LINK",
             "relatedSpdxElement": each["SPDXID"]} for each in packages[1:]],
    }, sys.stdout, separators=(",", ":"))
    print()


main()
