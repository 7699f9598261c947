# Unpacks packages that only some guests need. Sourced by `prepare`, after apt.sh.

# unpack_closure DIRECTORY WHAT PACKAGE…: downloads packages with all that they depend on, and unpacks them into
# DIRECTORY. WHAT is their name in messages.
unpack_closure() {
  local directory=$1 what=$2 deb
  shift 2
  mkdir -p "$directory"
  begin_downloads "$directory.downloads"
  say "fetching $what, once (into $cache)"
  fetch install --no-install-recommends --download-only "$@"
  for deb in "$directory.downloads"/cache/archives/*.deb; do
    # Skipped, as in packages.sh.
    case $deb in */libc6_*) continue ;; esac
    dpkg-deb -x "$deb" "$directory"
  done
  rm -rf "$directory.downloads"
}
