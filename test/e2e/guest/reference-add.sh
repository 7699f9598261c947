# Does what the Go plugin's ADD does (pkg/sriov: ApplyVFConfig, SetupVF; ipam; SaveNetConf), step by step, for tests
# that run without the Go plugin.
#   reference-add.sh PCI INDEX POD CONTAINER GUID LINK_STATE IPAM
# GUID and LINK_STATE may be empty; IPAM is a JSON object, {} for none.
set -eu
pci=$1 index=$2 pod=$3 container=$4 guid=$5 link_state=$6 ipam=$7
driver=/sys/bus/pci/drivers/mlx5_core found=

name_of() { ls "/sys/bus/pci/devices/$pci/net"; }
name=$(name_of)

[ -z "$link_state" ] || ip link set ib0 vf "$index" state "$link_state"
if [ -n "$guid" ]; then
  read -r address <"/sys/class/net/$name/address"
  found=${address: -23}
  ip link set ib0 vf "$index" node_guid "$guid"
  ip link set ib0 vf "$index" port_guid "$guid"
  echo "$pci" >$driver/unbind
  echo "$pci" >$driver/bind
fi
netdev=$(name_of)
temporary=vfdev$(cat "/sys/class/net/$netdev/ifindex")
ip link set dev "$netdev" down
ip link set dev "$netdev" name "$temporary"
ip link set dev "$temporary" netns "$pod"
ip -n "$pod" link set dev "$temporary" name net1
ip -n "$pod" link set dev net1 up
if [ "$ipam" != "{}" ]; then
  result=$(printf '{"cniVersion":"1.0.0","name":"mynet","type":"ib-sriov","ipam":%s}' "$ipam" |
    CNI_COMMAND=ADD CNI_CONTAINERID=$container CNI_NETNS=/run/netns/$pod CNI_IFNAME=net1 CNI_PATH=/opt/cni/bin \
      /opt/cni/bin/host-local)
  ip -n "$pod" address add "$(sed -n 's/.*"address": *"\([^"]*\)".*/\1/p' <<<"$result")" dev net1
fi
mkdir -p -m 700 /var/lib/cni/ib-sriov
umask 077
cat >"/var/lib/cni/ib-sriov/$container-net1" <<CACHE
{"ContIFNames":"net1","HostIFGUID":"$found","HostIFNames":"$name","Master":"ib0","RdmaNetState":{"containerRdmaDevName":\
"","deviceID":"","sandboxRdmaDevName":"","version":""},"VFID":$index,"args":{"cni":null},"cniVersion":"1.0.0","deviceID":\
"$pci","ipam":{"type":"host-local"},${link_state:+"\"link_state\":\"$link_state\","}"name":"mynet","pkey":"",\
"runtimeConfig":{"infinibandGUID":"$guid"},"type":"ib-sriov"}
CACHE
