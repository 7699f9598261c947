# Debian's containerd with ctr and runc, and curl for its CRI service, as a directory that the guest mounts as an
# overlay over /usr and /lib. Sourced by `prepare` on request, after initramfs.sh: it needs another download, which
# other runs need not wait for. Sets `containerd`.

containerd_packages=(containerd runc curl)
containerd_programs=(containerd containerd-shim-runc-v2 ctr runc curl)

build_containerd() {
  # `root` is used by `add_program`.
  local root=$containerd.new unpacked=$containerd.new/packages program
  rm -rf "$root"
  mkdir -p "$root/usr/bin" "$root/usr/lib/cni" "$root/lib"
  unpack_closure "$unpacked" "containerd, about 50 MB" "${containerd_packages[@]}"

  say "building the directory of containerd"
  for program in "${containerd_programs[@]}"; do
    tree=$unpacked add_program "$(PATH=$unpacked/usr/bin:$unpacked/usr/sbin command -v "$program")" "$root/usr/bin"
  done
  # containerd's CRI service calls the CNI plugin loopback for every pod.
  add_program "$tree/usr/lib/cni/loopback" "$root/usr/lib/cni"
  rm -rf "$unpacked"
  mv "$root" "$containerd"
}

containerd=$cache/containerd-$(key_of "$tree" "${BASH_SOURCE[0]}")
[ -e "$containerd" ] || locked build_containerd "$containerd"
