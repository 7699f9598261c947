# Makes the containers that the plugin is called from, as mount namespaces to be entered: files in /run/containers.
#   driver   a DRA driver's: of the host it has /var/lib/cni, /opt/cni/bin, /var/run/netns, /sys, /proc and /dev, and
#            nothing else; of its own, an image that is read-only
#   multus   thick Multus': the host's root is its /hostroot
# Their PID and network namespaces are the host's. What is mounted on the host later is so in them, where it spreads:
# of /run/netns `ip` sees to that with the first namespace that it makes, so this comes after guest/setup.sh.
#   containers.sh [NAME]    without NAME it makes both, and with NAME it does what is left to be done in there
set -eu -o pipefail
root=/tmp/image

# A C library and shells, for IPAM plugins that are linked to the one or are scripts.
image() {
  mkdir -p $root
  mount -t tmpfs tmpfs $root
  (cd / && tar -c -f - $(find . -xdev -name '*.so*')) | tar -x -f - -C $root
  mkdir $root/bin
  cp /bin/busybox /bin/bash $root/bin/
  for program in sh cat chroot sleep; do ln -s busybox $root/bin/$program; done
}

# pivot_root does not work where the root is the one that the kernel booted with (initramfs).
enter_root() {
  cd $root
  mount --move . /
}

case ${1:-} in
  '')
    mkdir -p /run/containers
    cp /host/ib-sriov /opt/cni/bin/
    for name in driver multus; do
      touch /run/containers/$name
      unshare --mount=/run/containers/$name --propagation slave bash "$0" $name
    done
    ;;
  driver)
    image
    for directory in var/lib/cni opt/cni/bin var/run/netns sys proc dev; do
      mkdir -p $root/$directory
      mount --rbind /$directory $root/$directory
    done
    mount -o remount,ro $root
    enter_root
    ;;
  multus)
    # Before the image: otherwise the host's root would have it in it.
    mkdir -p $root.host
    mount --rbind / $root.host
    image
    mkdir $root/hostroot
    mount --move $root.host $root/hostroot
    enter_root
    ;;
esac
