#!/bin/bash
# Takes the place of the Go plugin for tests that run without its executable: a CNI plugin that does what ADD and DEL of
# the Go plugin do (cmd/ib-sriov-cni, pkg/sriov), in the same order, with the same lock (hold-lock.c) and cache. It knows
# neither vfio-pci nor rdmaIsolation, and does not clean up after an ADD that fails.
set -eu
config=$(cat)
cache=/var/lib/cni/ib-sriov/$CNI_CONTAINERID-$CNI_IFNAME lock=/var/run/cni/ib-sriov
devices=/sys/bus/pci/devices driver=/sys/bus/pci/drivers/mlx5_core

# value KEY TEXT: sets $value to the text of a key in JSON without spaces, "" if it is missing.
value() {
  value=
  [[ $2 =~ \"$1\":\"([^\"]*)\" ]] && value=${BASH_REMATCH[1]} || true
}
# netdev_of PCI: sets $netdev to the name of the function's netdev.
netdev_of() {
  netdev=("$devices/$1/net"/*)
  netdev=${netdev##*/}
}
# By its path: otherwise busybox's own `ip` would run.
in_pod() { nsenter --net="$CNI_NETNS" /bin/ip "$@"; }
take_lock() {
  mkdir -p $lock
  coproc exec /host/hold-lock $lock/cni.lock 600
  trap "kill $COPROC_PID" EXIT
  # It prints a line when it holds the lock.
  read -r _ <&"${COPROC[0]}"
}
# find_vf: sets $pf to the name of the PF's netdev, and $index to the number of VF $pci.
find_vf() {
  netdev_of "$pci/physfn"
  pf=$netdev
  for link in "$devices/$pci/physfn"/virtfn*; do
    [ ! "$link" -ef "$devices/$pci" ] || index=${link##*virtfn}
  done
}
# killed_at CALL: ends as by SIGKILL if $KILL_AT is the last call that has taken effect.
killed_at() {
  [ "${KILL_AT:-}" = "$1" ] || return 0
  kill -KILL $COPROC_PID $$
}
set_guid() { # GUID
  ip link set "$pf" vf "$index" node_guid "$1"
  ip link set "$pf" vf "$index" port_guid "$1"
  echo "$pci" >$driver/unbind
  killed_at unbind
  echo "$pci" >$driver/bind
  killed_at bind
}

add() {
  local guid link_state ipam name found= temporary address= result ips=
  value deviceID "$config"
  pci=$value
  value infinibandGUID "$config"
  guid=$value
  value link_state "$config"
  link_state=$value
  [[ $config =~ \"ipam\":\{([^{}]|\{[^{}]*\})*\"type\":\"([^\"]*)\" ]] && ipam=${BASH_REMATCH[2]} || ipam=
  find_vf
  netdev_of "$pci"
  name=$netdev
  take_lock

  [ -z "$link_state" ] || ip link set "$pf" vf "$index" state "$link_state"
  if [ -n "$guid" ]; then
    read -r address <"/sys/class/net/$name/address"
    found=${address: -23}
    set_guid "$guid"
  fi
  netdev_of "$pci"
  temporary=vfdev$(<"/sys/class/net/$netdev/ifindex")
  ip link set dev "$netdev" down
  ip link set dev "$netdev" name "$temporary"
  ip link set dev "$temporary" netns "$CNI_NETNS"
  in_pod link set dev "$temporary" name "$CNI_IFNAME"
  in_pod link set dev "$CNI_IFNAME" up
  address=
  if [ -n "$ipam" ]; then
    result=$("$CNI_PATH/$ipam" <<<"$config")
    [[ $result =~ \"address\":\ *\"([^\"]*)\" ]]
    address=${BASH_REMATCH[1]}
    in_pod address add "$address" dev "$CNI_IFNAME"
  fi
  mkdir -p -m 700 "${cache%/*}"
  umask 077
  cat >"$cache" <<CACHE
{"ContIFNames":"$CNI_IFNAME","HostIFGUID":"$found","HostIFNames":"$name","Master":"$pf","RdmaNetState":\
{"containerRdmaDevName":"","deviceID":"","sandboxRdmaDevName":"","version":""},"VFID":$index,"args":{"cni":null},\
"cniVersion":"1.0.0","deviceID":"$pci","ipam":{"type":"$ipam"},${link_state:+"\"link_state\":\"$link_state\","}\
"name":"mynet","pkey":"","runtimeConfig":{"infinibandGUID":"$guid"},"type":"ib-sriov"}
CACHE
  [ -z "$address" ] || ips=$(printf ',"ips":[{"address":"%s","interface":0}]' "$address")
  printf '{"cniVersion":"1.0.0","interfaces":[{"name":"%s","sandbox":"%s"}]%s}' "$CNI_IFNAME" "$CNI_NETNS" "$ips"
}

del() {
  local line record= name guid
  [ -n "$CNI_NETNS" ] && [ -e "$cache" ] || return 0
  # A record of ib-sriov has the members of the Go plugin's cache in its last line.
  while read -r line || [ -n "$line" ]; do record=$line; done <"$cache"
  [[ ! $record =~ \"ipam\":\{\"type\":\"([^\"]+)\" ]] || "$CNI_PATH/${BASH_REMATCH[1]}" <<<"$config"
  if [ -e "$CNI_NETNS" ]; then
    # RdmaNetState has an empty deviceID.
    [[ $record =~ \"deviceID\":\"([^\"]+)\" ]]
    pci=${BASH_REMATCH[1]}
    find_vf
    take_lock
    value HostIFNames "$record"
    name=$value
    in_pod link set dev "$CNI_IFNAME" down
    in_pod link set dev "$CNI_IFNAME" name "$name"
    in_pod link set dev "$name" netns 1
    value link_state "$record"
    [ -z "$value" ] || ip link set "$pf" vf "$index" state auto
    value HostIFGUID "$record"
    guid=$value
    [ "$guid" != 00:00:00:00:00:00:00:00 ] || guid=ff:ff:ff:ff:ff:ff:ff:ff
    if [ -n "$guid" ]; then
      set_guid "$guid"
      netdev_of "$pci"
      [ "$netdev" = "$name" ] || ip link set dev "$netdev" name "$name"
    fi
  fi
  rm "$cache"
}

case $CNI_COMMAND in
  ADD) add ;;
  DEL) del ;;
  VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}' ;;
esac
