# The part of measuring VFs that move from pod to pod without a pause that runs in the guest. Needs 8 VFs at ib0, and a
# namespace `pod`.
#   pod-to-pod.sh NAME ROUNDS   with /host/NAME, attaches the VFs with their present GUIDs and `link_state: enable`,
#                               detaches them, and attaches them again with new GUIDs, each of which needs a rebind.
#                               Prints NAME, and the maximum and the median time of these last ADDs, ms.
set -euo pipefail
driver=mlx5_core name=$1 rounds=$2
vfs=(0000:01:10.{0,2,4,6} 0000:01:11.{0,2,4,6})
pairs() { sed 's/../&:/g; s/:$//' <<<"$1"; }

# guid PREFIX RAIL: prints a GUID; the prefix is 0a for the VF's own GUID, and 02 for a container's.
guid() { printf '%s%012x%02x' "$1" "${round:-0}" $(($2 + 1)); }

reset() {
  local rail
  for rail in "${!vfs[@]}"; do
    printf 'link set ib0 vf %s %s %s\n' $rail node_guid "$(pairs "$(round=0 guid 0a $rail)")" \
      $rail port_guid "$(pairs "$(round=0 guid 0a $rail)")" $rail state disable
  done | ip -batch -
  for rail in "${!vfs[@]}"; do
    echo "${vfs[rail]}" >/sys/bus/pci/drivers/$driver/unbind
    echo "${vfs[rail]}" >/sys/bus/pci/drivers/$driver/bind
  done
}

# call COMMAND CONTAINER RAIL [GUID]
call() {
  printf '{"cniVersion":"1.0.0","name":"pods","type":"ib-sriov","deviceID":"%s","link_state":"enable","runtimeConfig":{"infinibandGUID":"%s"}}' \
    "${vfs[$3]}" "${4:-}" |
    CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_IFNAME=net$3 CNI_NETNS=/run/netns/pod CNI_PATH=/opt/cni/bin "/tmp/$name" >/dev/null
}

# The kernel's time without work left over from a previous pod: only the second ADD, of VFs that no pod had before.
floor() { /tmp/floor ib0 "$1" "${vfs[$1]}" $driver /run/netns/pod "net$1" "$(guid 02 "$1")"; }

timed() {
  local before=${EPOCHREALTIME/./}
  "$@"
  echo $((${EPOCHREALTIME/./} - before))
}

# Copied to memory, because reading from the share of the host would be measured, too.
cp "/host/$name" /tmp/
reset
for round in $(seq "$rounds"); do
  if [ "$name" = floor ]; then
    for rail in "${!vfs[@]}"; do timed floor $rail; done
    reset
    continue
  fi
  for rail in "${!vfs[@]}"; do call ADD first $rail; done
  for rail in "${!vfs[@]}"; do call DEL first $rail; done
  for rail in "${!vfs[@]}"; do timed call ADD second $rail "$(pairs "$(guid 02 $rail)")"; done
  for rail in "${!vfs[@]}"; do call DEL second $rail "$(pairs "$(guid 02 $rail)")"; done
done | sort -n | awk -v name="$name" '{ times[NR] = $1 / 1e3 } END { printf "%s %.1f %.1f\n", name, times[NR], times[int((NR + 1) / 2)] }'
