# Debian's udev with the naming rules of rdma-core, as a directory that the guest mounts as an overlay over /usr and
# /lib. Sourced by `prepare`, after initramfs.sh. Sets `udev`. Most guests do not use it, and so boot faster.

build_udev() {
  local root=$udev.new library=usr/lib/x86_64-linux-gnu
  say "building the directory of udev"
  rm -rf "$root"
  mkdir -p "$root/usr/bin" "$root/usr/lib/systemd" "$root/usr/lib/udev" "$root/$library" "$root/lib"
  add_program "$tree/usr/bin/udevadm" "$root/usr/bin"
  ln -s ../../bin/udevadm "$root/usr/lib/systemd/systemd-udevd"
  # udevd loads this library at run time, so ldd does not list it.
  add_program "$tree/$library/libkmod.so.2" "$root/$library"
  # Without the hardware database, which does not influence names.
  cp -r "$tree/usr/lib/udev/rules.d" "$root/usr/lib/udev/"
  cp -r "$tree/usr/lib/systemd/network" "$root/usr/lib/systemd/"
  add_program "$tree/usr/lib/udev/rdma_rename" "$root/usr/lib/udev"
  mv "$root" "$udev"
}

udev=$cache/udev-$(key_of "$tree" "${BASH_SOURCE[0]}")
[ -e "$udev" ] || locked build_udev "$udev"
