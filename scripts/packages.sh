# shellcheck shell=bash
# Sourced by quickstart and test: installs the Debian packages that are missing, and nothing else.
#
# As root or by sudo, without questions and without recommended packages. A service that a package brings is
# neither started (policy-rc.d, put away again) nor enabled for the next boot.

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

is_installed() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends \
		install "$@"
}

apt_lists_are_empty() {
	! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null
}

# need_packages NAME...
need_packages() {
	local name policy=/usr/sbin/policy-rc.d wrote_policy=no outcome=0
	local -a missing=()

	command -v dpkg-query >/dev/null || { echo "no dpkg here: please see to these yourself: $*" >&2; return 0; }
	for name in "$@"; do is_installed "$name" || missing+=("$name"); done
	[ ${#missing[@]} = 0 ] && return 0
	if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
		echo "missing, and neither root nor sudo to install them: apt-get install ${missing[*]}" >&2
		return 1
	fi
	echo "installing: ${missing[*]}"
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' | as_root sh -c "cat >$policy && chmod 755 $policy"
		wrote_policy=yes
		# shellcheck disable=SC2064
		trap "as_root rm -f $policy" EXIT
	fi
	if apt_lists_are_empty; then as_root apt-get -qq update || outcome=1; fi
	# Lists may be older than the archive: once more with fresh ones.
	[ $outcome = 0 ] && { apt_install "${missing[@]}" || { as_root apt-get -qq update && apt_install "${missing[@]}"; } || outcome=1; }
	for name in nginx haproxy; do
		case " ${missing[*]} " in *" $name"*) as_root update-rc.d "$name" disable >/dev/null 2>&1 || true ;; esac
	done
	if [ $wrote_policy = yes ]; then
		as_root rm -f "$policy"
		trap - EXIT
	fi
	[ $outcome = 0 ] || echo "could not install: ${missing[*]}" >&2
	return $outcome
}

# shellcheck disable=SC2034 # for whoever sources this
BUILD_PACKAGES=(gcc libc6-dev make pkg-config libevent-dev libssl-dev libhttp-parser-dev libinih-dev libseccomp-dev)
