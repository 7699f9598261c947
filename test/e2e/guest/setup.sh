# Puts the virtual node, whatever its state, into the state in which every test finds it: one PF with four VFs that
# have settings to lose, two pods that each have an interface, no attachments.
#
#   VF 0  link state disable          VF 1  link state enable
#   VF 2  link state auto             VF 3  fresh: no GUID, default attributes
#
# VFs 0 to 2 are up, and have node GUID 0a:…:0N:01, port GUID 0a:…:0N:02, MTU 1800, an altname, and settings that a new
# netdev does not have (alias, group …).
#
# Starting processes is slow in the emulator, so one ip makes many changes.
set -eu
shopt -s nullglob
pf=0000:01:00.0 devices=/sys/bus/pci/devices driver=/sys/bus/pci/drivers/mlx5_core

# name_of PCI: sets $name to the name of the function's netdev.
name_of() {
  name=("$devices/$1/net"/*)
  name=${name##*/}
}

missing=
for module in ib_ipoib ib_uverbs ib_umad; do [ -d /sys/module/$module ] || missing+=" $module"; done
[ -z "$missing" ] || modprobe -a $missing
[ -d /sys/module/dummy ] || modprobe dummy numdummies=0
[ -d /sys/module/vhca ] || modprobe vhca drvname=mlx5_core devname=mlx5_%d disguise=1
for fault in /sys/module/vhca/parameters/{fail_,skip_}*; do echo 0 >"$fault"; done

for name in /proc/[0-9]*/comm; do
  read -r process <"$name" || continue
  case $process in
    bpf | ib-sriov | host-local | fake | endless | slow | sleep | holder | open-vfio | systemd-udevd)
      name=${name%/comm}
      kill -KILL "${name##*/}" || true
      ;;
  esac
done 2>/dev/null
ip -all netns delete
rm -rf /var/lib/cni/* /var/lib/cni/.[!.]* /run/cni /run/udev
echo 0 >$devices/$pf/sriov_numvfs
# udev may have renamed it.
name_of $pf
[ "$name" = ib0 ] || ip link set dev "$name" name ib0
echo 4 >$devices/$pf/sriov_numvfs

for vf in 0 1 2; do
  echo "link set ib0 vf $vf node_guid 0a:00:00:00:00:00:0$vf:01"
  echo "link set ib0 vf $vf port_guid 0a:00:00:00:00:00:0$vf:02"
done | ip -batch -
for vf in 0 1 2; do
  address=0000:01:10.$((vf * 2))
  echo $address >$driver/unbind
  echo $address >$driver/bind
done
{
  echo "link set ib0 up"
  for vf in 0 1 2; do
    name_of 0000:01:10.$((vf * 2))
    to=ibp1s0f0v$vf
    echo "link set dev $name name $to"
    echo "link set dev $to mtu 1800 txqueuelen 300 group 3 alias rail-$vf gso_max_segs 100 type ipoib umcast 1"
    echo "link property add dev $to altname rail$vf"
    echo "link set dev $to up"
  done
  echo "link set ib0 vf 0 state disable"
  echo "link set ib0 vf 1 state enable"
  echo "link set ib0 vf 2 state auto"
  for pod in a b; do echo "netns add $pod"; done
} | ip -batch -

# The pods' eth0 has the same index as a VF's netdev on the host: an index is unique in one namespace only.
read -r index <$devices/0000:01:10.0/net/ibp1s0f0v0/ifindex
for pod in a b; do
  ip -n $pod -batch - <<END
link set lo up
link add eth0 address 02:00:00:00:00:01 index $index type dummy
address add 192.0.2.1/24 dev eth0
link set eth0 up
END
done
