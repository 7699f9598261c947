# Prints everything on the node that an attachment could change, for snapshot.ts to interpret. One line each of:
#   namespace NAME            "-" is the host's; the next two lines, and settings, belong to this namespace
#   [JSON of ip address]
#   [JSON of ip route]
#   setting PATH VALUE
#   function PCI DRIVER OVERRIDE DEVICES   a VF; its RDMA device with node GUID, uverbs, umad, issm
#   file PATH CHECKSUM        below /var/lib/cni; "special" if it is not a regular file
#   owner PATH JSON           the VF's owner, from its lock file
#   process EXECUTABLE
# It runs before and after each test. Starting processes is slow in the emulator, so it starts few.
set -u
shopt -s nullglob
in_namespace() { # NAME
  local path value
  echo "namespace $1"
  ip -j -d -batch - <<<$'address\nroute show table all'
  cd /proc/sys/net
  for path in ipv4/conf/*/arp_notify ipv6/conf/*/{ndisc_notify,disable_ipv6,keep_addr_on_down}; do
    read -r value <"$path"
    echo "setting $path $value"
  done
}
in_namespace -
cd /sys/class/net
for path in */{gro_flush_timeout,napi_defer_hard_irqs,threaded}; do
  read -r value <"$path"
  echo "setting $path $value"
done
for path in /run/netns/*; do
  name=${path##*/}
  nsenter --net="$path" bash -c "$(declare -f in_namespace); in_namespace $name"
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
files=$(find /var/lib/cni -type f -exec md5sum {} + && find /var/lib/cni ! -type f ! -type d -exec echo special {} \;) || exit 1
while read -r sum path; do [ -z "$path" ] || echo "file $path $sum"; done <<<"$files"
for path in /var/lib/cni/ib-sriov/.vf/*; do
  read -r note <"$path"
  [[ $note != *'"owner":'* ]] || echo "owner $path $note"
done
# A kernel thread has no executable.
ls -l /proc/[0-9]*/exe 2>/dev/null | while read -r line; do [[ $line != *' -> '* ]] || echo "process ${line##* -> }"; done
