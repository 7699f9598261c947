# shellcheck shell=sh
# Captures the vectors in a virtual node with one PF: sends the datagrams of requests.txt, one after another,
# and writes a file for each to /host/out. Read README.md.
set -e
pf=0000:01:00.0
modprobe -a ib_ipoib ib_uverbs
# The guest may be without vhca (the prototype's guest), or have it already (this project's).
[ -e /sys/bus/pci/drivers/vhca ] || [ -e /sys/bus/pci/drivers/mlx5_core ] || modprobe vhca devname=mlx5_%d
rdma system set netns exclusive
wait_for() {
  n=0
  until [ -e "/sys/class/net/$1" ]; do
    n=$((n + 1))
    [ "$n" -lt 500 ] || { echo "no netdev $1 in 5 s"; exit 1; }
    sleep 0.01
  done
}
wait_for ib0
echo 3 > /sys/bus/pci/devices/$pf/sriov_numvfs
wait_for ib3
ip link add link ib2 name ib2.8005 type ipoib pkey 0x8005
echo 0x8006 > /sys/class/net/ib2/create_child
for pair in ib0:2 ib1:3 ib2.8005:6 ib2.8006:7; do
  [ "$(cat "/sys/class/net/${pair%:*}/ifindex")" = "${pair#*:}" ] || { echo "${pair%:*} is not netdev ${pair#*:}"; exit 1; }
done
# IPv6 addresses that stay tentative, so that the vectors contain some.
echo 1 > /proc/sys/net/ipv6/conf/ib1/accept_dad

keep() {
  { echo "# $1, from Linux $(uname -r) $(uname -m) by capture/guest.sh"; fold -w 110; } > "/host/out/$1.txt"
}
./capture -e 1 3000 > /tmp/events & listener=$!
until grep -q ready /tmp/events; do sleep 0.01; done
grep -v '^rdma-' requests.txt | while read -r name hex; do
  ./capture "$hex" | keep "$name"
done
wait $listener
grep '^<' /tmp/events | head -n 6 | keep link-events
# The view of a pod: the VF and the child in another namespace, whose lower netdev is elsewhere.
ip netns add pod
ip link set net1 netns pod name eth0
ip link set ib2.8005 netns pod
ip link set ib2.8006 netns pod
dump=$(sed -n 's/^dump-links //p' requests.txt)
ip netns exec pod ./capture "$dump" | keep dump-links-of-a-pod
# RDMA devices. One device is moved to the pod.
exec 9</run/netns/pod
grep '^rdma-' requests.txt | while read -r name hex; do
  ./capture -r "$hex" | keep "$name"
done
dump=$(sed -n 's/^rdma-devices //p' requests.txt)
ip netns exec pod ./capture -r "$dump" | keep rdma-devices-of-a-pod
