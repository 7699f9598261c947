# Sets `cache`, the directory of the cache, and defines the functions of apt.sh, which fill it. The directory is
# $VHCA_CACHE, else $XDG_CACHE_HOME/ib-sriov, else ~/.cache/ib-sriov. Sourced by `prepare` and by scripts of the
# repository; the caller defines the functions `say` and `die`.

# Without the variable, bash expands ~ to the home directory in the list of users.
[ -n "${HOME:-}" ] || unset HOME
cache=${VHCA_CACHE:-${XDG_CACHE_HOME:-${HOME-$(echo ~)}/.cache}/ib-sriov}
case $cache in /*) ;; *) cache=$PWD/$cache ;; esac
# The kernel's Makefiles, PATH, and the settings that scripts/cross prints cannot contain these characters.
case $cache in
*[[:space:]:\;\'\"\`\\\$\#%\&\(\)\*\?\[\]\<\>\|!=]*)
  die "use the cache directory $(printf %q "$cache"): its path has a space or a special character; set VHCA_CACHE to another directory"
  ;;
esac
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
  die "fill the cache $cache: apt-get or dpkg-deb is missing; use Debian"
mkdir -p "$cache" 2>/dev/null && [ -d "$cache" ] ||
  die "create the cache directory $cache: not possible for user $(id -un 2>/dev/null || id -u); set VHCA_CACHE to a directory that this user can write"

. "$(dirname "${BASH_SOURCE[0]}")/apt.sh"

# The files of a read-only cache can be used, but no file can be added.
[ -w "$cache" ] || locked() {
  die "prepare ${2##*/}: the cache directory $cache is read-only; set VHCA_CACHE to a directory that user $(id -un 2>/dev/null || id -u) can write"
}

# mark_used PATH…: sets the time at which files were used last; `locked` removes files that were not used for a month. In a
# read-only cache it does nothing, because nothing is removed there.
mark_used() { touch "$@" 2>/dev/null || true; }
