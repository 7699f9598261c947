# The part of bench/scale that runs in the guest, with 4 PFs, on a clock on which an instruction takes 8 ns.
set -euo pipefail
state=/var/lib/cni/ib-sriov plugin=/opt/cni/bin/ib-sriov trace=/sys/kernel/tracing
modprobe -a ib_ipoib ib_uverbs ib_umad
modprobe vhca drvname=mlx5_core devname=mlx5_%d disguise=1
cp /host/ib-sriov /opt/cni/bin/
mount -t tracefs tracefs $trace
vfs=()
for bus in 1 2 3 4; do
  echo 8 >/sys/bus/pci/devices/0000:0$bus:00.0/sriov_numvfs
  vfs+=(0000:0$bus:{10,11}.{0,2,4,6})
done
for pf in ib0 ib1 ib2 ib3; do ip link set $pf up; done
for i in "${!vfs[@]}"; do ip netns add pod$i; done

# call VERB INDEX [COMMAND…]: calls the plugin for a VF, with COMMAND before it. GUID sets the network's guid.
call() {
  local verb=$1 i=$2
  shift 2
  printf '{"cniVersion":"1.0.0","name":"rails","type":"ib-sriov","deviceID":"%s","guid":"%s","link_state":"enable",
    "ipam":{"type":"host-local","subnet":"10.56.0.0/16"}}' "${vfs[i]}" "${GUID:-auto}" |
    CNI_COMMAND=$verb CNI_CONTAINERID=container$i CNI_NETNS=/run/netns/pod$i CNI_IFNAME=net1 CNI_PATH=/opt/cni/bin \
      CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=trainer-$i" "$@" $plugin >/dev/null
}

# requests WHAT COMMAND…: counts the requests to the subnet administration, by method and attribute: 2 and 38 is a join of
# a multicast group, 15 and 38 leaves it, 1 and 35 asks for a path, 1 and 1 for the properties of the administration.
requests() {
  echo >$trace/trace
  echo 1 >$trace/events/ib_mad/ib_mad_ib_send_mad/enable
  "${@:2}" >/dev/null
  # IPoIB sends its requests some time after the interface is up.
  sleep 6
  echo 0 >$trace/events/ib_mad/ib_mad_ib_send_mad/enable
  printf '  %-44s ' "$1"
  sed -n 's/.*ib_mad_ib_send_mad: .* method 0x\([0-9a-f]*\) .* attr_id 0x\([0-9a-f]*\) .*/\1 and \2/p' $trace/trace |
    sort | uniq -c | awk '{ printf "%s× %s %s %s; ", $1, $2, $3, $4 } END { print NR ? "" : "none" }'
}

# instructions WHAT COMMAND…: prints how many instructions a command takes, those of the kernel included.
instructions() {
  local begin=${EPOCHREALTIME/./}
  "${@:2}" >/dev/null 2>&1
  printf '  %-44s %d million instructions\n' "$1" $(((${EPOCHREALTIME/./} - begin) / 8000))
}

# system_calls WHAT COMMAND…: runs a command with the path of the tracer and of the tracer's output as its last arguments,
# and prints WHAT and how many system calls the command makes.
system_calls() {
  "${@:2}" /host/tracer /tmp/calls 2>/dev/null
  printf '  %-44s %s\n' "$1" "$(sed 's/.*"calls":\([0-9]*\),.*"childCalls":\([0-9]*\).*/\1 system calls, children \2/' /tmp/calls)"
}
traced() { "${@:$#-1}" $plugin "${@:1:$#-2}" >/dev/null; }

echo "Requests to the subnet administration:"
requests "ADD with a rebind, policy was disable" call ADD 0
requests "DEL, policy was disable" call DEL 0
requests "ADD without a rebind" call ADD 0
call ADD 1
sleep 6
address=$(ip -n pod1 -4 -o address show dev net1 | sed 's/.*inet \([0-9.]*\).*/\1/')
requests "ping of another pod" ip netns exec pod0 ping -c 2 "$address"
call DEL 1
call DEL 0
ip link set ib0 vf 0 state enable
requests "ADD without a rebind, policy was enable" call ADD 0
requests "DEL, policy was enable" call DEL 0
GUID=02:00:00:00:00:00:00:99 requests "ADD with a pod's GUID, policy was enable" call ADD 0
requests "DEL of that pod, with a rebind" call DEL 0
requests "provision of 8 VFs" $plugin provision "${vfs[@]:8:8}"

echo "One attachment, with host-local:"
system_calls "first ADD with auto" call ADD 2
system_calls "DEL" call DEL 2
system_calls "ADD without a rebind" call ADD 2
call DEL 2
instructions "first ADD with auto, with a rebind" call ADD 3
call DEL 3
instructions "ADD without a rebind" call ADD 3
call DEL 3

echo "Eight ADDs, each with a rebind of 0.2 s if it is the first; then the same again:"
echo 200 >/sys/module/vhca/parameters/probe_delay_ms
all() { # VERB FIRST
  local i
  for i in $(seq "$2" $(($2 + 7))); do call "$1" "$i"; done
}
at_once() { # FIRST
  local i
  for i in $(seq "$1" $(($1 + 7))); do call ADD "$i" & done
  wait
}
milliseconds() { # WHAT COMMAND…
  local begin=${EPOCHREALTIME/./}
  "${@:2}"
  printf '  %-44s %d ms\n' "$1" $(((${EPOCHREALTIME/./} - begin) / 1000))
}
for round in first again; do
  milliseconds "one after the other, $round" all ADD 16
  all DEL 16
  milliseconds "at once, $round" at_once 24
  all DEL 24
done
echo 0 >/sys/module/vhca/parameters/probe_delay_ms

for i in "${!vfs[@]}"; do call ADD $i; done
commands=(list "attachments show" gc metrics provision doctor)
measure_commands() {
  local words
  echo "Commands, with $(find $state -maxdepth 1 -name '*-net1' | wc -l) records:"
  for words in "${commands[@]}"; do
    # doctor exits with 1 on this node, which lacks a configuration.
    # shellcheck disable=SC2086
    instructions "$words" $plugin $words || true
  done
  system_calls gc traced gc
  call DEL 3
  instructions "ADD without a rebind" call ADD 3
}
measure_commands
du -sb $state | sed 's/\t.*/ bytes in the state directory/; s/^/  /'

echo "The agent, in ten rounds:"
$plugin agent --provision --gc --interval 60 >/dev/null 2>&1 &
agent=$!
ticks() { awk '{ print $14 + $15 + $16 + $17 }' /proc/$agent/stat; }
sleep 30
before=$(ticks)
sleep 600
# A tick has 10 ms.
printf '  %-44s %d million instructions\n' "one round" $((($(ticks) - before) * 10 / 8 / 10))
sed -n 's/^VmHWM:\s*/  memory: /p' /proc/$agent/status
kill $agent
wait $agent

for i in {1..1000}; do sed "s/\"container0\"/\"more$i\"/" $state/container0-net1 >$state/more$i-net1; done
measure_commands
