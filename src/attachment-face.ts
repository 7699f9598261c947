// The face of the verbs: one CNI call from the environment and stdin to the answer on stdout. It is the one
// place that knows both the attachments and the real node.
import { deferSignals, exitStatus, getenv, print, readStdin } from "host";
import { attach } from "./attachment/attach.ts";
import type { Call } from "./attachment/call.ts";
import { check } from "./attachment/check.ts";
import { collect } from "./attachment/collect.ts";
import { detach } from "./attachment/detach.ts";
import { type IpamCall, ipamCallFor, ipamCallOfNetwork } from "./attachment/ipam-call.ts";
import { ready } from "./attachment/ready.ts";
import { type Configuration, parseConfiguration, prevResult } from "./cni/configuration.ts";
import { errorDocument, messageOf } from "./cni/error-document.ts";
import { CniError, codes } from "./cni/errors.ts";
import { allowsOwnNetns, checkCommand, type Invocation, readEnvironment } from "./cni/invocation.ts";
import { encodeResult, requireExpressible } from "./cni/result-encode.ts";
import { validAttachments } from "./cni/valid-attachments.ts";
import { type CniVersion, checkVersion, NEWEST_VERSION } from "./cni/versions.ts";
import { linuxNode } from "./linux/node.ts";
import {
  configuredTimeout,
  parseNetwork,
  parseNetworkForCollect,
  parseNetworkForDelete,
  parseNetworkForStatus,
} from "./network.ts";
import type { Node } from "./node/node.ts";

/** A network configuration has some hundred bytes; more than this is a mistake or an attack. */
const longestConfiguration = 1 << 20;

/** Answers the call that the environment and stdin describe, on stdout and with the exit status. */
export function answerCall(): void {
  let version: CniVersion | undefined;
  try {
    const invocation = readEnvironment(getenv);
    const configuration = parseConfiguration(input());
    const command = checkCommand(invocation.command);
    version = checkVersion(command, configuration.cniVersion);
    if (command === "ADD") add(invocation, configuration, version);
    else if (command === "DEL") del(invocation, configuration);
    else if (command === "CHECK") checkAttachment(invocation, configuration, version);
    else if (command === "STATUS") status(invocation, configuration, version);
    else if (command === "GC") collectStale(invocation, configuration);
  } catch (error) {
    print(1, errorDocument(error, version ?? NEWEST_VERSION));
    exitStatus(1);
  }
}

function add(invocation: Invocation, configuration: Configuration, cniVersion: CniVersion): void {
  const network = parseNetwork(configuration, cniVersion, invocation.args);
  const hasAddresses = network.ipamType !== undefined || (network.prevResult?.ips.length ?? 0) > 0;
  requireExpressible(cniVersion, hasAddresses);
  network.warnings.forEach(warn);
  const node = linuxNode();
  deferSignals();
  const result = attach(node, {
    ...callOf(node, invocation, configuration, network.timeout),
    netns: invocation.netns ?? "",
    ownNetnsAllowed: allowsOwnNetns(invocation.netnsOverride),
    deviceID: network.deviceID,
    vfioPciMode: network.vfioPciMode,
    rdmaOnly: network.rdmaOnly,
    guid: network.guid,
    wanted: {
      linkState: network.linkState,
      rdmaIsolation: network.rdmaIsolation,
      mtu: network.mtu,
      carrierTime: network.carrierTime,
      partition: network.partition,
      deviceInfo: network.deviceInfo,
    },
    reply: { cniVersion, prevResult: network.prevResult, dns: network.dns },
  });
  print(1, encodeResult(result, cniVersion));
}

function del(invocation: Invocation, configuration: Configuration): void {
  const network = parseNetworkForDelete(configuration);
  network.warnings.forEach(warn);
  const node = linuxNode();
  deferSignals();
  const call = callOf(node, invocation, configuration, network.timeout);
  const leases = network.ipamType !== undefined;
  detach(node, {
    ...call,
    ownNetnsAllowed: allowsOwnNetns(invocation.netnsOverride),
    deviceID: network.deviceID,
    rdmaOnly: network.rdmaOnly,
    ipam: leases ? ipamCallFor(call.name, invocation.netns ?? "", call) : undefined,
  });
}

function checkAttachment(invocation: Invocation, configuration: Configuration, cniVersion: CniVersion): void {
  const before = prevResult(configuration, cniVersion);
  if (before === undefined) {
    throw new CniError(
      codes.badConfiguration,
      "network configuration: prevResult is missing, which CHECK needs",
    );
  }
  const node = linuxNode();
  deferSignals();
  const call = callOf(node, invocation, configuration, configuredTimeout(configuration));
  const netns = invocation.netns ?? "";
  check(node, { ...call, netns, prevResult: before, ipam: ipamCallFor(call.name, netns, call) });
}

function status(invocation: Invocation, configuration: Configuration, cniVersion: CniVersion): void {
  const network = parseNetworkForStatus(configuration);
  const node = linuxNode();
  const ipam = ipamOf(network.ipamType, invocation, configuration);
  // Only a plugin of ours that runs must not be left alone.
  if (ipam !== undefined) deferSignals();
  ready(node, {
    cniVersion,
    rdmaIsolation: network.rdmaIsolation,
    ipam,
    deadline: node.clock.now() + network.timeout,
    warn,
  });
}

function collectStale(invocation: Invocation, configuration: Configuration): void {
  const valid = validAttachments(configuration);
  const network = parseNetworkForCollect(configuration);
  network.warnings.forEach(warn);
  const node = linuxNode();
  deferSignals();
  collect(node, {
    network: configuration.name,
    valid,
    ipam: ipamOf(network.ipamType, invocation, configuration),
    deadline: node.clock.now() + network.timeout,
    warn,
  });
}

/** How the IPAM plugin is called where no attachment is meant; undefined where the network has none that we would call. */
function ipamOf(
  type: string | undefined,
  { args, path }: Invocation,
  { text: stdin }: Configuration,
): IpamCall | undefined {
  return type === undefined ? undefined : ipamCallOfNetwork({ stdin, args, path });
}

function callOf(node: Node, invocation: Invocation, configuration: Configuration, timeout: number): Call {
  const { containerId, ifname, netns, args, path } = invocation;
  return {
    name: { containerId, ifname },
    netns,
    stdin: configuration.text,
    args,
    path,
    deadline: node.clock.now() + timeout,
    warn,
  };
}

function input(): string {
  try {
    return readStdin(longestConfiguration);
  } catch (cause) {
    throw new CniError(codes.io, `error reading from stdin: ${messageOf(cause)}`, { cause });
  }
}

/** A runtime logs the stderr of a plugin, if it does not drop it. It must never be a reason to fail. */
function warn(message: string): void {
  try {
    print(2, `ib-sriov: ${message.trimEnd()}\n`);
  } catch {
    // Nobody listens.
  }
}
