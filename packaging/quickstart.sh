#!/bin/sh
# The main job in half a minute: scan in, ERP out, nothing lost, nothing doubled.
#
#   packaging/quickstart.sh [--keep]
#
# Installs what is missing (Debian 12, as root or with sudo), builds, and lets twenty handhelds work
# against a fake ERP and TMS on loopback while the ERP goes down and drayd is killed with -9.
# Everything lives in a folder under build/ and ends with the script.
set -eu

cd "$(dirname -- "$0")/.."
root=$PWD
. packaging/needs.sh

packages="gcc cmake ninja-build pkg-config libc6-dev libcurl4-openssl-dev libevent-dev
	libmosquitto-dev libcjson-dev libjq-dev libsystemd-dev libsqlite3-dev libssl-dev zlib1g-dev
	mosquitto openssl python3 python3-paho-mqtt"

ensure_packages $packages

echo "== building (preset release)"
mkdir -p build
{
	cmake --preset release -DDRAY_TESTS=OFF -B build/quickstart
	cmake --build build/quickstart --target drayd dray-map
} >build/quickstart-build.log 2>&1 || {
	cat build/quickstart-build.log >&2
	echo "quickstart: the build failed; its output is in $root/build/quickstart-build.log" >&2
	exit 1
}

DRAY_BUILD=$root/build/quickstart exec /usr/bin/python3 packaging/quickstart.py "$@"
