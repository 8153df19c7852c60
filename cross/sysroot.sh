#!/bin/bash
# The headers and libraries of another architecture, out of Debian's packages, in seconds and without
# emulation.
#
#   cross/sysroot.sh ARCH FOLDER   fetch and unpack them there; FOLDER/ready says of what, when it is whole
#   cross/sysroot.sh --packages    what dray is built against
#
# Packages come from where this machine's own apt takes Debian's.
set -eu
packages="libcurl4-openssl-dev libevent-dev libmosquitto-dev libcjson-dev libjq-dev libsystemd-dev
	libsqlite3-dev libssl-dev zlib1g-dev"
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

if [ "${1-}" = --packages ]; then
	echo $packages
	exit
fi
arch=$1 folder=$2
include=$(echo libc6-dev libgcc-12-dev linux-libc-dev libcmocka-dev $packages | tr ' ' ,)
mkdir -p "$(dirname "$folder")"
[ "$(cat "$folder/ready" 2>/dev/null)" != "$include" ] || exit 0

unpack() { # SOURCES
	rm -rf "$folder"
	echo "$1" | mmdebstrap --architectures="$arch" --variant=extract --include="$include" \
		--extract-hook="$here/describe.sh \"\$1\"" bookworm "$folder" -
}

# Only Debian's own lines. A mirror that lags behind for one architecture lacks security updates there:
# headers and symbols are the release's all the same.
sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
	'Created-By: Packages' 'Origin: Debian' | sort -u)
if ! unpack "$sources"; then
	echo "sysroot.sh: warning: trying $arch again without bookworm-security" >&2
	unpack "$(echo "$sources" | grep -v security)"
fi
echo "$include" >"$folder/ready"
