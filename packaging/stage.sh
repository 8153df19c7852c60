#!/bin/bash
# The programs as they are packed: built, installed to $work/stage, and apart from them their symbols, found
# by build id, in $work/symbols, and what is for reading in $work/doc. packaging/build.sh calls it, and says there what it tells.
set -eu
: "${preset:?}" "${work:?}" "${tools:?}"
cd "$(dirname -- "$0")/.."

# Afresh: a toolchain that has changed would not be asked again.
cmake --fresh --preset "$preset" -B "$work/build" -DDRAY_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/usr
cmake --build "$work/build"

rm -rf "$work/stage" "$work/symbols" "$work/doc"
DESTDIR=$work/stage cmake --install "$work/build"
doc=usr/share/doc/dray
mkdir -p "$work/doc/$doc"
mv "$work/stage/$doc"/* "$work/doc/$doc"
for program in usr/sbin/drayd usr/libexec/dray/dray-map; do
	installed=$work/stage/$program
	id=$(readelf -n "$installed" | sed -n 's/^ *Build ID: //p')
	debug=$work/symbols/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug
	mkdir -p "$(dirname "$debug")"
	"$tools-objcopy" --only-keep-debug --compress-debug-sections "$installed" "$debug"
	chmod 644 "$debug"
	# As dh_strip does: a single note less, and binutils 2.40 drops RELRO.
	"$tools-strip" --remove-section=.comment --remove-section=.note "$installed"
	"$tools-objcopy" --add-gnu-debuglink="$debug" "$installed"
done
