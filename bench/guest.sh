# The part of bench/run that runs in the guest: ADD and DEL of /host/ib-sriov (and /host/peer) compared with
# /host/floor, then eight rails.
set -euo pipefail
vf=0000:01:10.0 driver=mlx5_core pf=/sys/bus/pci/devices/0000:01:00.0
read -r rounds rail_rounds </host/rounds
plugins=ib-sriov
[ ! -e /host/peer ] || plugins+=" peer"

modprobe -a ib_ipoib ib_uverbs
modprobe vhca drvname=$driver devname=mlx5_%d disguise=1
echo 4 >$pf/sriov_numvfs
ip link set ib0 up
ip netns add pod
# The Go plugin requires that a VF already has a GUID, also if it gets another.
ip link set ib0 vf 0 node_guid 0a:00:00:00:00:00:00:01
ip link set ib0 vf 0 port_guid 0a:00:00:00:00:00:00:01
echo $vf >/sys/bus/pci/drivers/$driver/unbind
echo $vf >/sys/bus/pci/drivers/$driver/bind

echo "{\"cniVersion\":\"1.0.0\",\"name\":\"bench\",\"type\":\"ib-sriov\",\"deviceID\":\"$vf\",
  \"runtimeConfig\":{\"infinibandGUID\":\"02:00:00:00:00:00:00:77\"}}" >/tmp/config
variables=(CNI_CONTAINERID=bench CNI_NETNS=/run/netns/pod CNI_IFNAME=net1 CNI_PATH=/opt/cni/bin)
{
  # The kernel's work after the end of a program (sockets, namespaces, a dozen threads) must not slow down the next.
  echo pause 50
  printf 'unit floor\nexec /host/floor ib0 0 %s %s /run/netns/pod net1 0200000000000077 0a00000000000001\n' $vf $driver
  for plugin in $plugins; do
    printf 'unit %s\nstdin /tmp/config\n' $plugin
    printf 'env %s\n' "${variables[@]}"
    printf 'env CNI_COMMAND=%s\nexec /host/'$plugin'\n' ADD DEL
  done
} >/tmp/specification
# A run that is not counted, because the first run of each program fills caches.
/host/launcher 1 /tmp/specification >/dev/null
/host/launcher "$rounds" /tmp/specification >/host/out/times

for plugin in $plugins; do
  for command in ADD DEL; do
    env "${variables[@]}" CNI_COMMAND=$command /host/tracer /tmp/count /host/$plugin </tmp/config >/dev/null
    name=$command
    [ $plugin = ib-sriov ] || name=$plugin-$command
    sed "s/.*\"calls\":\([0-9]*\),\"threads\":\([0-9]*\).*/$name \1 \2/" /tmp/count
  done
done >/host/out/counts

echo 0 >$pf/sriov_numvfs
echo 8 >$pf/sriov_numvfs
for guids in unchanged new; do
  bash /host/eight-rails.sh $guids "$rail_rounds" $plugins >/host/out/rails-$guids
done
for name in floor $plugins; do bash /host/pod-to-pod.sh $name "$rail_rounds"; done >/host/out/pod-to-pod
