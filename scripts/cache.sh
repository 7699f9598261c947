# The cache in which scripts keep Debian packages that they unpack without installing them; the virtual node uses it,
# too (vhca/README.md). Scripts source this file in the root of the repository.
cache=${VHCA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ib-sriov}

say() { printf '[%s] %s\n' "${0##*/}" "$*" >&2; }
die() {
  say "$*"
  exit 1
}

. vhca/runner/apt.sh
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || die "this needs Debian's apt and dpkg"
mkdir -p "$cache"
