# The cache in which scripts keep Debian packages that they unpack without installing them; the virtual node uses it,
# too (vhca/README.md). Scripts source this file in the root of the repository.
say() { printf '[%s] %s\n' "${0##*/}" "$*" >&2; }
die() {
  say "$*"
  exit 1
}

. vhca/runner/cache.sh
