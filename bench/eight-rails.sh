# The part of measuring eight rails that runs in the guest: the time that a caller needs to attach the 8 VFs of a PF one
# after the other. A rebind takes 0.2 s in addition to the kernel's work. Needs 8 VFs at ib0, and a namespace `pod`.
#   eight-rails.sh unchanged|new ROUNDS [NAME…]   attaches VFs that already run with the desired GUIDs, or with others;
#                                                 prints the launcher's output for /host/floor and each /host/NAME
# Commands that are not measured:
#   eight-rails.sh delay MS                       sets the time that a probe sleeps
#   eight-rails.sh restore                        returns all VFs to the host namespace, with their original GUIDs
set -euo pipefail
driver=mlx5_core work=/tmp/eight
vfs=(0000:01:10.{0,2,4,6} 0000:01:11.{0,2,4,6})

# own RAIL SEPARATOR, new RAIL SEPARATOR: print the original and the new GUID of a rail, with a separator between bytes.
own() { printf '0a%s%s%02x' "$(zeros "$2")" "$2" $(($1 + 1)); }
new() { printf '02%s%s%02x' "$(zeros "$2")" "$2" $(($1 + 1)); }
zeros() { printf '%s00' "$1" "$1" "$1" "$1" "$1" "$1"; }

delay() { echo "$1" >/sys/module/vhca/parameters/probe_delay_ms; }

restore() {
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

# unit_of_floor unchanged|new
unit_of_floor() {
  local rail
  printf 'unit floor\n'
  aside delay 200
  for rail in "${!vfs[@]}"; do
    # A GUID that is already set need not be set again.
    printf 'exec %s/floor ib0 %s %s %s /run/netns/pod net%s %s\n' $work $rail "${vfs[rail]}" $driver $rail \
      "$([ "$1" = unchanged ] || new $rail '')"
  done
  aside delay 0
  aside restore
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

measure() { # unchanged|new ROUNDS [NAME…]
  local guids=$1 rounds=$2 name rail guid
  shift 2
  # Copied to memory, because reading from the share of the host would be measured, too.
  mkdir -p $work
  for name in eight-rails.sh launcher floor "$@"; do cp "/host/$name" $work/; done
  for rail in "${!vfs[@]}"; do
    if [ "$guids" = unchanged ]; then guid=$(own $rail :); else guid=$(new $rail :); fi
    printf '{"cniVersion":"1.0.0","name":"rails","type":"ib-sriov","deviceID":"%s","runtimeConfig":{"infinibandGUID":"%s"}}' \
      "${vfs[rail]}" "$guid" >$work/$rail.json
  done
  restore
  unit_of_floor "$guids" >$work/specification
  for name; do unit_of_plugin "$name"; done >>$work/specification
  # A run that is not counted, because the first run of each program fills caches.
  $work/launcher 1 $work/specification >/dev/null
  $work/launcher "$rounds" $work/specification
}

case $1 in
  delay | restore) "$@" ;;
  unchanged | new) measure "$@" ;;
esac
