# Attaches a VF to a pod and detaches it, repeatedly, each time as another container. At the first unexpected result,
# prints it and exits with status 1. churn.sh VF POD ROUNDS KEYS [GUID]
#   KEYS  more of the network configuration, e.g. '"link_state":"enable",'; may be empty
#   GUID  the first seven bytes of a GUID. The last byte is the round's number, so that each ADD and each DEL rebinds
#         the VF. Without it the VF keeps its GUID and is not rebound.
set -u
vf=$1 pod=$2 rounds=$3 keys=$4 guid=${5:-}
export CNI_COMMAND CNI_CONTAINERID CNI_NETNS=/run/netns/$pod CNI_PATH=/opt/cni/bin
# VFs that share a pod have different interface names in it.
export CNI_IFNAME=n${vf//[:.]/}

fail() {
  echo "round $round of VF $vf in pod $pod: $*"
  exit 1
}
plugin() { # COMMAND: sets $output to its stdout and stderr
  CNI_COMMAND=$1
  output=$(/host/ib-sriov 2>&1 <<<"$config") || fail "$1: $output"
}

for ((round = 0; round < rounds; round++)); do
  CNI_CONTAINERID=$pod-$round
  printf -v wanted '%s:%02x' "$guid" "$round"
  config="{\"cniVersion\":\"1.0.0\",\"name\":\"churn\",\"type\":\"ib-sriov\",$keys${guid:+\"guid\":\"$wanted\",}\"deviceID\":\"$vf\"}"
  plugin ADD
  [[ $output = '{'* ]] || fail "ADD prints more than a result: $output"
  link=$(ip -n "$pod" -o link show dev "$CNI_IFNAME" 2>&1)
  [[ $link = *,UP* ]] || fail "not up: $link"
  [ -z "$guid" ] || [[ $link = *"$wanted brd"* ]] || fail "another GUID than $wanted: $link"
  plugin DEL
  [ -z "$output" ] || fail "DEL prints: $output"
done
