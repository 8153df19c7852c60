#!/bin/bash
# The packages, proved: built for all architectures, installed, booted, upgraded, removed, run on ARM.
#
#   tests/packages.sh
#
# On a fresh Debian 12, as root; an hour and more on two cores. Installs what it needs, and changes nothing
# else of the machine: what is mounted and booted is gone with it. The last line is the count; what is
# said above it, as README.md has it, is left in build/packages.txt. Logs are in build/log.
set -u
cd "$(dirname -- "$0")/.." || exit 1
. packaging/needs.sh
export LC_ALL=C.UTF-8
passed=0 failed=0 skipped=0
table=build/packages.txt
mkdir -p build/log

if [ "$(id -u)" != 0 ]; then
	echo "packages.sh: needs root: it makes roots to install into, and boots them" >&2
	exit 2
fi

add() { # WHAT PASSED FAILED SKIPPED BEGAN
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
	echo "$2 passed, $3 failed, $4 skipped ($((SECONDS - $5)) s)"
	echo "| $1 | $2 | $3 | $4 | $((SECONDS - $5)) |" >>$table
}

# part WHAT LOG COMMAND...: one check that passes or fails as a whole
part() {
	local what=$1 log=build/log/$2 began=$SECONDS
	shift 2
	printf '%-64s ' "$what"
	if "$@" >"$log" 2>&1; then
		add "$what" 1 0 0 $began
		return 0
	fi
	add "$what" 0 1 0 $began
	tail -n 30 "$log"
	return 1
}

# proof WHAT NAME ARGUMENT...: pytest's tests, in a mount namespace of their own; why one was skipped
# stands below its line
proof() {
	local what=$1 name=$2 began=$SECONDS p f s
	shift 2
	printf '%-64s ' "$what"
	rm -f "build/log/$name.xml"
	unshare -m --propagation private /usr/bin/python3 -m pytest -p no:cacheprovider -q -rs \
		--junitxml="build/log/$name.xml" "$@" >"build/log/$name.log" 2>&1
	read -r p f s <<<"$(/usr/bin/python3 tests/tally.py junit "build/log/$name.xml")"
	add "$what" "$p" "$f" "$s" $began
	grep '^SKIPPED' "build/log/$name.log" | sed 's/^SKIPPED \[[0-9]*\] [^ ]* /  skipped: /' | sort | uniq -c |
		sed 's/^ *1   /  /'
	[ "$f" = 0 ] || /usr/bin/python3 tests/tally.py why "build/log/$name.xml"
}

packages="gcc cmake ninja-build pkg-config git mmdebstrap systemd-container qemu-user-static qemu-system-arm cpio
	gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf dpkg-dev rpm lintian rpmlint shellcheck
	bash-completion scdoc mosquitto openssl python3-pytest python3-pytest-xdist
	python3-paho-mqtt python3-jsonschema gdb-multiarch"

# The tests for an architecture, built as the packages' programs are but for the size.
build_emulated() { # ARCH
	cmake -S . -B "build/emulated/$1" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$PWD/cross/$1.cmake" \
		-DCMAKE_BUILD_TYPE=RelWithDebInfo -DDRAY_TESTS=ON &&
		cmake --build "build/emulated/$1"
}

build_packages() {
	rm -rf build/packages
	packaging/build.sh --verify all
}

finish() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ $failed = 0 ]
	exit
}

cat >$table <<-'EOT'
	| what | passed | failed | skipped | s |
	|---|--:|--:|--:|--:|
EOT
part "what is needed is installed" packages-install.log ensure_packages $packages || finish
part "deb and rpm for amd64, arm64, armhf, twice the same bytes" packages-build.log build_packages || finish
proof "contents, scripts, symbols, SBOM, lintian, rpmlint" packages-contents tests/packaging \
	-m "not heavy" --ignore tests/packaging/test_life.py --ignore tests/packaging/test_service.py
proof "a bare Debian delivers, by the README's words" packages-install tests/packaging/test_install.py
proof "upgrade with work under way, remove, reinstall, purge" packages-life tests/packaging/test_life.py
proof "under systemd: credentials, kills, crashes, reload, watchdog" packages-service \
	tests/packaging/test_service.py
proof "rpm: install, upgrade, erase" packages-rpm tests/packaging/test_rpm_root.py
for arch in arm64 armhf; do
	part "tests are built for $arch" "packages-build-$arch.log" build_emulated $arch || continue
	proof "unit and component tests, drayd and kill -9 on $arch (qemu-user)" "packages-$arch" \
		-n 2 tests/packaging/test_emulated.py -k $arch
	proof "dray-map closed in on a kernel of $arch (qemu-system)" "packages-kernel-$arch" \
		tests/packaging/test_arm_kernel.py -k $arch
done
proof "the deb in a root of arm64" packages-arm-root tests/packaging/test_arm_root.py
finish
