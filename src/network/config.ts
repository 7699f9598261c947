import { type Configuration, configuredDns, ipamType, prevResult } from "../cni/configuration.ts";
import { showValue } from "../cni/document.ts";
import { CniError, codes } from "../cni/errors.ts";
import type { Dns, Result } from "../cni/result.ts";
import { collectWarnings, type WarningCollector } from "../cni/tolerant.ts";
import type { CniVersion } from "../cni/versions.ts";
import type { Guid } from "../infiniband/guid.ts";
import { formatPKey, type PKey, parsePKey } from "../infiniband/pkey.ts";
import type { LinkState } from "../node/links.ts";
import { parsePciAddress } from "../node/pci-address.ts";
import { requestedGuid, requireIbKubernetes } from "./guid.ts";
import { warnOfSuspiciousKeys } from "./keys.ts";

/**
 * Time limit of a call, ms. kubelet allows RunPodSandbox, which is ADD of all networks of a pod, twice its request
 * timeout: 4 minutes by default (remote_runtime.go of k8s.io/cri-client).
 */
const DEFAULT_TIMEOUT = 100_000;
/**
 * The most that DEL may take, ms. containerd allows the DELs of a pod whose start has failed 60 s, and then kills the
 * plugin (deferCleanupTimeout of its CRI plugin).
 */
const LONGEST_DELETE = 50_000;

/** The least MTU of IPv4 (RFC 791), and the most that IPoIB has (connected mode: IPOIB_CM_MTU, ipoib.h). */
const LEAST_MTU = 68;
const MOST_MTU = 65_520;

/** A network of type ib-sriov, as ADD needs it. */
export interface NetworkConfig {
  readonly name: string;
  /** Of the VF, in the kernel's spelling, e.g. "0000:03:00.2". */
  readonly deviceID: string;
  /** Must the VF be bound to vfio-pci, for a virtual machine? */
  readonly vfioPciMode: true | undefined;
  /** The VF has no netdev, which is how it shall be: no interface, no addresses. */
  readonly rdmaOnly: true | undefined;
  /** The GUID that the VF shall have; undefined: the one that it has; "auto": that, or else one derived for it. */
  readonly guid: Guid | "auto" | undefined;
  /**
   * The partition in which the VF's port must be, and how long ADD waits for that, ms. undefined: a pkey is only for
   * the subnet manager, by way of ib-kubernetes.
   */
  readonly partition: { readonly pkey: PKey; readonly time: number } | undefined;
  /** undefined: as it is. */
  readonly linkState: LinkState | undefined;
  /** Shall the container have the VF's RDMA devices, and nobody else? */
  readonly rdmaIsolation: true | undefined;
  /** Of the container's interface, bytes; undefined: the one that the VF has on the host. */
  readonly mtu: number | undefined;
  /** How long ADD waits for a carrier, ms; undefined: it needs none. */
  readonly carrierTime: number | undefined;
  /** Path of the device information file that Multus made for the attachment. */
  readonly deviceInfo: string | undefined;
  /** Name of the IPAM plugin; undefined: no addresses. */
  readonly ipamType: string | undefined;
  readonly dns: Dns;
  /** Of the plugins before us; undefined where there were none. */
  readonly prevResult: Result | undefined;
  /** How long the call may take, ms. */
  readonly timeout: number;
  /** What is odd but harmless, a sentence each. */
  readonly warnings: readonly string[];
}

/** What GC needs of a network. */
export interface GcConfig {
  /** Name of the IPAM plugin whose leases must be released; undefined: none can have any. */
  readonly ipamType: string | undefined;
  /** How long the call may take, ms. */
  readonly timeout: number;
  /** What ADD would have refused, a sentence each. */
  readonly warnings: readonly string[];
}

/** What DEL needs of a network where there is no record that knows better. */
export interface DelConfig extends GcConfig {
  readonly name: string;
  /** undefined where it is missing or none. */
  readonly deviceID: string | undefined;
  /** The VF has no netdev, which is how it shall be. */
  readonly rdmaOnly: true | undefined;
}

/**
 * Reads the network for ADD, and refuses everything that it cannot do before anything is touched.
 * @param cniArgs CNI_ARGS.
 * @throws {CniError} 7 or 2 naming key and value; 11 where ib-kubernetes has not prepared the pod yet.
 */
export function parseNetwork(
  configuration: Configuration,
  version: CniVersion,
  cniArgs: string,
): NetworkConfig {
  const { fields, name } = configuration;
  const warnings: string[] = [];
  // Its value is the runtime's business: it found us by it.
  fields.string("type");
  const deviceID = requiredDevice(configuration);
  const vfioPciMode = fields.boolean("vfioPciMode") || undefined;
  const rdmaOnly = fields.boolean("rdmaOnly") || undefined;
  const ibKubernetes = fields.boolean("ibKubernetesEnabled");
  const partition = configuredPartition(configuration, warnings);
  const linkState = configuredLinkState(configuration);
  const rdmaIsolation = fields.boolean("rdmaIsolation") || undefined;
  const mtu = configuredMtu(configuration);
  const carrierTime = seconds(configuration, "waitForCarrierSeconds");
  const deviceInfo = configuredDeviceInfo(configuration);
  const ipam = leasingIpam(configuration);
  const dns = configuredDns(configuration);
  const before = prevResult(configuration, version);
  const timeout = configuredTimeout(configuration);
  if (ibKubernetes) requireIbKubernetes(fields);
  const guid = requestedGuid(fields, ibKubernetes, cniArgs, warnings);
  warnOfSuspiciousKeys(fields.object, warnings);
  return {
    name,
    deviceID,
    vfioPciMode,
    rdmaOnly,
    guid,
    partition,
    linkState,
    rdmaIsolation,
    mtu,
    carrierTime,
    deviceInfo,
    ipamType: ipam,
    dns,
    prevResult: before,
    timeout,
    warnings,
  };
}

/**
 * Reads the network for DEL. What ADD would refuse is no reason not to clean up: nothing but the document
 * itself, which {@link Configuration} stands for, can be wrong here.
 */
export function parseNetworkForDel(configuration: Configuration): DelConfig {
  const warnings: string[] = [];
  const tolerate = collectWarnings(warnings);
  const network = {
    name: configuration.name,
    deviceID: tolerate(() => requiredDevice(configuration)),
    rdmaOnly: tolerate(() => configuration.fields.boolean("rdmaOnly")) || undefined,
    ...collectConfig(configuration, tolerate, warnings),
  };
  return { ...network, timeout: Math.min(network.timeout, LONGEST_DELETE) };
}

/** Reads the network for GC, which cleans up whatever ADD would say of it. */
export function parseNetworkForGc(configuration: Configuration): GcConfig {
  const warnings: string[] = [];
  return collectConfig(configuration, collectWarnings(warnings), warnings);
}

function collectConfig(
  configuration: Configuration,
  tolerate: WarningCollector,
  warnings: readonly string[],
): GcConfig {
  return {
    ipamType: tolerate(() => leasingIpam(configuration)),
    timeout: tolerate(() => configuredTimeout(configuration)) ?? DEFAULT_TIMEOUT,
    warnings,
  };
}

/** What STATUS needs of a network, which no attachment is meant by: nobody has filled in a deviceID. */
export interface StatusConfig {
  /** Shall containers have the RDMA devices of their VFs, and nobody else? */
  readonly rdmaIsolation: boolean;
  /** Name of the IPAM plugin; undefined: no addresses. */
  readonly ipamType: string | undefined;
  /** How long the call may take, ms. */
  readonly timeout: number;
}

/**
 * Reads the network for STATUS.
 * @throws {CniError} 7 or 2 where ADD would refuse it, whatever it is called with.
 */
export function parseNetworkForStatus(configuration: Configuration): StatusConfig {
  configuredPartition(configuration, []);
  configuredLinkState(configuration);
  configuredMtu(configuration);
  return {
    rdmaIsolation: configuration.fields.boolean("rdmaIsolation"),
    ipamType: leasingIpam(configuration),
    timeout: configuredTimeout(configuration),
  };
}

function requiredDevice({ fields }: Configuration): string {
  const text = fields.string("deviceID");
  if (text === undefined) {
    throw new CniError(
      codes.badConfiguration,
      "network configuration: deviceID is missing: it must be the PCI address of a VF. Multus fills it in " +
        "where the network's annotation k8s.v1.cni.cncf.io/resourceName names a resource that the pod requests",
    );
  }
  const address = parsePciAddress(text);
  if (address === undefined) {
    throw fields.wrong("deviceID", text, 'must be the PCI address of a VF, as "0000:03:00.2"');
  }
  return address;
}

/** @param warnings gets one about a key that ib-kubernetes does not read. */
function configuredPKey({ fields }: Configuration, warnings: string[]): PKey | undefined {
  const text = fields.string("pkey");
  if (text === undefined) return undefined;
  const pkey = parsePKey(text);
  if (pkey === undefined) {
    throw fields.wrong(
      "pkey",
      text,
      'must be a partition key from 0x1 to 0x7fff (or 0x8001 to 0xffff), as "0x5"',
    );
  }
  // As ib-kubernetes does it (pkg/utils, ParsePKey).
  if (!text.startsWith("0x")) {
    warnings.push(
      `pkey ${showValue(text)} has no 0x in front: ib-kubernetes reads ${showValue(formatPKey(pkey))}, and does not configure ` +
        "a network with any other spelling",
    );
  }
  return pkey;
}

/** The partition that ADD waits for, if it does; a pkey is read in any case. */
function configuredPartition(configuration: Configuration, warnings: string[]): NetworkConfig["partition"] {
  const pkey = configuredPKey(configuration, warnings);
  const time = seconds(configuration, "waitForPkeySeconds");
  if (time === undefined) return undefined;
  if (pkey !== undefined) return { pkey, time };
  throw new CniError(
    codes.badConfiguration,
    `network configuration: waitForPkeySeconds is ${time / 1000}, but there is no pkey that could be waited for`,
  );
}

function configuredLinkState({ fields }: Configuration): LinkState | undefined {
  const text = fields.string("link_state");
  if (text === undefined || text === "auto" || text === "enable" || text === "disable") return text;
  throw fields.wrong("link_state", text, 'must be "auto", "enable" or "disable"');
}

/**
 * How long a call may take, ms (`timeoutSeconds`): all of it, a rollback of ADD included.
 * @throws {CniError} 7 where it is none.
 */
export function configuredTimeout(configuration: Configuration): number {
  return seconds(configuration, "timeoutSeconds") ?? DEFAULT_TIMEOUT;
}

/** A key that holds seconds, in ms. */
function seconds({ fields }: Configuration, key: string): number | undefined {
  const value = fields.integer(key, 1, 3600);
  return value === undefined ? undefined : value * 1000;
}

function configuredMtu({ fields }: Configuration): number | undefined {
  return fields.integer("mtu", LEAST_MTU, MOST_MTU);
}

/** It is the runtime's own, and what is written there is read by others. */
function configuredDeviceInfo({ fields }: Configuration): string | undefined {
  const runtimeConfig = fields.nested("runtimeConfig");
  const path = runtimeConfig?.string("CNIDeviceInfoFile");
  if (path === undefined || path.startsWith("/")) return path;
  throw runtimeConfig?.wrong("CNIDeviceInfoFile", path, "must be an absolute path");
}

/**
 * The IPAM plugin that ADD may delegate to.
 * @throws {CniError} 2 for dhcp: its daemon speaks to an Ethernet interface, which IPoIB is not.
 */
function leasingIpam(configuration: Configuration): string | undefined {
  const type = ipamType(configuration);
  if (type !== "dhcp") return type;
  throw new CniError(
    codes.unsupportedField,
    `network configuration: ipam.type ${showValue(type)} is not supported for InfiniBand; use another, as "host-local"`,
  );
}
