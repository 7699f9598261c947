import { KEYS } from "../../network-config/suspicious-keys.ts";

/**
 * The keys whose values a report shows, in JSON documents and in pairs KEY=value, at every depth. A value is shown only
 * if all keys on the way to it are in this list. Keys of another origin are added only if their value cannot be a secret.
 */
const WORDS: readonly string[] = [
  // Network configurations and results of the CNI specification. "value" must not be added, because a list of pairs
  // {"name": …, "value": …} can contain a secret.
  "cniVersion cniVersions name type plugins disableCheck disableGC loadOnlyInlinedPlugins capabilities args cni",
  "runtimeConfig prevResult ipam dns nameservers domain search options cni.dev/valid-attachments cni.dev/attachments",
  "containerID ifname ifName interfaces interface mac mtu sandbox socketPath pciID ips address gateway version routes",
  "dst gw advmss priority table scope supportedVersions ip4 ip6 ip code msg details",
  // Arguments of runtimes and Multus.
  "infinibandGUID CNIDeviceInfoFile pciBusID IgnoreUnknown K8S_POD_NAMESPACE K8S_POD_NAME K8S_POD_UID mellanox.infiniband.app",
  "K8S_POD_INFRA_CONTAINER_ID K8S_POD_RUNTIME GATEWAY CNI_COMMAND CNI_CONTAINERID CNI_NETNS CNI_IFNAME CNI_PATH",
  // host-local, static and dhcp of containernetworking/plugins.
  "subnet rangeStart rangeEnd ranges dataDir resolvConf addresses daemonSocketPath request provide option",
  "skipDefault",
  // whereabouts.
  "range range_start range_end exclude ipRanges log_file log_level network_name datastore kubernetes kubeconfig",
  "configuration_path enable_overlapping_ranges leader_lease_duration leader_renew_deadline leader_retry_period",
  "omit_range_start omit_range_end node_slice_size",
  // Records, lock files, device information files, and the Go plugin's cache.
  "attachment format needs state containerId netns netnsCookie kind bootId since vf pci pf index generation originals",
  "staleGuids desired call stdin path altnames up settings tuning tcx nodeGuid portGuid adminNodeGuid adminPortGuid",
  "linkState rdma adaptiveModeration devices files deviceInfo driver flags txQueueLength group linkMode gsoMaxSize gsoMaxSegments",
  "gsoIpv4MaxSize groMaxSize groIpv4MaxSize alias broadcast mode umcast xdpGeneric xdpDriver xdpHardware groFlushTimeout",
  "napiDeferHardIrqs threaded partition fullMember time carrierTime owner predecessor ownerBoot hasUnreleasedLeases ownGuids node port",
  "instead podFiles pod holder pid verb Master HostIFNames ContIFNames HostIFGUID",
  // Log entries, also in the journal.
  "level command podNamespace podName network ms warnings others error steps step action result CNI_PODNAMESPACE",
  "CNI_PODNAME CNI_NETWORK CNI_VF CNI_GUID CNI_MS CNI_STEPS CNI_WARNINGS CNI_OTHERS CNI_ERROR",
];

/** In lower case: this plugin, as Go, ignores the case of keys. */
const KNOWN: ReadonlySet<string> = new Set(
  [...KEYS, ...WORDS.flatMap((line) => line.split(" "))].map((key) => key.toLowerCase()),
);

/** Reports whether the value of a key is known not to be a secret. */
export function isHarmlessKey(key: string): boolean {
  return KNOWN.has(key.toLowerCase());
}
