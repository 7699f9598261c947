# Ends the plugin at one of its system calls, lets the node be put back, looks whether it is as before, and goes on
# with the next system call. On a node that guest/setup.sh has set up, with the network configuration in /tmp/config.
#
#   end.sh KIND FROM TO
#
# KIND says which call is ended and what happens then; FROM and TO are numbers of system calls, of those only that can
# change something where there is a "*":
#   ADD-DEL    SIGKILL of ADD; its DEL
#   ADD-ADD*   SIGKILL of ADD; no DEL ever, but ADD and DEL of another container, once the first one's namespace is gone
#              if its ADD had come to its end
#   DEL-DEL    ADD; SIGKILL of its DEL; DEL again
#   TERM*      SIGTERM of ADD, which must put everything back itself; DEL
#
# Prints a line for each case, "case N SYSTEM-CALL STATUS ANSWER", the answer in base64, and "over" after the first one
# that the plugin has survived because it makes fewer system calls. Stops at the first problem, which it prints: exit
# status 1. It looks only where it needs no process to look: the caller compares the whole node now and then.
set -u
shopt -s nullglob dotglob globstar
kind=$1 from=$2 to=$3
vf=$(sed -n 's/.*"deviceID":"\([^"]*\)".*/\1/p' /tmp/config)
device=/sys/bus/pci/devices/$vf state=/var/lib/cni/ib-sriov at=/tmp/system-call
export CNI_IFNAME=net1 CNI_PATH=/opt/cni/bin

# call VERB CONTAINER NAMESPACE [TRACER OPTION]…
call() {
  CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=/run/netns/$3 "${@:4}" /host/ib-sriov </tmp/config >/tmp/answer 2>/tmp/said
}
ended() { # OPTION VERB CONTAINER NAMESPACE
  call "$2" "$3" "$4" /host/tracer "$1" "$n" $at
  status=$?
  is_over=
  [ -s $at ] || is_over=1
}
must() { # VERB CONTAINER NAMESPACE
  call "$@" || problem "$1 of $2 fails with status $?: $(cat /tmp/answer /tmp/said)"
}
problem() {
  echo "problem at $n $(cat $at) $1"
  exit 1
}

# What there is of files but lock files, counters and host-local's own, whose the VF is, and the VF as sysfs shows it.
look() {
  local path line seen= netdev
  for path in /var/lib/cni/**; do
    case $path in
      $state/.node | $state/.calls | $state/.calls.new | $state/.vf/* | */networks/*/lock | */networks/*/last_reserved_ip.*) ;;
      *) [ -d "$path" ] || seen+=" $path" ;;
    esac
  done
  if [ -e $state/.vf/$vf ]; then
    read -r line <$state/.vf/$vf
    [[ $line != *'"owner"'* && $line != *'"owes"'* ]] || seen+=" $line"
  fi
  for path in "$device"/infiniband{,_verbs,_mad}/*; do seen+=" ${path#"$device/"}"; done
  [ "$device/driver" -ef /sys/bus/pci/drivers/mlx5_core ] || seen+=" no-driver"
  for path in "$device"/infiniband/*/node_guid "$device"/net/*/{mtu,address}; do
    read -r line <"$path"
    # Of the address only the GUID: a rebind gives another queue pair.
    seen+=" ${path#"$device/"} ${line: -23}"
  done
  for netdev in "$device"/net/*; do
    read -r line <"$netdev/flags"
    seen+=" $((line & 1))"
  done
  saw=$seen
}
look
before=$saw
as_before() { # WHEN
  look
  [ "$saw" = "$before" ] || problem "after $1 there is not:$before but:$saw"
}

ip netns add first
for ((n = from; n <= to; n++)); do
  : >$at
  case $kind in
    ADD-DEL)
      ended -k ADD "c$n" first
      ;;
    ADD-ADD)
      ended -e ADD "c$n" first
      ;;
    DEL-DEL)
      must ADD "c$n" first
      ended -k DEL "c$n" first
      ;;
    TERM)
      ended -t ADD "c$n" first
      [ $status = 0 ] || as_before "the answer"
      ;;
  esac
  echo "case $n $(<$at) $status $(base64 -w 0 /tmp/answer)"
  if [ $kind = ADD-ADD ]; then
    if ! call ADD "next$n" b; then
      [[ $(<$state/c$n-net1) = *'"state":"c"'* && $(</tmp/answer) = *'"code": 101'* ]] ||
        problem "another's ADD fails: $(cat /tmp/answer /tmp/said)"
      ip netns del first
      must ADD "next$n" b
      ip netns add first
    fi
    must DEL "next$n" b
  else
    must DEL "c$n" first
  fi
  as_before DEL
  if [ $is_over ]; then
    echo over
    break
  fi
done
ip netns del first
