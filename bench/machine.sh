# Measures calls on this machine, without any VF. Sourced by `run`, whose variables it uses; writes the figures to
# $work/host.

# An address without a device: a well-formed ADD for it fails when it looks for the device.
absent=0000:7f:1f.7
[ ! -e /sys/bus/pci/devices/$absent ] || { echo "bench: measure a failing ADD: PCI device $absent exists, but must not" >&2; exit 1; }
echo "{\"cniVersion\":\"1.0.0\",\"name\":\"bench\",\"type\":\"ib-sriov\",\"deviceID\":\"$absent\"}" >"$work/config"
echo '{"cniVersion":"1.1.0","name":"bench","type":"ib-sriov"}' >"$work/network"

# version, status, failing NAME PLUGIN: print a unit of the launcher's specification.
version() { printf 'unit %s\nenv CNI_COMMAND=VERSION\nexec %s\n' "$1" "$2"; }
# STATUS of a network without IPAM, because an IPAM plugin would be measured, too.
status() {
  printf 'unit %s\nenv CNI_COMMAND=STATUS\nenv CNI_PATH=/opt/cni/bin\n' "$1"
  printf 'stdin %s\nexec %s\n' "$work/network" "$2"
}
failing() {
  printf 'unit %s\n' "$1"
  printf 'env %s\n' CNI_COMMAND=ADD CNI_CONTAINERID=bench CNI_NETNS=/proc/self/ns/net CNI_IFNAME=net1 \
    CNI_PATH=/opt/cni/bin CNI_NETNS_OVERRIDE=1
  printf 'stdin %s\nstatus 1\nexec %s\n' "$work/config" "$2"
}
{
  printf 'unit true\nexec /bin/true\n'
  version VERSION "$plugin"
  status STATUS "$plugin"
  failing failing-ADD "$plugin"
  # A command, whose script is not in the image of the engine's memory.
  printf 'unit command-line\nexec %s attachments show\n' "$plugin"
  if [ -n "$peer" ]; then
    version peer-VERSION "$peer"
    status peer-STATUS "$peer"
    failing peer-failing-ADD "$peer"
  fi
} >"$work/specification"
"$tools/launcher" $rounds "$work/specification" >"$work/host"

# counts NAME COMMAND…: prints "NAME CALLS THREADS".
counts() {
  "$tools/tracer" "$work/count" "${@:2}" >/dev/null 2>&1 || true
  sed "s/.*\"calls\":\([0-9]*\),\"threads\":\([0-9]*\).*/$1 \1 \2/" "$work/count"
}
counted() { # PREFIX PLUGIN
  CNI_COMMAND=VERSION counts "$1VERSION" "$2" </dev/null
  CNI_COMMAND=STATUS CNI_PATH=/opt/cni/bin counts "$1STATUS" "$2" <"$work/network"
  CNI_COMMAND=ADD CNI_CONTAINERID=bench CNI_NETNS=/proc/self/ns/net CNI_IFNAME=net1 CNI_PATH=/opt/cni/bin \
    CNI_NETNS_OVERRIDE=1 counts "$1failing-ADD" "$2" <"$work/config"
}
{
  counts true /bin/true
  counts command-line "$plugin" attachments show
  counted '' "$plugin"
  [ -z "$peer" ] || counted peer- "$peer"
} >"$work/counts"

echo "On this machine, medians of $rounds alternated runs:"
awk 'NR == FNR { calls[$1] = $2; threads[$1] = $3; next }
  FNR == 1 { printf "  %-18s %8s %7s %8s %8s %7s %8s\n", "", "wall", "× true", "CPU", "RSS", "calls", "threads" }
  { printf "  %-18s %5.2f ms %7.2f %5.2f ms %5.2f MB %7d %8d\n", $1, $2 / 1e3, $5, $3 / 1e3, $4 / 1024, calls[$1], threads[$1] }
' "$work/counts" "$work/host"
for file in "$plugin" ${peer:+"$peer"}; do
  printf '  %s: %s bytes, %s\n' "$(basename "$file")" "$(stat -c %s "$file")" \
    "$(readelf -lW "$file" | grep -q INTERP && echo dynamic || echo static)"
done
