# Ends the plugin at a system call, lets the next call restore the node, checks that the node is as before, and
# continues with the next system call. The node must be as guest/setup.sh makes it; /tmp/config has the network
# configuration.
#
#   end.sh KIND FROM TO
#
# KIND is the call that is ended and the calls that follow. FROM and TO are numbers of system calls; with a "*", only
# those system calls count that can change something:
#   ADD-DEL    SIGKILL of ADD; its DEL
#   ADD-ADD*   SIGKILL of ADD; no DEL of it, but ADD and DEL of another container; if the first ADD had completed,
#              its namespace is deleted before
#   DEL-DEL    ADD; SIGKILL of its DEL; DEL again
#   TERM*      SIGTERM of ADD, which must roll back itself; DEL
#
# Prints a line for each case, "case N SYSTEM-CALL STATUS ANSWER", the answer in base64, and "over" after the first case
# that the plugin survives because it makes fewer system calls. At the first problem, prints it and exits with status 1.
# The checks here read only files, because each process is slow; the caller compares the whole node now and then.
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

# Sets $saw to the files without lock files, counters and host-local's internal files, the VF's owner, and the VF's
# state in sysfs.
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
    [[ $line != *'"owner"'* && $line != *'"hasUnreleasedLeases"'* ]] || seen+=" $line"
  fi
  for path in "$device"/infiniband{,_verbs,_mad}/*; do seen+=" ${path#"$device/"}"; done
  [ "$device/driver" -ef /sys/bus/pci/drivers/mlx5_core ] || seen+=" no-driver"
  for path in "$device"/infiniband/*/node_guid "$device"/net/*/{mtu,address}; do
    read -r line <"$path"
    # Of the address only the GUID: a rebind changes the queue pair number.
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
  [ "$saw" = "$before" ] || problem "after $1 the node must have:$before but has:$saw"
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
  read -r number <$at || number=
  answer=
  [ ! -s /tmp/answer ] || answer=$(base64 -w 0 /tmp/answer)
  echo "case $n $number $status $answer"
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
