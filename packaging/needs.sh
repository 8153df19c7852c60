# needs.sh - sourced by the scripts that build and test: Debian's packages, installed where they are missing.
# shellcheck shell=sh

as_root() { # COMMAND...
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "${0##*/}: needs root or sudo to install packages" >&2
		return 1
	fi
}

missing_of() { # PACKAGE...: those that are not installed, a line each
	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
			echo "$package"
	done
}

install_packages() { # PACKAGE...
	as_root apt-get -o DPkg::Lock::Timeout=600 -qq update &&
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq -y \
			install --no-install-recommends "$@"
}

ensure_packages() { # PACKAGE...
	missing=$(missing_of "$@")
	[ -n "$missing" ] || return 0
	echo "== installing" $missing
	install_packages $missing >/dev/null
}
