# The cache in which scripts keep Debian packages that they unpack without installing them; the virtual node uses it,
# too (vhca/README.md). Scripts source this file in the root of the repository.
say() { printf '[%s] %s\n' "${0##*/}" "$*" >&2; }
die() {
  say "$*"
  exit 1
}

. vhca/runner/cache.sh

# print_sources TYPE: prints the lines of a sources.list of this type, deb or deb-src, for the distribution's own packages, from
# the lists of begin_downloads. Other publishers than the distribution often have no sources.
print_sources() {
  apt apt-get indextargets --format '$(ORIGIN) '"$1"' [signed-by=$(SIGNED_BY)] $(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' | sed -n -E 's/ \[signed-by=\$\(SIGNED_BY\)\]//; s/^(Debian|Ubuntu) //p'
}
