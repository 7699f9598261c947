# Starts Debian's containerd in the guest (vhca/run -C). It listens at its usual path.
#   containerd.sh new        as on a fresh node, whatever ran before, with one image: localhost/box (image.sh), in the
#                            namespace of its CRI service
#   containerd.sh restart    as systemd does it: SIGTERM and a new daemon; containers keep running in the meantime
set -eu
image=localhost/box:latest archive=/tmp/box.tar

start() {
  : >/tmp/containerd.log
  containerd </dev/null >/tmp/containerd.log 2>&1 &
  # The last message before the CRI service answers, which is the last part of the daemon to do so.
  until grep -q 'Start streaming server' /tmp/containerd.log; do
    kill -0 $! || { cat /tmp/containerd.log >&2; exit 1; }
    sleep 0.02
  done
}
end() { # SIGNAL PROGRAM…
  local signal=$1 program
  shift
  for program; do
    for process in $(pidof "$program" || true); do kill -s "$signal" "$process" || true; done
    while pidof "$program" >/dev/null; do sleep 0.02; done
  done
}

case $1 in
  new)
    # The daemon ends first, then the shims, which would otherwise clean up after their containers.
    end KILL ctr containerd containerd-shim-runc-v2 busybox.oci
    sed -n 's#^[^ ]* \(/run/containerd[^ ]*\|/var/lib/containerd\) .*#\1#p' /proc/mounts | sort -r | xargs -r umount -l
    rm -rf /run/containerd /var/lib/containerd /etc/cni/net.d
    mkdir -p /var/lib/containerd /etc/containerd /etc/cni/net.d
    # An overlay cannot be mounted on an initramfs.
    mount -t tmpfs tmpfs /var/lib/containerd
    [ -e /sys/fs/cgroup/cgroup.procs ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
    # containerd copies these files into pods.
    touch /etc/hosts /etc/resolv.conf
    cp /usr/lib/cni/loopback /opt/cni/bin/
    # NoPivotRoot: the root of an initramfs cannot be exchanged. max_conf_num: a pod gets an interface of each network.
    cat >/etc/containerd/config.toml <<END
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$image"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/opt/cni/bin"
  max_conf_num = 0
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  NoPivotRoot = true
END
    start
    [ -e $archive ] || bash /host/image.sh $archive $image
    ctr -n k8s.io image import $archive >/dev/null
    ;;
  restart)
    end TERM containerd
    start
    ;;
esac
