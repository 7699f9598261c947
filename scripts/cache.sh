# Where scripts keep Debian packages that they unpack and never install: the cache of the virtual node (vhca/README.md).
# Sourced by them, in the repository's root.
cache=${VHCA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ib-sriov}

say() { printf '[%s] %s\n' "${0##*/}" "$*" >&2; }
die() {
  say "$*"
  exit 1
}

. vhca/runner/apt.sh
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || die "this needs Debian's apt and dpkg"
mkdir -p "$cache"
