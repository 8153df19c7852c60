#!/bin/bash
# Build the packages a second time, in another folder, from files of another date, under another umask,
# zone and language, and compare every byte with build/packages. build.sh --verify calls it.
#
#   packaging/verify.sh KINDS ARCHES
set -eu
cd "$(dirname -- "$0")/.."
root=$PWD
there=$root/build/verify/a-folder-of-another-length

rm -rf build/verify
mkdir -p "$there"
tar -c --exclude=./build --exclude=./.git . | tar -x -C "$there"
find "$there" -exec touch -h -d '2001-02-03 04:05:06' {} +
chmod -R go= "$there"
(
	umask 077
	export DRAY_SYSROOTS=${DRAY_SYSROOTS:-$root/build/sysroot} TZ=Pacific/Kiritimati LANG=C HOME=/
	"$there/packaging/build.sh" $1 $2
)
differ=0
for second in "$there"/build/packages/*; do
	name=$(basename "$second")
	if cmp "$second" "build/packages/$name"; then
		echo "the same, byte for byte: $name"
	else
		differ=1
	fi
done
if [ $differ = 0 ]; then
	rm -rf build/verify
else
	echo "verify.sh: what differs lies in build/packages and in $there/build/packages" >&2
fi
exit $differ
