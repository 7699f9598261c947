# Builds the kernel module. Sourced by `prepare`, after packages.sh. Sets `module`, the directory of vhca.ko.

build_module() {
  local log=$module.new/log
  say "building the kernel module"
  rm -rf "$module.new"
  cp -r "$here/module" "$module.new"
  # The headers' Makefile includes another Makefile by an absolute path, which is changed to a path in the tree.
  sed -i "s#^include .*/usr/src#include $tree/usr/src#" "$tree/usr/src/linux-headers-$release/Makefile"
  within "$tree" make -s -C "$tree/usr/src/linux-headers-$release" M="$module.new" W=1 modules >"$log" 2>&1 || {
    cat "$log" >&2
    die "building the kernel module failed, see above"
  }
  ! grep -E 'warning:|error:' "$log" >&2 || die "building the kernel module gave warnings, see above"
  within "$tree" strip --strip-debug "$module.new/vhca.ko"
  mv "$module.new" "$module"
}

release=$(cat "$tree/kernel-release")
module=$cache/module-$(key_of "$tree" "${BASH_SOURCE[0]}" "$here"/module/*)
[ -e "$module/vhca.ko" ] || locked build_module "$module/vhca.ko"
