# Makes the containers that the plugin is called from, as mount namespaces to be entered: files in /run/containers.
#   driver   the container of a DRA driver: it has the host's /var/lib/cni, /opt/cni/bin, /var/run/netns, /sys, /proc
#            and /dev, and nothing else of the host; its root is a separate read-only image
#   multus   the container of thick Multus: the host's root is its /hostroot
# They use the host's PID and network namespaces. Later mounts on the host appear in them if the mount propagates: `ip`
# makes /run/netns propagate with the first namespace that it makes, so this script runs after guest/setup.sh.
#   containers.sh [NAME]    makes both without NAME; with NAME, does the part that runs inside this container
set -eu -o pipefail
root=/tmp/image

# A C library and shells, for IPAM plugins that are dynamically linked or scripts.
image() {
  mkdir -p $root
  mount -t tmpfs tmpfs $root
  (cd / && tar -c -f - $(find . -xdev -name '*.so*')) | tar -x -f - -C $root
  mkdir $root/bin
  cp /bin/busybox /bin/bash $root/bin/
  for program in sh cat chroot sleep; do ln -s busybox $root/bin/$program; done
}

# pivot_root fails if the root is still the initramfs that the kernel booted with.
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
    # Before the image is mounted: otherwise the host's root would contain it.
    mkdir -p $root.host
    mount --rbind / $root.host
    image
    mkdir $root/hostroot
    mount --move $root.host $root/hostroot
    enter_root
    ;;
esac
