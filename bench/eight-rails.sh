# The guest's part of measuring eight rails: what a caller waits for who attaches the 8 VFs of a PF one after the other.
# A rebind takes 0.2 s besides what the kernel works for it. With 8 VFs at ib0, and a namespace `pod`.
#   eight-rails.sh there|new ROUNDS [NAME…]   the VFs run with the GUIDs that are asked for, or with others: prints what
#                                             /host/launcher does, of /host/floor and beside it of each /host/NAME
#   eight-rails.sh delay MS                   what is done aside: how long a probe sleeps from now on,
#   eight-rails.sh home                       and all VFs brought home, with the GUIDs that they had
set -euo pipefail
driver=mlx5_core work=/tmp/eight
vfs=(0000:01:10.{0,2,4,6} 0000:01:11.{0,2,4,6})

# The GUID that a rail has, and the one that it gets, with what stands between two bytes.
own() { printf '0a%s%s%02x' "$(zeros "$2")" "$2" $(($1 + 1)); }
new() { printf '02%s%s%02x' "$(zeros "$2")" "$2" $(($1 + 1)); }
zeros() { printf '%s00' "$1" "$1" "$1" "$1" "$1" "$1"; }

delay() { echo "$1" >/sys/module/vhca/parameters/probe_delay_ms; }

home() {
  local rail
  for rail in "${!vfs[@]}"; do
    printf 'link set ib0 vf %s %s %s\n' $rail node_guid "$(own $rail :)" $rail port_guid "$(own $rail :)"
  done | ip -batch -
  for rail in "${!vfs[@]}"; do
    echo "${vfs[rail]}" >/sys/bus/pci/drivers/$driver/unbind
    echo "${vfs[rail]}" >/sys/bus/pci/drivers/$driver/bind
  done
}

aside() { printf 'aside /bin/bash %s/eight-rails.sh %s\n' $work "$*"; }

# unit_of_floor WHICH
unit_of_floor() {
  local rail
  printf 'unit floor\n'
  aside delay 200
  for rail in "${!vfs[@]}"; do
    # The kernel needs no GUID to be set that is there.
    printf 'exec %s/floor ib0 %s %s %s /run/netns/pod net%s %s\n' $work $rail "${vfs[rail]}" $driver $rail \
      "$([ "$1" = there ] || new $rail '')"
  done
  aside delay 0
  aside home
}

unit_of_plugin() { # NAME
  local rail
  printf 'unit %s\n' "$1"
  aside delay 200
  printf 'env %s\n' CNI_CONTAINERID=rails CNI_NETNS=/run/netns/pod CNI_PATH=/opt/cni/bin CNI_COMMAND=ADD
  for rail in "${!vfs[@]}"; do
    printf 'env CNI_IFNAME=net%s\nstdin %s/%s.json\nexec %s/%s\n' $rail $work $rail $work "$1"
  done
  aside delay 0
  printf 'env CNI_COMMAND=DEL\n'
  for rail in "${!vfs[@]}"; do
    printf 'env CNI_IFNAME=net%s\nstdin %s/%s.json\naside %s/%s\n' $rail $work $rail $work "$1"
  done
}

measure() { # WHICH ROUNDS [NAME…]
  local which=$1 rounds=$2 name rail guid
  shift 2
  # Out of memory: what is read from the share of the host takes a time that is nobody's here.
  mkdir -p $work
  for name in eight-rails.sh launcher floor "$@"; do cp "/host/$name" $work/; done
  for rail in "${!vfs[@]}"; do
    if [ "$which" = there ]; then guid=$(own $rail :); else guid=$(new $rail :); fi
    printf '{"cniVersion":"1.0.0","name":"rails","type":"ib-sriov","deviceID":"%s","runtimeConfig":{"infinibandGUID":"%s"}}' \
      "${vfs[rail]}" "$guid" >$work/$rail.json
  done
  home
  unit_of_floor "$which" >$work/specification
  for name; do unit_of_plugin "$name"; done >>$work/specification
  # Once for nothing: the first run of each fills caches.
  $work/launcher 1 $work/specification >/dev/null
  $work/launcher "$rounds" $work/specification
}

case $1 in
  delay | home) "$@" ;;
  there | new) measure "$@" ;;
esac
