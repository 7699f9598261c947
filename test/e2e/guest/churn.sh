# Attaches a VF to a pod and detaches it, again and again, every time as another container. Ends with status 1 at the
# first thing that is not as it should be, and says what it is. churn.sh VF POD ROUNDS KEYS [GUID]
#   KEYS  more of the network configuration, e.g. '"link_state":"enable",'; may be empty
#   GUID  the first seven bytes of one. The last is the round's number, so that each ADD and each DEL binds the VF
#         anew. Without it the VF keeps its own and is not bound anew.
set -u
vf=$1 pod=$2 rounds=$3 keys=$4 guid=${5:-}
export CNI_COMMAND CNI_CONTAINERID CNI_NETNS=/run/netns/$pod CNI_PATH=/opt/cni/bin
# VFs that share a pod have names of their own in it.
export CNI_IFNAME=n${vf//[:.]/}

fail() {
  echo "round $round of VF $vf in pod $pod: $*"
  exit 1
}
plugin() { # COMMAND: its stdout and stderr in $said
  CNI_COMMAND=$1
  said=$(/host/ib-sriov 2>&1 <<<"$config") || fail "$1: $said"
}

for ((round = 0; round < rounds; round++)); do
  CNI_CONTAINERID=$pod-$round
  printf -v wanted '%s:%02x' "$guid" "$round"
  config="{\"cniVersion\":\"1.0.0\",\"name\":\"churn\",\"type\":\"ib-sriov\",$keys${guid:+\"guid\":\"$wanted\",}\"deviceID\":\"$vf\"}"
  plugin ADD
  [[ $said = '{'* ]] || fail "ADD has something to say: $said"
  link=$(ip -n "$pod" -o link show dev "$CNI_IFNAME" 2>&1)
  [[ $link = *,UP* ]] || fail "not up: $link"
  [ -z "$guid" ] || [[ $link = *"$wanted brd"* ]] || fail "another GUID than $wanted: $link"
  plugin DEL
  [ -z "$said" ] || fail "DEL has something to say: $said"
done
