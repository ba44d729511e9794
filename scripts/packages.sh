# shellcheck shell=bash
# Sourced by quickstart and test: installs the Debian packages that are missing, and nothing else.
#
# As root or by sudo, without questions and without recommended packages. A service that a package brings is
# neither started (policy-rc.d, put away again) nor enabled for the next boot. Nothing under /etc/apt changes.

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# The first libevent with the fixes: said once, where the build asks for it.
libevent_least=$(sed -n 's/^least=//p' scripts/check-packages)

# is_new_enough NAME VERSION
is_new_enough() {
	[ "$1" != libevent-dev ] || dpkg --compare-versions "$2" ge "$libevent_least"
}

is_installed() {
	local state version
	read -r state version < <(dpkg-query -W -f='${db:Status-Status} ${Version}\n' "$1" 2>/dev/null)
	[ "$state" = installed ] && is_new_enough "$1" "$version"
}

apt_sources=()          # options that add a source to this run's calls of apt

apt_get() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 "${apt_sources[@]}" "$@"
}

apt_install() {
	apt_get --no-install-recommends install "$@"
}

# A root fresh from debootstrap knows Debian's main archive alone, and its libevent lacks the fixes. Then Debian's
# security archive is asked too: by our own calls of apt and no others.
add_security_archive() {
	local candidate codename line parts=build/apt-sources examples=/usr/share/doc/apt/examples/sources.list
	candidate=$(apt-cache policy libevent-dev | sed -n 's/^ *Candidate: //p')
	is_new_enough libevent-dev "$candidate" && return 0
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ "$codename" = bookworm ] || return 0
	line=$(sed -n 's|^deb \([^ ]*\) bookworm-security .*|deb \1 bookworm-security main|p' "$examples" 2>/dev/null | head -n 1)
	[ -n "$line" ] || return 0
	echo "apt offers libevent $candidate, which lacks security fixes: asking Debian's security archive too"
	rm -rf "$parts" && mkdir -p "$parts"
	find /etc/apt/sources.list.d -name '*.list' -o -name '*.sources' | xargs -r cp -t "$parts"
	echo "$line" >"$parts/zz-security.list"
	apt_sources=(-o "Dir::Etc::SourceParts=$PWD/$parts")
	apt_get update
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
	if apt_lists_are_empty; then apt_get update || outcome=1; fi
	add_security_archive || outcome=1
	# Lists may be older than the archive: once more with fresh ones.
	[ $outcome = 0 ] && { apt_install "${missing[@]}" || { apt_get update && apt_install "${missing[@]}"; } || outcome=1; }
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
BUILD_PACKAGES=(gcc libc6-dev make pkg-config libevent-dev libssl-dev libhttp-parser-dev libinih-dev libseccomp-dev libc-ares-dev libmaxminddb-dev)
