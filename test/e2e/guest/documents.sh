# Sourced before the commands of a document: brings the virtual node into the state that a document expects
# (test/e2e/docs.test.ts).
set -eu -o pipefail
pf=/sys/bus/pci/devices/0000:01:00.0

# Makes a node with an HCA and the plugin, without VFs, pods and attachments, in RDMA's shared mode.
fresh() {
  ip -all netns delete
  rm -rf /var/lib/cni/* /run/cni /run/pods
  modprobe -a ib_ipoib ib_uverbs ib_umad
  [ -d /sys/module/vhca ] || modprobe vhca drvname=mlx5_core devname=mlx5_%d disguise=1
  echo 0 >/sys/module/vhca/parameters/fail_probe
  # The kernel accepts this only after the deleted namespaces are gone, which takes a while.
  until echo 0 >$pf/sriov_numvfs && rdma system set netns shared; do sleep 0.1; done 2>/dev/null
  ip link set ib0 up
  mkdir -p /opt/cni/bin
  cp /host/ib-sriov /opt/cni/bin/
  # As udev creates it at boot.
  ln -sfn /proc/self/fd /dev/fd
}

# virtual_functions NUMBER
virtual_functions() {
  echo "$1" >$pf/sriov_numvfs
}

# set_guid INDEX GUID: sets a VF's GUIDs, and rebinds the VF so that they take effect.
set_guid() {
  local pci=0000:01:10.$(($1 * 2))
  ip link set ib0 vf "$1" node_guid "$2"
  ip link set ib0 vf "$1" port_guid "$2"
  echo $pci >/sys/bus/pci/drivers/mlx5_core/unbind
  echo $pci >/sys/bus/pci/drivers/mlx5_core/bind
}

# attach NAME INDEX POD [INTERFACE]: gives a VF to container NAME of a pod, in a namespace of the same name. The variable
# config is the network.
config='{"cniVersion": "1.0.0", "name": "ib", "type": "ib-sriov", "guid": "auto", "link_state": "enable",
  "ipam": {"type": "host-local", "subnet": "10.56.217.0/24"}}'
attach() {
  local pci=0000:01:1$(($2 / 4)).$(($2 % 4 * 2))
  [ -e "/run/netns/$1" ] || ip netns add "$1"
  CNI_COMMAND=ADD CNI_CONTAINERID=$1 CNI_NETNS=/run/netns/$1 CNI_IFNAME=${4-net1} CNI_PATH=/opt/cni/bin \
    CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=$3" \
    /opt/cni/bin/ib-sriov <<<"${config%\}}, \"deviceID\": \"$pci\"}" >/dev/null
  mkdir -p "/run/pods/$3/$1"
  touch "/run/pods/$3/$1/$pci"
}

# Attaches the pods that a document starts only after its first commands. The preparations of the document define it.
start_pods() { false; }

# Takes the place of `kubectl exec POD -- COMMAND…`: runs a command in the network namespace of a pod. Below /dev/infiniband,
# the command sees only the files of the pod's VFs, as if the device plugin had handed them out.
kubectl() {
  local container
  [ -e "/run/pods/$2" ] || start_pods
  container=$(ls "/run/pods/$2")
  ip netns exec "$container" bash -euc '
    mount -t tmpfs devices /mnt
    cd /dev/infiniband
    for vf in "$0"/*; do
      for file in /sys/bus/pci/devices/"${vf##*/}"/infiniband_{verbs,mad}/*; do files+=("${file##*/}"); done
    done
    cp -a "${files[@]}" /mnt
    cd /
    mount --move /mnt /dev/infiniband
    exec "$@"' "/run/pods/$2/$container" "${@:4}"
}

# delete_container NAME: deletes the container's namespace, without a DEL.
delete_container() {
  ip netns delete "$1"
  until ls /sys/class/net | grep -qx net1; do sleep 0.1; done
}

# doctor reports problems of this node, and so exits with status 1; the commands of the document continue.
ib-sriov() {
  command ib-sriov "$@" || [ "${1-} $?" = "doctor 1" ]
}
