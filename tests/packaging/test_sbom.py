"""The SBOM: what SPDX 2.3 demands of a document, and that it tells the truth about the programs.

https://spdx.github.io/spdx-spec/v2.3/document-creation-information/ and the clauses after it.
"""
import json
import os
import re

import pytest

from sim import package

SBOM = "usr/share/doc/dray/dray.spdx.json"
# Debian's binary package to its source package, as apt-cache showsrc has it.
SOURCES = {"libc.so": "glibc", "libm.so": "glibc", "libcjson": "cjson", "libcurl": "curl",
           "libevent": "libevent", "libjq": "jq", "libmosquitto": "mosquitto",
           "libsqlite3": "sqlite3", "libssl": "openssl", "libcrypto": "openssl",
           "libsystemd": "systemd", "ld-linux": "glibc", "libz.so": "zlib",
           "libgcc_s": "gcc-12"}
IDENTIFIER = r"SPDXRef-[A-Za-z0-9.-]+$"
LICENCE = (r"(Apache-2.0|MIT|curl|LGPL-2.1-or-later|BSD-3-Clause|EPL-2.0|blessing|Zlib"
           r"|GPL-3.0-or-later WITH GCC-exception-3.1)")


def sbom(dray):
    return json.loads(dray.tree[SBOM][1])


def source_of(soname):
    return next(source for start, source in SOURCES.items() if soname.startswith(start))


def linked(dray, folder):
    here = package.unpack(dray, folder)
    text = "".join(package.said_by("readelf", "-d", os.path.join(here, program)).decode()
                   for program in package.PROGRAMS)
    return {source_of(soname) for soname in re.findall(r"\(NEEDED\).*\[(.+)\]", text)}


def test_beside_the_package_lies_what_is_in_it(dray):
    with open(dray.path + ".spdx.json", "rb") as beside:
        assert beside.read() == dray.tree[SBOM][1]


def test_it_is_a_document_as_spdx_demands(dray):
    document = sbom(dray)
    assert document["spdxVersion"] == "SPDX-2.3"
    assert document["dataLicense"] == "CC0-1.0"
    assert document["SPDXID"] == "SPDXRef-DOCUMENT"
    assert document["name"]
    assert re.match(r"https://[^#\s]+$", document["documentNamespace"]), "a URI without #"
    created = document["creationInfo"]
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", created["created"])
    assert created["creators"]
    for creator in created["creators"]:
        assert re.match("(Person|Organization|Tool): .", creator)


def test_its_packages_have_what_spdx_demands(dray):
    packages = sbom(dray)["packages"]
    identifiers = [each["SPDXID"] for each in packages]
    assert len(set(identifiers)) == len(identifiers)
    for each in packages:
        assert re.match(IDENTIFIER, each["SPDXID"])
        assert each["name"] and each["versionInfo"] and each["downloadLocation"]
        assert each["filesAnalyzed"] is False, "else a verification code is due"
        for key in ("licenseConcluded", "licenseDeclared"):
            assert re.match("%s( OR %s)*$" % (LICENCE, LICENCE), each[key]), each
        assert re.match("NOASSERTION$|(Person|Organization): .", each["supplier"])
        for reference in each.get("externalRefs", []):
            assert reference["referenceCategory"] == "PACKAGE-MANAGER"
            assert reference["referenceType"] == "purl"
            assert re.match(r"pkg:deb/debian/[a-z0-9.+-]+@[^?+]+\?arch=source$",
                            reference["referenceLocator"])


def test_its_relationships_lead_from_the_document_to_every_library(dray):
    document = sbom(dray)
    known = {each["SPDXID"] for each in document["packages"]} | {"SPDXRef-DOCUMENT"}
    edges = {(each["spdxElementId"], each["relationshipType"], each["relatedSpdxElement"])
             for each in document["relationships"]}
    assert {end for edge in edges for end in (edge[0], edge[2])} == known
    assert ("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-dray") in edges


def test_it_names_what_the_programs_are_linked_with_and_nothing_else(dray, tmp_path):
    named = {each["name"] for each in sbom(dray)["packages"]} - {"dray"}
    assert named == linked(dray, tmp_path)


def test_licences_are_those_of_debians_copyright_files(deb):
    """Where Debian's are machine-readable: the first paragraph speaks of the library itself."""
    if deb.arch != package.said_by("dpkg", "--print-architecture").decode().strip():
        pytest.skip("this machine has the copyright files of its own libraries")
    ours = {"MIT": "MIT", "curl": "curl", "BSD-3-clause": "BSD-3-Clause", "LGPL-2.1+":
            "LGPL-2.1-or-later", "public-domain": "blessing", "Apache-2.0": "Apache-2.0",
            "EPL-2.0 or EDL-1.0": "EPL-2.0 OR BSD-3-Clause"}
    named = {each["name"]: each["licenseDeclared"] for each in sbom(deb)["packages"]}
    for binary, source in (("libcjson1", "cjson"), ("libcurl4", "curl"), ("libjq1", "jq"),
                           ("libevent-2.1-7", "libevent"), ("libmosquitto1", "mosquitto"),
                           ("libsqlite3-0", "sqlite3"), ("libsystemd0", "systemd"),
                           ("libssl3", "openssl")):
        with open("/usr/share/doc/%s/copyright" % binary) as file:
            said = re.search(r"^License: *(.+)$", file.read(), re.M).group(1)
        assert ours[said] == named[source], source
