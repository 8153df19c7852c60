#!/bin/sh
# Called by mmdebstrap with the sysroot when its packages are unpacked: keeps links inside, and writes down
# what dpkg's tools ask about an installed package, for these were not installed.
#   DEBIAN/shlibs, DEBIAN/symbols   for dpkg-shlibdeps, which looks there beside a library it is led to
#   var/lib/dpkg                    for dpkg-query --admindir: which package a file is from
set -eu
root=$1
db=$root/var/lib/dpkg

# A link to /lib/... would lead out of the sysroot, to nothing: the library would be linked statically.
find "$root/usr/lib" -type l -lname '/*' | while read -r link; do
	ln -sfrn "$root$(readlink "$link")" "$link"
done

mkdir -p "$root/DEBIAN" "$db/info"
: >"$root/DEBIAN/shlibs"
: >"$root/DEBIAN/symbols"
: >"$db/status"
echo 1 >"$db/info/format"
for package in "$root"/var/cache/apt/archives/*.deb; do
	control=$(mktemp -d)
	dpkg-deb -e "$package" "$control"
	for part in shlibs symbols; do
		[ ! -f "$control/$part" ] || cat "$control/$part" >>"$root/DEBIAN/$part"
	done
	name=$(dpkg-deb -f "$package" Package):$(dpkg-deb -f "$package" Architecture)
	[ "$(dpkg-deb -f "$package" Multi-Arch)" = same ] || name=${name%:*}
	sed '/^Package:/a Status: install ok installed' "$control/control" >>"$db/status"
	echo >>"$db/status"
	dpkg-deb --fsys-tarfile "$package" | tar -t | sed 's/^\.//; s,\(.\)/$,\1,; s,^/$,/.,' >"$db/info/$name.list"
	rm -rf "$control"
done
