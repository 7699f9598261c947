# A caller that attaches the rails of a pod one after the other, as a DRA driver does it, and gives up at the first that
# fails. Each rail that is attached is a line in /tmp/rails; /tmp/plugin has the pid of the plugin.
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
