# Attaches the rails of a pod one after the other, as a DRA driver does, and stops at the first failure. Adds a line to
# /tmp/rails for each rail that is attached; /tmp/plugin contains the plugin's pid.
#   rails.sh CONTAINER NAMESPACE FILE…    a network configuration for each rail
export CNI_COMMAND=ADD CNI_CONTAINERID=$1 CNI_NETNS=/run/netns/$2 CNI_PATH=/opt/cni/bin
rail=0
: >/tmp/rails
for config in "${@:3}"; do
  (
    echo $BASHPID >/tmp/plugin
    CNI_IFNAME=net$rail exec /host/ib-sriov <"$config" >/tmp/answer
  ) || exit 1
  echo "rail $rail" >>/tmp/rails
  rail=$((rail + 1))
done
