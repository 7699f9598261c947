# The guest's root file system. Sourced by `prepare`, after module.sh. Sets `initramfs`.

guest_programs=(busybox dash bash ip rdma strace)
guest_modules=(ib_ipoib ib_uverbs ib_umad rdma_ucm 9p 9pnet_virtio overlay dummy veth bonding vfio-pci vfio_iommu_type1)

build_initramfs() {
  local root=$cache/root.new program modules=$tree/usr/lib/modules/$release added=
  say "building the initramfs"
  rm -rf "$root"
  mkdir -p "$root"/{bin,dev,proc,sys,run,tmp,host,mnt,etc,root,lib64} "$root/opt/cni/bin" "$root/var/lib/cni" \
    "$root/lib/modules/$release"
  ln -s ../run "$root/var/run"
  ln -s bin "$root/sbin" # the kernel calls /sbin/modprobe
  for program in "${guest_programs[@]}"; do
    add_program "$(within "$tree" command -v "$program")" "$root/bin"
  done
  # busybox provides the other programs, except the shell: busybox's shell prefers its applets to PATH, so that `ip`
  # would be the applet.
  ln -s dash "$root/bin/sh"
  for program in $("$root/bin/busybox" --list); do
    [ -e "$root/bin/$program" ] || ln -s busybox "$root/bin/$program"
  done
  add_program "$tree/usr/lib/cni/host-local" "$root/opt/cni/bin"
  for program in "${guest_modules[@]}"; do add_module "$program"; done
  cp "$module/vhca.ko" "$modules"/modules.{builtin,builtin.modinfo,order} "$root/lib/modules/$release/"
  within "$tree" depmod -b "$root" "$release"
  install -m 755 "$here/guest/init" "$root/init"
  # Not compressed, because unpacking in the emulator would take longer than reading.
  (cd "$root" && find . | LC_ALL=C sort | within "$tree" cpio -o -H newc -R 0:0 --quiet) >"$initramfs.new"
  rm -rf "$root"
  mv "$initramfs.new" "$initramfs"
}

# add_program FILE DIRECTORY: copies a program and the libraries that it needs.
add_program() {
  local libraries library
  cp -L "$1" "$2/"
  libraries=$(within "$tree" ldd "$1" 2>/dev/null) || return 0 # a static program
  case $libraries in *'not found'*) die "$1 lacks libraries: $libraries" ;; esac
  for library in $(sed -n 's#^[^/]*\(/[^ ]*\).*#\1#p' <<<"$libraries"); do
    # Without the path of the tree, this is where ld.so looks for the library.
    mkdir -p "$root$(dirname "${library#"$tree"}")"
    cp -L "$library" "$root${library#"$tree"}"
  done
}

# add_module NAME: copies a module, and first the modules that it depends on. A built-in module has no file.
add_module() {
  local file needed
  case " $added " in *" $1 "*) return ;; esac
  added="$added $1"
  file=$(find "$modules" -name "$1.ko.xz" -o -name "${1//_/-}.ko.xz" | head -n 1)
  [ -n "$file" ] || return 0
  for needed in $(within "$tree" modinfo -F depends "$file" | tr , ' '); do add_module "$needed"; done
  within "$tree" xz -dc "$file" >"$root/lib/modules/$release/$(basename "${file%.xz}")"
}

initramfs=$cache/initramfs-$(key_of "$module" "${BASH_SOURCE[0]}" "$here/guest/init")
[ -e "$initramfs" ] || locked build_initramfs "$initramfs"
