#!/bin/bash
# Packages of dray, into build/packages.
#
#   packaging/build.sh [--verify] deb|rpm|all [amd64|arm64|armhf ...]
#
# Kinds and architectures in any number; all, or none of a sort, is all of them. Installs what is
# missing (Debian 12, as root or with sudo). Beside each package lie its debug symbols and its SBOM.
# Another architecture than this machine's is built against a sysroot (cross/README.md).
# The same source gives the same bytes: --verify builds it all again, elsewhere and otherwise, and
# compares.
# SOURCE_DATE_EPOCH: the date of the packages; default the last commit's, else the changelog's.
set -eu
umask 022
export LC_ALL=C.UTF-8

cd "$(dirname -- "$0")/.."
root=$PWD
. packaging/needs.sh

verify='' kinds='' arches=''
for word in "$@"; do
	case $word in
	--verify) verify=yes ;;
	deb | rpm) kinds="$kinds $word" ;;
	amd64 | arm64 | armhf) arches="$arches $word" ;;
	all) ;;
	*) set -- ; break ;;
	esac
done
if [ $# = 0 ]; then
	sed -n '2,12s/^# \{0,1\}//p' packaging/build.sh >&2
	exit 2
fi
kinds=${kinds:-deb rpm} arches=${arches:-amd64 arm64 armhf}

# What the parts (stage.sh, deb/make.sh, rpm/make.sh) are told, beside what each architecture adds:
#   arch, tools (the start of its compiler's name), preset
#   work     folder of this architecture; work/stage, work/symbols are what is packed
#   sysroot  what it is built against; empty: this machine's own libraries
version=$(sed -n 's/^project(dray VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
release=1
maintainer="The dray maintainers <maintainers@dray.example>"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null ||
	date -u -d "$(sed -n 's/^## .* - \(....-..-..\)$/\1/p' CHANGELOG.md | head -n 1)" +%s)}
out=$root/build/packages
export version release maintainer out SOURCE_DATE_EPOCH arch tools preset work sysroot

native=$(dpkg --print-architecture)
triplet_of() {
	case $1 in
	amd64) echo x86_64-linux-gnu ;;
	arm64) echo aarch64-linux-gnu ;;
	armhf) echo arm-linux-gnueabihf ;;
	esac
}

ensure_tools() {
	local need="cmake ninja-build pkg-config gcc libc6-dev scdoc python3" arch
	for arch in $arches; do
		if [ "$arch" = "$native" ]; then
			need="$need $(cross/sysroot.sh --packages)"
		else
			need="$need mmdebstrap clang lld binutils-$(triplet_of "$arch" | tr _ -)"
		fi
	done
	case $kinds in *deb*) need="$need dpkg-dev" ;; esac
	case $kinds in *rpm*) need="$need rpm" ;; esac
	ensure_packages $need
}

# quietly WHAT LOG COMMAND...: the output is of interest when it fails
quietly() {
	local what=$1 log=$2
	shift 2
	echo "== $what"
	"$@" >"$log" 2>&1 || {
		tail -n 40 "$log" >&2
		echo "build.sh: $what: failed; its output is in $log" >&2
		exit 1
	}
}

one_architecture() { # ARCH
	local kind
	arch=$1 tools=$(triplet_of "$1") work=$root/build/package/$1 preset=package sysroot=''
	mkdir -p "$out" "$work"
	if [ "$arch" != "$native" ]; then
		preset=package-$arch
		sysroot=${DRAY_SYSROOTS:-$root/build/sysroot}/$arch
		quietly "sysroot $arch" "$work/sysroot.log" cross/sysroot.sh "$arch" "$sysroot"
	fi
	quietly "programs $arch" "$work/build.log" packaging/stage.sh
	for kind in $kinds; do
		quietly "$kind $arch" "$work/$kind.log" "packaging/$kind/make.sh"
	done
}

ensure_tools
for arch in $arches; do
	one_architecture "$arch"
done
[ -z "$verify" ] || packaging/verify.sh "$kinds" "$arches"
ls -l "$out"
