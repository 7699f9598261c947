# Debian's containerd with ctr and runc, and curl for its CRI service, as a directory that the guest mounts as an
# overlay over /usr and /lib. Sourced by `prepare` on request, after initramfs.sh: it needs another download, which
# other runs need not wait for. Sets `containerd`.

containerd_packages=(containerd runc curl)
containerd_programs=(containerd containerd-shim-runc-v2 ctr runc curl)

build_containerd() {
  # `root` is used by `add_program`.
  local root=$containerd.new downloads=$containerd.new/downloads
  local unpacked=$root/packages deb program
  rm -rf "$root"
  mkdir -p "$unpacked" "$root/usr/bin" "$root/usr/lib/cni" "$root/lib"
  begin_downloads "$downloads"
  say "fetching containerd, about 50 MB, once (into $cache)"
  fetch install --no-install-recommends --download-only "${containerd_packages[@]}"

  say "building the directory of containerd"
  for deb in "$downloads"/cache/archives/*.deb; do
    # Skipped, as in packages.sh.
    case $deb in */libc6_*) continue ;; esac
    dpkg-deb -x "$deb" "$unpacked"
  done
  for program in "${containerd_programs[@]}"; do
    tree=$unpacked add_program "$(PATH=$unpacked/usr/bin:$unpacked/usr/sbin command -v "$program")" "$root/usr/bin"
  done
  # containerd's CRI service calls the CNI plugin loopback for every pod.
  add_program "$tree/usr/lib/cni/loopback" "$root/usr/lib/cni"
  rm -rf "$unpacked" "$downloads"
  mv "$root" "$containerd"
}

containerd=$cache/containerd-$(key_of "$tree" "${BASH_SOURCE[0]}")
[ -e "$containerd" ] || locked build_containerd "$containerd"
