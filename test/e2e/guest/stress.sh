# Makes many rebinds, moves and deletions of namespaces, in both RDMA modes; a kernel warning ends the guest. It runs
# after guest/setup.sh, and leaves the node without VFs and without modules. stress.sh ROUNDS
set -eu
rounds=$1 pci=/sys/bus/pci/devices driver=/sys/bus/pci/drivers/mlx5_core
first=0000:01:10.0 second=0000:01:10.2

rebind() { echo "$1" >$driver/unbind; echo "$1" >$driver/bind; }
netdev() { ls "$pci/$1/net"; }
rdma_device() { ls "$pci/$1/infiniband"; }
in_host_namespace() { [ -n "$(netdev "$1" 2>/dev/null)" ] && [ -n "$(rdma_device "$1" 2>/dev/null)" ]; }
wait_for_both() { until in_host_namespace $first && in_host_namespace $second; do sleep 0.02; done; }
parameter() { echo "$2" >/sys/module/vhca/parameters/"$1"; }

ip -all netns delete
touch /run/netns/host
mount -o bind /proc/1/ns/net /run/netns/host
wait_for_both

echo "shared mode"
for round in $(seq "$rounds"); do
  for vf in 0 1; do
    address=0000:01:10.$((vf * 2)) pod=pod$vf guid=02:00:00:00:00:00:0$vf:$(printf %02x "$round")
    ip link set ib0 vf $vf port_guid "$guid"
    ip link set ib0 vf $vf state auto
    rebind $address
    ip netns add $pod
    ip link show dev "$(netdev $address)" | grep -q "$guid brd"
    ip link set "$(netdev $address)" netns $pod name net1 up
    ip -n $pod addr add 10.0.0.$((vf + 1))/24 dev net1
  done
  ip netns exec pod0 ping -q -c 1 -W 10 10.0.0.2 >/dev/null
  case $((round % 3)) in
    0) ip -n pod0 link set net1 netns host && ip link set net1 name tidy && rebind $first && ip netns del pod0 ;;
    1) ip netns del pod0 ;; # as for a pod that was killed
    2) rebind $first && ip netns del pod0 ;;
  esac
  ip netns del pod1
  wait_for_both
done

rdma system set netns exclusive
for newer_kernel in 0 1; do
  echo "exclusive mode, ipoib_netns=$newer_kernel"
  parameter ipoib_netns $newer_kernel
  for round in $(seq "$rounds"); do
    ip netns add pod0
    device=$(rdma_device $first)
    rdma dev set "$device" netns pod0
    if [ $newer_kernel = 0 ]; then
      ip link set "$(netdev $first)" netns pod0 name net1 up
    else
      ip -n pod0 link set "$(ip -n pod0 -br link | sed -n 's/^\(ib[0-9]*\) .*/\1/p')" name net1 up
    fi
    case $((round % 3)) in
      0) ip netns exec pod0 rdma dev set "$device" netns host ;;
      1) ;;
      2) rebind $first ;;
    esac
    ip netns del pod0
    wait_for_both
  done
done

echo "unloading"
echo 0 >$pci/0000:01:00.0/sriov_numvfs
rmmod vhca
rmmod ib_ipoib
