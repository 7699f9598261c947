# Prints all of the node that an attachment could change, for snapshot.ts to make sense of: a line each of
#   links NAMESPACE JSON      ip address, in detail; NAMESPACE is "-" for the host's
#   routes NAMESPACE TEXT     one route
#   setting NAMESPACE PATH:VALUE
#   function PCI DRIVER OVERRIDE DEVICES   a VF; its RDMA device with node GUID, uverbs, umad, issm
#   file PATH CHECKSUM        below /var/lib/cni
#   owner PATH JSON           what a lock file says of whose the VF is
#   process EXECUTABLE
# Processes are what takes time in the emulator: few of them.
set -u
shopt -s nullglob
in_namespace() { # NAME
  echo "links $1 $(ip -j -d address)"
  ip route show table all | sed "s/^/routes $1 /"
  grep -H . /proc/sys/net/ipv4/conf/*/arp_notify /proc/sys/net/ipv6/conf/*/{ndisc_notify,disable_ipv6,keep_addr_on_down} |
    sed "s|^/proc/sys/net/|setting $1 |"
}
in_namespace -
for path in /run/netns/*; do
  name=${path##*/}
  ip netns exec "$name" bash -c "$(declare -f in_namespace); in_namespace $name"
done
for physfn in /sys/bus/pci/devices/*/physfn; do
  function=${physfn%/physfn}
  driver=none
  while read -r line; do [ "${line%%=*}" != DRIVER ] || driver=${line#*=}; done <"$function/uevent"
  read -r override <"$function/driver_override"
  devices=
  for device in "$function"/infiniband{,_verbs,_mad}/*; do
    devices="$devices ${device##*/}"
    if [ -e "$device/node_guid" ]; then
      read -r guid <"$device/node_guid"
      devices="$devices ($guid)"
    fi
  done
  echo "function ${function##*/} $driver $override$devices"
done
find /var/lib/cni -type f -exec cksum {} + | sed 's/\(.*\) \(.*\)/file \2 \1/'
grep -H -o '"owner":{[^}]*}' /var/lib/cni/ib-sriov/.vf/* /dev/null | sed 's/^/owner /; s/:/ /'
# A kernel thread has no executable.
ls -l /proc/[0-9]*/exe 2>/dev/null | sed -n 's/.* -> /process /p'
