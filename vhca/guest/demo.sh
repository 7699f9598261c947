# The part of vhca/demo that runs in the guest. /host/ib-sriov is the plugin.
set -euo pipefail
pf=0000:01:00.0 devices=/sys/bus/pci/devices step=0

say() { printf '\n%d. %s\n' $((step += 1)) "$*"; }
indented() { sed 's/^/     /'; }

# call VERB POD DEVICE GUID: calls the plugin as a container runtime does.
call() {
  printf '{"cniVersion": "1.0.0", "name": "fabric", "type": "ib-sriov", "deviceID": "%s", "link_state": "enable",
 "runtimeConfig": {"infinibandGUID": "%s"},
 "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.56.217.0/24"}]], "routes": [{"dst": "10.99.0.0/16"}]}}' \
    "$3" "$4" >/tmp/config
  CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=/run/netns/$2 CNI_IFNAME=net1 CNI_PATH=/opt/cni/bin \
    /host/ib-sriov </tmp/config
}

# Prints the state of the node: a line for each VF, each lease and each record.
state() {
  local index device name link vf
  printf '%-3s %-13s %-10s %-11s %-5s %-5s %-24s %-24s %s\n' \
    VF device driver netdev MTU is "port GUID, as set" "in effect" link
  for index in 0 1 2 3; do
    device=$(basename "$(readlink $devices/$pf/virtfn$index)")
    name=$(ls "$devices/$device/net")
    link=$(ip -o link show dev "$name")
    vf=$(ip link show dev ib0 | grep "vf $index ")
    printf '%-3s %-13s %-10s %-11s %-5s %-5s %-24s %-24s %s\n' $index "$device" \
      "$(basename "$(readlink "$devices/$device/driver")")" "$name" "$(sed 's/.* mtu \([0-9]*\).*/\1/' <<<"$link")" \
      "$(grep -q '[<,]UP[,>]' <<<"$link" && echo up || echo down)" "$(sed 's/.*PORT_GUID \([^,]*\).*/\1/' <<<"$vf")" \
      "$(sed 's/.*infiniband [0-9a-f:]\{36\}\([0-9a-f:]\{23\}\).*/\1/' <<<"$link")" \
      "$(sed 's/.*link-state \([^,]*\).*/\1/' <<<"$vf")"
  done
  # Lock files, and host-local's files with the last address that it assigned, may stay.
  find /var/lib/cni -type f ! -path '*/.*' ! -name lock ! -name 'last_reserved_ip.*' | sort | sed 's/^/file /'
}

say "The node has an InfiniBand HCA, $pf. It gets 4 Virtual Functions, of which two already have a GUID."
modprobe -a ib_ipoib ib_uverbs
modprobe vhca drvname=mlx5_core devname=mlx5_%d disguise=1
echo 4 >$devices/$pf/sriov_numvfs
ip link set ib0 up
for index in 0 1; do
  device=$(basename "$(readlink $devices/$pf/virtfn$index)")
  ip link set ib0 vf $index node_guid 0a:00:00:00:00:00:0$index:01
  ip link set ib0 vf $index port_guid 0a:00:00:00:00:00:0$index:02
  echo "$device" >/sys/bus/pci/drivers/mlx5_core/unbind
  echo "$device" >/sys/bus/pci/drivers/mlx5_core/bind
  name=ibp1s0f0v$index
  ip link set dev "$(ls "$devices/$device/net")" name $name mtu 1800 up
done
state >/tmp/before
indented </tmp/before

say "Two pods are created: the network namespaces red and blue."
ip netns add red
ip netns add blue

red=(red 0000:01:10.0 02:00:00:00:00:00:00:aa)
blue=(blue 0000:01:10.2 02:00:00:00:00:00:00:bb)
say "CNI_COMMAND=ADD for pod red, with host-local as the IPAM plugin and a GUID from the runtime. ib-sriov answers:"
call ADD "${red[@]}" >/tmp/red
indented </tmp/red
echo
say "CNI_COMMAND=ADD for pod blue, which gets another VF."
call ADD "${blue[@]}" >/tmp/blue

say "Pod red has net1 with its GUID (the last 8 bytes of the address), an address and routes:"
ip -n red address show dev net1 | indented
ip -n red route show dev net1 | indented
[[ $(ip -n red link show dev net1) = *"${red[2]} brd"* ]]
[[ $(ip -n blue link show dev net1) = *"${blue[2]} brd"* ]]

address=$(sed -n 's/.*"address": "\([0-9.]*\)\/.*/\1/p' /tmp/blue)
say "Pod red pings pod blue ($address) over IPoIB:"
ip netns exec red ping -c 3 -i 0.2 -W 5 "$address" | indented

device() { ls "$devices/$1/infiniband"; }
say "Pod red sends messages to pod blue by RDMA, with ibv_rc_pingpong of rdma-core:"
ip netns exec blue ibv_rc_pingpong -e -d "$(device "${blue[1]}")" >/tmp/server &
# 18515, the program's port, is 4853 in hexadecimal, and 0A means that it listens.
until grep -q ':4853 .* 0A ' /proc/$!/net/tcp /proc/$!/net/tcp6; do kill -0 $! && sleep 0.02; done
ip netns exec red ibv_rc_pingpong -e -d "$(device "${red[1]}")" "$address" | indented
wait $!

say "The netdevs of two VFs have left the host namespace, and these VFs have new GUIDs:"
for index in 0 1; do ip link show dev ib0 | grep "vf $index " | sed 's/.*\(vf [0-9]*\).*\(PORT_GUID.*\), trust.*/\1 \2/'; done | indented
find /var/lib/cni -type f ! -path '*/.*' | indented

say "CNI_COMMAND=DEL for both pods; then the pods are removed."
call DEL "${red[@]}"
call DEL "${blue[@]}"
ip netns del red
ip netns del blue

say "The state of the node is compared with the state before the first ADD:"
state >/tmp/after
if ! diff /tmp/before /tmp/after | indented; then
  echo "     FAILED: the lines above differ."
  exit 1
fi
echo "     OK: names, MTUs, drivers, GUIDs and link states are the same, and no lease or record is left."
