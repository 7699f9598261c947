# Debian's programs for RDMA, of rdma-core and perftest, as a directory that the guest mounts as an overlay over /usr and
# /lib. Sourced by `prepare` on request, after initramfs.sh, because it needs another download. Sets `verbs`.

verbs_packages=(ibverbs-utils ibverbs-providers rdmacm-utils perftest)
verbs_programs=(
  ibv_devices ibv_devinfo ibv_rc_pingpong ibv_uc_pingpong ibv_ud_pingpong ibv_srq_pingpong
  ib_send_bw ib_write_bw ib_read_bw ib_write_lat ib_atomic_lat rping ucmatose
)

build_verbs() {
  # `root` is used by `add_program`.
  local root=$verbs.new unpacked=$verbs.new/packages library=usr/lib/x86_64-linux-gnu/libibverbs program
  rm -rf "$root"
  mkdir -p "$root/usr/bin" "$root/lib" "$root/etc/libibverbs.d" "$root/$library"
  unpack_closure "$unpacked" "programs for RDMA, about 30 MB" "${verbs_packages[@]}"

  say "building the directory of programs for RDMA"
  for program in "${verbs_programs[@]}"; do
    tree=$unpacked add_program "$unpacked/usr/bin/$program" "$root/usr/bin"
  done
  # libibverbs loads the provider at run time, so ldd does not list it. The other providers are for hardware.
  tree=$unpacked add_program "$unpacked/$library"/librxe-*.so "$root/$library"
  # rping ends its threads with pthread_exit, for which libc loads this library.
  tree=$unpacked add_program "$unpacked/usr/lib/x86_64-linux-gnu/libgcc_s.so.1" "$root/usr/lib/x86_64-linux-gnu"
  cp "$unpacked/etc/libibverbs.d/rxe.driver" "$root/etc/libibverbs.d/"
  rm -rf "$unpacked"
  mv "$root" "$verbs"
}

verbs=$cache/verbs-$(key_of "$tree" "${BASH_SOURCE[0]}")
[ -e "$verbs" ] || locked build_verbs "$verbs"
