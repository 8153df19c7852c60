#!/bin/bash
# The released versions of CHANGELOG.md, each with what it is about, as dpkg or rpm reads them.
#
#   packaging/changelog.sh deb|rpm RELEASE MAINTAINER
set -eu
export LC_ALL=C.UTF-8
kind=$1 release=$2 maintainer=$3
cd "$(dirname -- "$0")/.."

sed -n 's/^## \([0-9.]*\) - \(.*\)$/\1 \2/p' CHANGELOG.md | while read -r version date; do
	about=$(sed -n "/^## $version -/,/^##/{/^#/d;p}" CHANGELOG.md |
		awk 'NF {print; began = 1} !NF && began {exit}' | fmt -w 74)
	case $kind in
	deb)
		printf 'dray (%s-%s) bookworm; urgency=medium\n\n' "$version" "$release"
		echo "$about" | sed '1s/^/  * /; 1!s/^/    /'
		printf '\n -- %s  %s\n\n' "$maintainer" "$(date -u -R -d "$date")"
		;;
	rpm)
		printf '* %s %s - %s-%s\n' "$(date -u -d "$date" '+%a %b %d %Y')" "$maintainer" \
			"$version" "$release"
		echo "$about" | sed '1s/^/- /; 1!s/^/  /; s/%/%%/g'
		echo
		;;
	esac
done
