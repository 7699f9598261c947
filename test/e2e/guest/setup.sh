# Puts the virtual node, whatever its state, into the state in which every test finds it: one PF with four VFs that
# have settings to lose, two pods that each have an interface, no attachments.
#
#   VF 0  link state disable          VF 1  link state enable
#   VF 2  link state auto             VF 3  fresh: no GUID, default attributes
#
# VFs 0 to 2 are up, and have node GUID 0a:…:0N:01, port GUID 0a:…:0N:02, MTU 1800, an altname, and settings that a new
# netdev does not have (alias, group …).
set -eu
pf=0000:01:00.0 driver=/sys/bus/pci/drivers/mlx5_core

name_of() { ls "/sys/bus/pci/devices/$1/net"; }

modprobe -a ib_ipoib ib_uverbs ib_umad
modprobe dummy numdummies=0
[ -d /sys/module/vhca ] || modprobe vhca drvname=mlx5_core devname=mlx5_%d disguise=1
for fault in /sys/module/vhca/parameters/{fail_,skip_}*; do echo 0 >"$fault"; done

for name in bpf ib-sriov host-local fake endless slow sleep holder open-vfio systemd-udevd; do
  for process in $(pidof "$name" || true); do kill -KILL "$process" || true; done
done
ip -all netns delete
rm -rf /var/lib/cni/* /var/lib/cni/.[!.]* /run/cni /run/udev
echo 0 >/sys/bus/pci/devices/$pf/sriov_numvfs
# udev may have renamed it.
ip link set dev "$(name_of $pf)" name ib0
echo 4 >/sys/bus/pci/devices/$pf/sriov_numvfs
ip link set ib0 up

for vf in 0 1 2; do
  address=0000:01:10.$((vf * 2))
  ip link set ib0 vf $vf node_guid 0a:00:00:00:00:00:0$vf:01
  ip link set ib0 vf $vf port_guid 0a:00:00:00:00:00:0$vf:02
  echo $address >$driver/unbind
  echo $address >$driver/bind
  ip link set dev "$(name_of $address)" name ibp1s0f0v$vf
  ip link set dev ibp1s0f0v$vf mtu 1800 txqueuelen 300 group 3 alias rail-$vf gso_max_segs 100 type ipoib umcast 1
  ip link property add dev ibp1s0f0v$vf altname rail$vf
  ip link set dev ibp1s0f0v$vf up
done
ip link set ib0 vf 0 state disable
ip link set ib0 vf 1 state enable
ip link set ib0 vf 2 state auto

# The pods' eth0 has the same index as a VF's netdev on the host: an index is unique in one namespace only.
for pod in a b; do
  ip netns add $pod
  ip -n $pod link set lo up
  ip -n $pod link add eth0 address 02:00:00:00:00:01 index "$(cat /sys/bus/pci/devices/0000:01:10.0/net/*/ifindex)" type dummy
  ip -n $pod address add 192.0.2.1/24 dev eth0
  ip -n $pod link set eth0 up
done
