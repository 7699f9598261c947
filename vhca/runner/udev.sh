# Debian's udev with the naming rules of rdma-core, as a directory that the guest lays over its own /usr and /lib.
# Sourced by `prepare`, after initramfs.sh. Sets `udev`. Most guests do without, and boot faster for it.

build_udev() {
  local root=$udev.new library=usr/lib/x86_64-linux-gnu
  say "putting udev together"
  rm -rf "$root"
  mkdir -p "$root/usr/bin" "$root/usr/lib/systemd" "$root/usr/lib/udev" "$root/$library" "$root/lib"
  add_program "$tree/usr/bin/udevadm" "$root/usr/bin"
  ln -s ../../bin/udevadm "$root/usr/lib/systemd/systemd-udevd"
  # udevd loads this one when it has a use for it, so that ldd does not know.
  add_program "$tree/$library/libkmod.so.2" "$root/$library"
  # Not the hardware database: it has no say in names.
  cp -r "$tree/usr/lib/udev/rules.d" "$root/usr/lib/udev/"
  cp -r "$tree/usr/lib/systemd/network" "$root/usr/lib/systemd/"
  add_program "$tree/usr/lib/udev/rdma_rename" "$root/usr/lib/udev"
  mv "$root" "$udev"
}

udev=$cache/udev-$(key_of "$tree" "${BASH_SOURCE[0]}")
[ -e "$udev" ] || locked build_udev "$udev"
