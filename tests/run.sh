#!/bin/bash
# Everything that is checked about dray, in one command.
#
#   tests/run.sh          what CI runs: under 20 minutes on two cores
#   tests/run.sh --quick  the inner loop: debug build, format, layering, unit, component, a smoke
#   tests/run.sh --long   hours: the same tests with the full counts, and longer fuzzing
#
# As root the system tests mount small disks, in a mount namespace of their own; else those are
# skipped.
# Each part says what it does; its output is in build/log. The last line is the count;
# above it is what failed tests said.
# DRAY_FIXTURES: folder of third parties' schemas and samples; default ../shared/fixtures.
set -u
cd "$(dirname -- "$0")/.." || exit 1
. packaging/needs.sh

mode=full
case "${1-}" in
--quick) mode=quick ;;
--long) mode=long ;;
"") ;;
*)
	sed -n '2,13s/^# \{0,1\}//p' "$0"
	exit 2
	;;
esac

passed=0 failed=0 skipped=0
fuzz_s=5
if [ $mode = long ]; then
	fuzz_s=${DRAY_FUZZ_S-3600}
	export DRAY_LONG=1
fi
# What a test mounts is gone with it, however it ends.
own_mounts=
[ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null && own_mounts="unshare -m --propagation private"
export DRAY_FIXTURES=${DRAY_FIXTURES-$PWD/../shared/fixtures}
export LC_ALL=C.UTF-8
why=build/log/why.log why_lines=119
mkdir -p build/log
: >$why

say() {
	printf '%-48s ' "$1"
}

add() { # passed failed skipped
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# part WHAT LOG COMMAND...: one check that passes or fails as a whole
part() {
	local what=$1 log=build/log/$2 began=$SECONDS
	shift 2
	say "$what"
	if "$@" >"$log" 2>&1; then
		echo "ok ($((SECONDS - began)) s)"
		add 1 0 0
		return 0
	fi
	echo "FAILED ($((SECONDS - began)) s), from $log:"
	grep -aE 'error|FAILED|undefined|multiple definition|ERROR' "$log" | cut -c1-300 | head -n 40
	tail -n 12 "$log"
	add 0 1 0
	return 1
}

# beside NAME COMMAND...: begin a check that takes only processor time, behind what needs its answers soon
beside() {
	local name=$1
	shift
	(
		renice -n 19 "$BASHPID" >/dev/null
		"$@"
	) >"build/log/$name.beside" 2>&1 &
	began_beside[$name]=$!
}

# awaited NAME: its end, as if it had been run here
awaited() {
	local rc=0
	wait "${began_beside[$1]}" || rc=$?
	cat "build/log/$1.beside"
	return $rc
}
declare -A began_beside

skip() {
	say "$1"
	echo "skipped: $2"
	add 0 0 1
}

counted() { # COUNTS LOG JUNIT BEGAN
	local p f s
	read -r p f s <<<"$1"
	echo "$p passed, $f failed, $s skipped ($((SECONDS - $4)) s)"
	if [ "$f" != 0 ]; then
		grep -aE 'FAILED|^E  |ERROR|runtime error' "$2" | cut -c1-300 | head -n 60
		/usr/bin/python3 tests/tally.py why "$3" >>$why 2>&1 || tail -n 20 "$2" | cut -c1-300 >>$why
	fi
	add "$p" "$f" "$s"
}

# --- what is needed -------------------------------------------------------------------------------

# Tests start their own sshd and RabbitMQ: the packages' are neither started now nor at boot. However this
# script ends, what forbids it goes with it; what a killed one has left is known by its words.
policy=/usr/sbin/policy-rc.d policy_words="of dray's tests/run.sh: nothing is started while it installs"
forbid_services() {
	[ ! -e $policy ] || grep -qsF "$policy_words" $policy || return 0
	undo_policy="as_root rm -f $policy"
	printf '#!/bin/sh\n# %s\nexit 101\n' "$policy_words" | as_root tee $policy >/dev/null
	as_root chmod 755 $policy
}

allow_services() {
	$undo_policy
	undo_policy=
}
undo_policy=
trap allow_services EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

install_and_start_nothing() { # PACKAGE...
	local status
	as_root true || return 1
	forbid_services
	install_packages "$@"
	status=$?
	allow_services
	case " $* " in *" openssh-server "*) as_root systemctl disable ssh.service || : ;; esac
	case " $* " in *" rabbitmq-server "*) as_root systemctl disable rabbitmq-server.service || : ;; esac
	return $status
}

ensure_tools() {
	local need="gcc cmake ninja-build pkg-config libc6-dev libcurl4-openssl-dev libevent-dev
		libmosquitto-dev libcjson-dev libjq-dev libsystemd-dev libsqlite3-dev libssl-dev zlib1g-dev libcmocka-dev
		git mosquitto openssl python3 python3-paho-mqtt python3-pytest clang-format"
	[ $mode = quick ] || need="$need clang clang-tidy libclang-rt-14-dev cppcheck scdoc prometheus
		python3-jsonschema python3-pytest-xdist python3-yaml jq e2fsprogs faketime ansible-core openssh-server rabbitmq-server
		systemd libseccomp2 dpkg-dev lintian rpm rpmlint shellcheck bash-completion mmdebstrap systemd-container"
	# One from elsewhere does as well, and Debian's npm would not go in beside it.
	[ $mode = quick ] || command -v npm >/dev/null || need="$need nodejs npm"
	[ $mode = quick ] || command -v gdb >/dev/null || need="$need gdb-minimal"
	local missing
	missing=$(missing_of $need)
	[ -z "$missing" ] || part "installing $(echo $missing)" install.log install_and_start_nothing $missing
}

# --- the parts ------------------------------------------------------------------------------------

c_files() {
	git ls-files '*.c' '*.h'
}

check_format() {
	c_files | xargs clang-format --dry-run -Werror
}

check_layering() {
	/usr/bin/python3 tests/layering.py --self-test && /usr/bin/python3 tests/layering.py
}

check_globals() { # PRESET
	/usr/bin/python3 tests/globals.py --self-test && /usr/bin/python3 tests/globals.py "build/$1/libdraycore.a"
}

build() { # PRESET [OPTION...]
	local preset=$1
	shift
	cmake --preset "$preset" -DDRAY_TESTS=ON "$@" && cmake --build "build/$preset"
}

unit_and_component() { # PRESET WHAT
	local folder=build/$1 log=build/log/ctest-$1.log began=$SECONDS
	say "$2"
	rm -f "$folder/Testing/Temporary/LastTest.log" "$folder/ctest.xml"
	(cd "$folder" && ctest -j2 --timeout 600 --output-on-failure --output-junit ctest.xml) \
		>"$log" 2>&1
	counted "$(/usr/bin/python3 tests/tally.py ctest "$folder/Testing/Temporary/LastTest.log" \
		"$folder/ctest.xml")" "$log" "$folder/ctest.xml" $began
}

pytests() { # PRESET WHAT LOG ARGUMENT...
	local preset=$1 what=$2 log=build/log/$3.log xml=build/log/$3.xml began=$SECONDS
	shift 3
	say "$what"
	rm -f "$xml"
	DRAY_BUILD=$PWD/build/$preset $own_mounts /usr/bin/python3 -m pytest -p no:cacheprovider -q -ra \
		--junitxml="$xml" "$@" >"$log" 2>&1
	counted "$(/usr/bin/python3 tests/tally.py junit "$xml")" "$log" "$xml" $began
}

# Four at a time: they mostly wait. Where they fail only beside others, that is a fault of theirs.
system_tests() { # PRESET WHAT LOG MARKS ARGUMENT...
	local preset=$1 what=$2 log=$3 marks=$4
	shift 4
	pytests "$preset" "$what" "$log" -n 4 --dist loadgroup -m "$marks" "$@" tests/system
}

run_cppcheck() {
	# Its preprocessor knows no __VA_OPT__: the log's macros are left to it as functions.
	cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -j2 \
		--enable=warning,performance,portability \
		--suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
		-ULOG_ERROR -ULOG_WARNING -ULOG_INFO -ULOG_DEBUG \
		--include="/usr/include/$(gcc -print-multiarch)/sys/queue.h" \
		-Iinclude -Iagent common agent
}

run_tidy() {
	git ls-files 'common/*.c' 'agent/*.c' |
		xargs -n1 -P2 clang-tidy -p build/release --quiet
}

# Two targets at a time: one runs while the one before it is waited for.
fuzz() {
	local target name under_way=
	[ -n "${began_beside[fuzz]-}" ] || beside fuzz fuzz_build
	part "building the fuzz targets (clang)" build-fuzz.log awaited fuzz || return
	for target in build/fuzz/tests/fuzz_*; do
		[ -x "$target" ] || continue
		name=$(basename "$target")
		beside "$name" fuzz_one "$target" "$name" "$(seeds_of "$name")"
		[ -z "$under_way" ] || fuzz_ended "$under_way"
		under_way=$name
	done
	[ -z "$under_way" ] || fuzz_ended "$under_way"
}

fuzz_ended() { # NAME
	part "fuzzing $1 for $fuzz_s s, $(seeds_of "$1") seeds" "$1.log" awaited "$1"
}

seeds_of() { # NAME
	find "tests/fuzz/corpus/$1" -type f 2>/dev/null | wc -l
}

fuzz_one() { # TARGET NAME SEEDS
	[ "$3" -gt 0 ] || {
		echo "ERROR: there is nothing in tests/fuzz/corpus/$2"
		return 1
	}
	mkdir -p "build/fuzz/corpus/$2" # grows from run to run; the tree's seeds stay
	"$1" -max_total_time=$fuzz_s -max_len=65536 -timeout=10 -rss_limit_mb=1024 \
		-print_final_stats=1 -artifact_prefix=build/log/ \
		"build/fuzz/corpus/$2" "tests/fuzz/corpus/$2"
}

fuzz_build() {
	cmake -G Ninja -B build/fuzz -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=clang \
		-DDRAY_FUZZ=ON -DDRAY_SANITIZE=ON &&
		ninja -C build/fuzz -t targets all | sed -n 's/^\(fuzz_[a-z0-9_]*\): phony$/\1/p' |
		sort -u | xargs -r cmake --build build/fuzz --target
}

build_packages() {
	rm -rf build/packages
	packaging/build.sh deb rpm "$(dpkg --print-architecture)"
}

check_man_pages() {
	local page
	for page in packaging/man/*.scd; do
		scdoc <"$page" >/dev/null || return 1
	done
}

# --- the order: what fails fast comes first ---------------------------------------------------------

# What failed far above is said again where the end of the output is all that is seen.
finish() {
	head -n $why_lines $why
	[ "$(wc -l <$why)" -le $why_lines ] || echo "--- more in $why"
	echo "$passed passed, $failed failed, $skipped skipped"
	[ $failed = 0 ]
	exit
}

ensure_tools
part "format (clang-format)" format.log check_format
part "layering, sizes, forbidden calls" layering.log check_layering

if [ $mode = quick ]; then
	part "building debug, warnings are errors" build-debug.log build debug || finish
	part "no global in the pure core" globals.log check_globals debug
	unit_and_component debug "unit and component tests"
	pytests debug "system tests: a smoke" smoke -m smoke tests/system
	finish
fi

part "building release, warnings are errors" build-release.log build release || finish
part "no global in the pure core" globals.log check_globals release
beside tidy run_tidy
unit_and_component release "unit and component tests"
part "cppcheck" cppcheck.log run_cppcheck
if ls packaging/man/*.scd >/dev/null 2>&1; then
	part "man pages (scdoc)" man.log check_man_pages
else
	skip "man pages (scdoc)" "there are none yet"
fi
system_tests release "system tests: broker, hostile cloud, kill -9" system "not alone"
part "clang-tidy, beside the system tests" tidy.log awaited tidy
pytests release "system tests of milliseconds, beside nothing" alone -m alone tests/system
beside packages build_packages
if [ -d "$DRAY_FIXTURES" ]; then
	pytests release "conformance against published schemas" conformance tests/conformance
else
	skip "conformance against published schemas" "no folder $DRAY_FIXTURES (DRAY_FIXTURES)"
fi
beside asan build asan
if part "packages: deb and rpm of this machine's kind" packages-build.log awaited packages; then
	pytests release "packages: contents, and a life on a booted machine" packages -m "not heavy" \
		tests/packaging
fi
if part "building asan (ASan and UBSan)" build-asan.log awaited asan; then
	ls tests/fuzz/fuzz_*.c >/dev/null 2>&1 && beside fuzz fuzz_build
	unit_and_component asan "unit and component tests under ASan and UBSan"
	system_tests asan "system tests under ASan and UBSan" system-asan "not heavy and not alone" \
		--ignore tests/system/test_sim.py
fi
if ls tests/fuzz/fuzz_*.c >/dev/null 2>&1; then
	fuzz
else
	skip "fuzzing" "there are no targets yet"
fi
finish
