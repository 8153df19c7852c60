#!/bin/sh
# First figures: builds what is missing, then run.py measures and prints them (run.sh --help).
set -eu
cd "$(dirname "$0")/../.."
preset=release
for word in "$@"; do
	case "$word" in
	--build=*) preset=${word#--build=} ;;
	-h | --help) exec /usr/bin/python3 tests/bench/run.py --help ;;
	esac
done
[ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >/dev/null
cmake --build "build/$preset" --target drayd bench_publisher bench_sink bench_insert_loop \
	bench_post_loop bench_fdatasync bench_echo bench_fill bench_engine bench_door bench_open_map dray-map >/dev/null
exec /usr/bin/python3 tests/bench/run.py "$@"
