# Writes an OCI archive of an image.
#   image.sh ARCHIVE NAME                 contains only busybox, as /busybox.oci
#   image.sh ARCHIVE NAME EXECUTABLE      has the programs of the plugin's image (scripts/image)
set -eu
archive=$1 name=$2 executable=${3:-} directory=$(mktemp -d)
cd "$directory"
mkdir -p root blobs/sha256

# blob FILE TYPE: stores a file under its digest; $descriptor is the reference to it in other files.
blob() {
  digest=$(sha256sum "$1" | cut -d ' ' -f 1)
  descriptor="\"mediaType\":\"application/vnd.oci.image.$2\",\"digest\":\"sha256:$digest\",\"size\":$(stat -c %s "$1")"
  mv "$1" "blobs/sha256/$digest"
}

if [ -n "$executable" ]; then
  mkdir -p root/usr/bin
  cp "$executable" root/usr/bin/ib-sriov
  ln -s ib-sriov root/usr/bin/thin_entrypoint
  command='"Entrypoint":["/usr/bin/thin_entrypoint"]'
else
  # No program of the node has this name, so that a leftover process of a container can be recognized. busybox takes the
  # applet from its first argument if its file name begins with "busybox".
  cp /bin/busybox root/busybox.oci
  command='"Cmd":["/busybox.oci","sleep","86400"]'
fi
tar -C root -cf layer .
blob layer layer.v1.tar
layer=$descriptor
printf '{"architecture":"amd64","os":"linux","config":{%s},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
  "$command" "$digest" >config
blob config config.v1+json
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{%s},"layers":[{%s}]}' \
  "$descriptor" "$layer" >manifest
blob manifest manifest.v1+json
printf '{"schemaVersion":2,"manifests":[{%s,"annotations":{"io.containerd.image.name":"%s"}}]}' \
  "$descriptor" "$name" >index.json
printf '{"imageLayoutVersion":"1.0.0"}' >oci-layout
tar -cf "$archive" oci-layout index.json blobs
rm -r "$directory"
