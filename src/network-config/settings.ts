import { readSeconds, readSettings, type Settings } from "../attachment/record/desired.ts";
import { collectWarnings, type WarningCollector } from "../cni/collect-warnings.ts";
import { type Configuration, configuredDns, ipamType, prevResult } from "../cni/configuration.ts";
import { showValue } from "../cni/document.ts";
import { CniError, codes } from "../cni/errors.ts";
import type { Dns, Result } from "../cni/result.ts";
import type { CniVersion } from "../cni/versions.ts";
import type { Guid } from "../infiniband/guid.ts";
import { parsePciAddress } from "../node/pci-address.ts";
import { requestedGuid, requireIbKubernetes } from "./guid-precedence.ts";
import { warnOfSuspiciousKeys } from "./suspicious-keys.ts";

/**
 * Time limit of a call, ms. kubelet allows RunPodSandbox, which is ADD of all networks of a pod, twice its request
 * timeout: 4 minutes by default (remote_runtime.go of k8s.io/cri-client).
 */
const DEFAULT_TIMEOUT = 100_000;
/**
 * Longest time limit of DEL, ms. If the start of a pod has failed, containerd allows the pod's DELs 60 s, and then
 * kills the plugin (deferCleanupTimeout of its CRI plugin).
 */
const LONGEST_DELETE = 50_000;

/** A network of type ib-sriov, as ADD needs it. */
export interface NetworkConfig {
  readonly name: string;
  /** PCI address of the VF in the kernel's spelling, e.g. "0000:03:00.2". */
  readonly deviceID: string;
  /** The VF must be bound to vfio-pci, for a virtual machine. */
  readonly vfioPciMode: true | undefined;
  /** The VF is attached without a netdev: without an interface and addresses. */
  readonly rdmaOnly: true | undefined;
  /**
   * The desired GUID. `undefined`: the VF keeps its GUID. "auto": likewise, but a VF without one gets a derived GUID.
   */
  readonly guid: Guid | "auto" | undefined;
  readonly settings: Settings;
  /** Name of the IPAM plugin; `undefined` if the network has no addresses. */
  readonly ipamType: string | undefined;
  readonly dns: Dns;
  /** Result of the plugins before this one in the chain; `undefined` if this one is the first. */
  readonly prevResult: Result | undefined;
  /** Time limit of the call, ms. */
  readonly timeout: number;
  /** Harmless mistakes in the network, a sentence each. */
  readonly warnings: readonly string[];
}

/** The keys of a network that GC needs. */
export interface GcConfig {
  /** Name of the IPAM plugin whose leases must be released; `undefined` if there cannot be a lease. */
  readonly ipamType: string | undefined;
  /** Time limit of the call, ms. */
  readonly timeout: number;
  /** Mistakes that ADD would have refused, a sentence each. */
  readonly warnings: readonly string[];
}

/** The keys of the network configuration that DEL uses if ADD has left no record; a record takes precedence. */
export interface DelConfig extends GcConfig {
  readonly name: string;
  /** `undefined` if it is missing or is not a PCI address. */
  readonly deviceID: string | undefined;
  /** The GUID that the network or the pod names for the VF; `undefined` if they name none, or it is not valid. */
  readonly guid: Guid | undefined;
  /** The VF is attached without a netdev. */
  readonly rdmaOnly: true | undefined;
}

/**
 * Reads the network for ADD. Everything that ADD cannot do is refused here, before the node is changed.
 * @param cniArgs CNI_ARGS.
 * @throws {CniError} 7 or 2 naming key and value; 11 if ib-kubernetes has not prepared the pod yet.
 */
export function parseNetwork(
  configuration: Configuration,
  version: CniVersion,
  cniArgs: string,
): NetworkConfig {
  const { fields, name } = configuration;
  const warnings: string[] = [];
  // Only its type is checked: its value is the name under which the runtime has found this executable.
  fields.string("type");
  const deviceID = requiredDevice(configuration);
  const vfioPciMode = fields.boolean("vfioPciMode") || undefined;
  const rdmaOnly = fields.boolean("rdmaOnly") || undefined;
  const ibKubernetes = fields.boolean("ibKubernetesEnabled");
  const settings = readSettings(fields, warnings);
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
    settings,
    ipamType: ipam,
    dns,
    prevResult: before,
    timeout,
    warnings,
  };
}

/**
 * Reads the network for DEL. Values that ADD would refuse become warnings, so that DEL still cleans up. Only a document
 * that is not a {@link Configuration} at all makes DEL fail.
 */
export function parseNetworkForDel(configuration: Configuration): DelConfig {
  const warnings: string[] = [];
  const tolerate = collectWarnings(warnings);
  const network = {
    name: configuration.name,
    deviceID: tolerate(() => requiredDevice(configuration)),
    guid: namedGuid(configuration),
    rdmaOnly: tolerate(() => configuration.fields.boolean("rdmaOnly")) || undefined,
    ...collectConfig(configuration, tolerate, warnings),
  };
  return { ...network, timeout: Math.min(network.timeout, LONGEST_DELETE) };
}

/** Returns the GUID that ADD was called with; `undefined` without a warning if ADD refused it, so that no VF has it. */
function namedGuid({ fields }: Configuration): Guid | undefined {
  const guid = collectWarnings([])(() =>
    requestedGuid(fields, fields.boolean("ibKubernetesEnabled"), "", []),
  );
  return guid === "auto" ? undefined : guid;
}

/** Reads the network for GC, which cleans up even if ADD would refuse the network. */
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

/** The keys of a network that STATUS needs. STATUS is not about an attachment, so deviceID is missing. */
export interface StatusConfig {
  /** Moves the RDMA devices of VFs to their containers. */
  readonly rdmaIsolation: boolean;
  /** Name of the IPAM plugin that ADD calls; `undefined` if it calls none. */
  readonly ipamType: string | undefined;
  /** Time limit of the call, ms. */
  readonly timeout: number;
}

/**
 * Reads the network for STATUS.
 * @throws {CniError} 7 or 2 if ADD would refuse the network for every VF.
 */
export function parseNetworkForStatus(configuration: Configuration): StatusConfig {
  const { fields } = configuration;
  const { rdmaIsolation } = readSettings(fields, []);
  const ipam = leasingIpam(configuration);
  // ADD of such a VF does not call the IPAM plugin.
  const hasInterface = !fields.boolean("rdmaOnly") && !fields.boolean("vfioPciMode");
  return {
    rdmaIsolation: rdmaIsolation === true,
    ipamType: hasInterface ? ipam : undefined,
    timeout: configuredTimeout(configuration),
  };
}

function requiredDevice({ fields }: Configuration): string {
  const text = fields.string("deviceID");
  if (text === undefined) {
    throw new CniError(
      codes.badConfiguration,
      "network configuration: deviceID is missing: it must be the PCI address of a VF. Multus fills it in " +
        "if the network's annotation k8s.v1.cni.cncf.io/resourceName names a resource that the pod requests",
    );
  }
  const address = parsePciAddress(text);
  if (address === undefined) {
    throw fields.wrong("deviceID", text, 'must be the PCI address of a VF, as "0000:03:00.2"');
  }
  return address;
}

/**
 * Returns the time limit of a call, ms (`timeoutSeconds`). It includes the rollback of an ADD.
 * @throws {CniError} 7 if the value is not a number of seconds in the allowed range.
 */
export function configuredTimeout({ fields }: Configuration): number {
  return readSeconds(fields, "timeoutSeconds") ?? DEFAULT_TIMEOUT;
}

/**
 * Returns the name of the IPAM plugin that ADD delegates to.
 * @throws {CniError} 2 for dhcp, whose daemon needs an Ethernet interface, which IPoIB is not; and for this plugin
 *   itself, under the name by which the runtime has found it.
 */
export function leasingIpam(configuration: Configuration): string | undefined {
  const type = ipamType(configuration);
  const isOwn = type !== undefined && type === configuration.fields.raw("type");
  if (type !== "dhcp" && !isOwn) return type;
  const why = isOwn ? "is the plugin itself, not an IPAM plugin" : "is not supported for InfiniBand";
  throw new CniError(
    codes.unsupportedField,
    `network configuration: ipam.type ${showValue(type)} ${why}; use another IPAM plugin, for example "host-local"`,
  );
}
