#!/bin/bash
# A .deb of what was staged, one of its symbols, and one of what is for reading. packaging/build.sh calls it, and
# says there what it tells.
set -eu
: "${arch:?}" "${version:?}" "${release:?}" "${maintainer:?}" "${out:?}" "${work:?}" "${tools:?}" "${SOURCE_DATE_EPOCH:?}"
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
source=$here/../..
tree=$work/deb/dray symbols=$work/deb/dray-dbgsym reading=$work/deb/dray-doc
package=dray_$version-${release}_$arch.deb

rm -rf "$work/deb"
mkdir -p "$work/deb"
cp -a "$work/stage" "$tree"
cp -a "$work/symbols" "$symbols"
cp -a "$work/doc" "$reading"

# Debian Policy 5.6.20: bytes, divided by 1024 and rounded up.
installed_size() { # TREE
	find "$1" -type f ! -path "$1/DEBIAN*" -printf '%s\n' |
		awk '{bytes += $1} END {print int((bytes + 1023) / 1024)}'
}

# Package names and versions of the libraries that the programs were linked with.
shlibs() {
	local folder dirs=''
	for folder in ${sysroot:+"$sysroot/lib/$tools" "$sysroot/usr/lib/$tools"}; do
		dirs="$dirs -l$folder"
	done
	mkdir -p "$work/deb/shlibs/debian"
	printf 'Source: dray\n\nPackage: dray\nArchitecture: any\n' >"$work/deb/shlibs/debian/control"
	(cd "$work/deb/shlibs" && DEB_HOST_ARCH=$arch dpkg-shlibdeps -O $dirs "$tree/usr/sbin/drayd" \
		"$tree/usr/libexec/dray/dray-map") | sed 's/^shlibs:Depends=//'
}

# pack TREE CONTROL FILE: set its dates and sums, and roll it up.
pack() {
	sed -e "s|@version@|$version-$release|" -e "s|@arch@|$arch|" -e "s|@maintainer@|$maintainer|" \
		-e "s|@size@|$(installed_size "$1")|" "${@:4}" "$2" >"$work/deb/control"
	(cd "$1" && find . -type f ! -path './DEBIAN/*' ! -path './etc/*' -printf '%P\0' | sort -z |
		xargs -0 md5sum) >"$work/deb/md5sums"
	install -D -m 644 "$work/deb/control" "$1/DEBIAN/control"
	install -m 644 "$work/deb/md5sums" "$1/DEBIAN/md5sums"
	find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	dpkg-deb --root-owner-group -Zxz --build "$1" "$3"
}

doc=$tree/usr/share/doc/dray
mkdir -p "$doc"
install -m 644 "$here/copyright" "$doc/copyright"
gzip -9n <"$source/CHANGELOG.md" >"$doc/changelog.gz"
"$source/packaging/changelog.sh" deb "$release" "$maintainer" | gzip -9n >"$doc/changelog.Debian.gz"
"$source/packaging/sbom.py" >"$out/$package.spdx.json"
install -m 644 "$out/$package.spdx.json" "$doc/dray.spdx.json"

install -d "$tree/DEBIAN"
install -m 755 "$here/postinst" "$here/prerm" "$here/postrm" "$tree/DEBIAN"
(cd "$tree" && find etc -type f -printf '/%p\n' | sort) >"$tree/DEBIAN/conffiles"
pack "$tree" "$here/control.in" "$out/$package" -e "s|@shlibs@|$(shlibs)|"

install -d "$symbols/usr/share/doc"
ln -s dray "$symbols/usr/share/doc/dray-dbgsym"
ids=$(cd "$symbols/usr/lib/debug/.build-id" && find . -name '*.debug' | sort | tr -d './\n' |
	sed 's/debug/ /g; s/ $//')
pack "$symbols" "$here/dbgsym.in" "$out/dray-dbgsym_$version-${release}_$arch.deb" -e "s|@ids@|$ids|"

# The same bytes whichever architecture it was made beside.
install -D -m 644 "$here/copyright" "$reading/usr/share/doc/dray-doc/copyright"
install -m 644 "$doc/changelog.gz" "$doc/changelog.Debian.gz" "$reading/usr/share/doc/dray-doc"
pack "$reading" "$here/doc.in" "$out/dray-doc_$version-${release}_all.deb"
