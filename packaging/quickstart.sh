#!/bin/sh
# The main job in half a minute: scan in, ERP out, nothing lost, nothing doubled.
#
#   packaging/quickstart.sh [--keep]
#
# Installs what is missing (Debian 12, as root or with sudo), builds, and lets twenty handhelds work
# against a fake ERP and TMS on loopback while the ERP goes down and drayd is killed with -9.
# Everything lives in a folder under build/ and ends with the script.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(dirname -- "$here")

packages="gcc cmake ninja-build pkg-config libc6-dev libcurl4-openssl-dev libevent-dev
	libmosquitto-dev libcjson-dev libjq-dev libsystemd-dev libsqlite3-dev libssl-dev zlib1g-dev
	mosquitto openssl python3 python3-paho-mqtt"

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "quickstart: needs root or sudo to install packages: $*" >&2
		exit 1
	fi
}

missing=
for package in $packages; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
		missing="$missing $package"
done
if [ -n "$missing" ]; then
	echo "== installing$missing"
	as_root apt-get -o DPkg::Lock::Timeout=600 -qq update
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq -y \
		install --no-install-recommends $missing >/dev/null
fi

echo "== building (preset release)"
cd "$root"
mkdir -p build
{
	cmake --preset release -DDRAY_TESTS=OFF -B build/quickstart
	cmake --build build/quickstart --target drayd dray-map
} >build/quickstart-build.log 2>&1 || {
	cat build/quickstart-build.log >&2
	echo "quickstart: the build failed; its output is in $root/build/quickstart-build.log" >&2
	exit 1
}

DRAY_BUILD=$root/build/quickstart exec /usr/bin/python3 "$here/quickstart.py" "$@"
