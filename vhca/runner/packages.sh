# Downloads the Debian packages of the virtual node with apt and unpacks them into the cache, without installing them.
# Sourced by `prepare`. Sets `tree`, the directory of the unpacked files.

# Packages for this machine (the emulator, and the compiler that matches the kernel), and packages for the guest.
host_packages=(qemu-system-x86 gcc-14 pahole libelf1t64 cpio kmod xz-utils zstd)
guest_packages=(busybox-static bash dash iproute2 strace containernetworking-plugins udev rdma-core)

unpack_packages() {
  local downloads=$cache/downloads kernel deb
  [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] && command -v apt-get >/dev/null ||
    die "the virtual node consists of Debian's amd64 packages, which need dpkg and apt on amd64"
  begin_downloads "$downloads"
  kernel=$(apt apt-cache show linux-image-amd64 | sed -n 's/^Depends: linux-image-\([^ ,]*\).*/\1/p' | head -n 1)
  [ -n "$kernel" ] || die "find linux-image-amd64: apt does not know it; set up Debian's package sources"
  say "fetching packages, about 250 MB, once (into $cache)"
  fetch install --no-install-recommends --download-only "${host_packages[@]}" "${guest_packages[@]}"
  # The kernel without its dependencies, which are for machines that boot from a disk.
  (cd "$downloads/cache/archives" && fetch download "linux-image-$kernel" "linux-headers-$kernel" \
    "linux-headers-${kernel%-amd64}-common" "linux-kbuild-${kernel%-amd64}")

  say "unpacking"
  rm -rf "$tree.new"
  mkdir "$tree.new"
  for deb in "$downloads"/cache/archives/*.deb; do
    # All programs use the libc and ld.so of this machine, because a process cannot mix two versions of them.
    case $deb in */libc6_*) continue ;; esac
    dpkg-deb -x "$deb" "$tree.new"
  done
  unpack_kernel "$tree.new/boot/vmlinuz-$kernel" "$tree.new/vmlinux"
  printf '%s\n' "$kernel" >"$tree.new/kernel-release"
  rm -rf "$tree.new"/usr/share/{doc,man,info,locale}
  mv "$tree.new" "$tree"
  rm -rf "$downloads"
}

# unpack_kernel BZIMAGE VMLINUX: QEMU starts an uncompressed kernel a second faster (PVH: no firmware, no unpacking in
# the emulator). A bzImage contains it at payload_offset (header at 0x248) after setup_sects + 1 sectors (0x1f1), see
# the kernel's Documentation/arch/x86/boot.rst; the last 4 bytes of the payload are its size.
unpack_kernel() {
  local image=$1 start length
  number() { od -An -t "u$2" -j "$(($1))" -N "$2" "$image" | tr -d ' '; }
  start=$((($(number 0x1f1 1) + 1) * 512 + $(number 0x248 4))) length=$(number 0x24c 4)
  head -c $((start + length - 4)) "$image" | tail -c +$((start + 1)) |
    within "$tree.new" zstd -dqc >"$2" || die "cannot unpack the kernel $image"
}

tree=$cache/packages-$(key_of "$(release_name)" "${BASH_SOURCE[0]}")
[ -e "$tree/kernel-release" ] || locked unpack_packages "$tree/kernel-release"
