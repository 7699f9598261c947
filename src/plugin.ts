// The face of the verbs: one CNI call from the environment and stdin to the answer on stdout. It is the one
// place that knows both the attachments and the real node.
import { deferSignals, exitStatus, getenv, print, readStdin } from "host";
import { type IpamCall, ipamCallFor, ipamCallOfNetwork } from "./attachment/ipam/ipam.ts";
import { type Limits, rollbackTimeOf } from "./attachment/limits.ts";
import type { VerbRequest } from "./attachment/requests.ts";
import { add } from "./attachment/verbs/add.ts";
import { check } from "./attachment/verbs/check.ts";
import { del } from "./attachment/verbs/del.ts";
import { gc } from "./attachment/verbs/gc.ts";
import { status } from "./attachment/verbs/status.ts";
import { type Configuration, parseConfiguration, prevResult } from "./cni/configuration.ts";
import { errorDocument, messageOf } from "./cni/error-document.ts";
import { CniError, codes } from "./cni/errors.ts";
import { allowsOwnNetns, checkCommand, type Invocation, readEnvironment } from "./cni/invocation.ts";
import { encodeResult, requireExpressible } from "./cni/result-encode.ts";
import { validAttachments } from "./cni/valid-attachments.ts";
import { type CniVersion, checkVersion, NEWEST_VERSION, versionDocument } from "./cni/versions.ts";
import { linuxNode } from "./linux/node.ts";
import { configuredLog, DEFAULT_LOG, type LogConfig } from "./log/log-config.ts";
import { pushBounded, Trace } from "./log/trace.ts";
import { writeLogEntry } from "./log/write-entry.ts";
import {
  configuredTimeout,
  parseNetwork,
  parseNetworkForDel,
  parseNetworkForGc,
  parseNetworkForStatus,
} from "./network/config.ts";
import type { Node } from "./node/node.ts";

/** A network configuration has some hundred bytes; more than this is a mistake or an attack. */
const longestConfiguration = 1 << 20;

/** The answer to VERSION, which is made when the executable is. */
const versions = versionDocument();

/** The machine; made then, too, and good for one call, which is all that a process has. */
const machine = linuxNode();

/** One call: what it is, and whom it tells what it does. */
interface FaceCall extends Pick<Limits, "warn" | "observe"> {
  readonly node: Node;
  readonly invocation: Invocation;
  readonly configuration: Configuration;
  readonly version: CniVersion;
}

/** What could be read of a call before it failed. */
interface Known {
  network?: { readonly name: string; readonly deviceID: unknown };
  version?: CniVersion;
  log: LogConfig;
}

/** Answers VERSION: compact, and ours whatever the caller speaks; stdin is not read. */
export function answerVersion(): void {
  print(1, versions);
}

/**
 * Answers the call that the environment and stdin describe, on stdout and with the exit status, and then leaves a note
 * of it in the log.
 *
 * The note comes last: it tells what the runtime was told, and the runtime, which waits for our end in any case, would
 * not have its answer sooner the other way round. A kill in between costs the note, and the answer is out.
 */
export function answerCall(): void {
  const trace = new Trace(machine.clock);
  const known: Known = { log: DEFAULT_LOG };
  let failure: unknown;
  try {
    carryOut(machine, trace, known);
  } catch (error) {
    failure = error;
    exitStatus(1);
    printError(error, known.version ?? NEWEST_VERSION);
  } finally {
    const { network, log } = known;
    const trouble = writeLogEntry(machine, { getenv, network, trace, error: failure }, log);
    if (trouble !== undefined) say(`there is no log entry of this call: ${trouble}`);
  }
}

function carryOut(node: Node, trace: Trace, known: Known): void {
  const warn = (message: string) => {
    pushBounded(trace.warnings, message.trimEnd());
    say(message);
  };
  const invocation = readEnvironment(getenv);
  const configuration = parseConfiguration(input());
  known.network = { name: configuration.name, deviceID: configuration.fields.raw("deviceID") };
  known.log = configuredLog(configuration);
  known.log.warnings.forEach(warn);
  const command = checkCommand(invocation.command);
  const version = checkVersion(command, configuration.cniVersion);
  known.version = version;
  const call = { node, invocation, configuration, version, warn, observe: trace.observe };
  if (command === "ADD") answerAdd(call);
  else if (command === "DEL") answerDel(call);
  else if (command === "CHECK") checkAttachment(call);
  else if (command === "STATUS") answerStatus(call);
  else if (command === "GC") collectStale(call);
}

function answerAdd(face: FaceCall): void {
  const { node, invocation, configuration, version } = face;
  const network = parseNetwork(configuration, version, invocation.args);
  const hasAddresses = network.ipamType !== undefined || (network.prevResult?.ips.length ?? 0) > 0;
  requireExpressible(version, hasAddresses);
  network.warnings.forEach(face.warn);
  deferSignals();
  const rollbackTime = rollbackTimeOf(network.timeout);
  const call = {
    ...callOf(face, network.timeout - rollbackTime),
    rollbackTime,
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
    reply: { cniVersion: version, prevResult: network.prevResult, dns: network.dns },
  };
  add(node, call, (result) => print(1, encodeResult(result, version)));
}

function answerDel(face: FaceCall): void {
  const { node, invocation, configuration } = face;
  const network = parseNetworkForDel(configuration);
  network.warnings.forEach(face.warn);
  deferSignals();
  const call = callOf(face, network.timeout);
  const leases = network.ipamType !== undefined;
  del(node, {
    ...call,
    ownNetnsAllowed: allowsOwnNetns(invocation.netnsOverride),
    deviceID: network.deviceID,
    rdmaOnly: network.rdmaOnly,
    ipam: leases ? ipamCallFor(call.name, invocation.netns ?? "", call) : undefined,
  });
}

function checkAttachment(face: FaceCall): void {
  const { node, invocation, configuration, version } = face;
  const before = prevResult(configuration, version);
  if (before === undefined) {
    throw new CniError(
      codes.badConfiguration,
      "network configuration: prevResult is missing, which CHECK needs",
    );
  }
  deferSignals();
  const call = callOf(face, configuredTimeout(configuration));
  const netns = invocation.netns ?? "";
  check(node, { ...call, netns, prevResult: before, ipam: ipamCallFor(call.name, netns, call) });
}

function answerStatus(face: FaceCall): void {
  const { node, invocation, configuration, version, warn, observe } = face;
  const network = parseNetworkForStatus(configuration);
  const ipam = ipamOf(network.ipamType, invocation, configuration);
  // Only a plugin of ours that runs must not be left alone.
  if (ipam !== undefined) deferSignals();
  status(node, {
    cniVersion: version,
    rdmaIsolation: network.rdmaIsolation,
    ipam,
    deadline: node.clock.now() + network.timeout,
    warn,
    observe,
  });
}

function collectStale(face: FaceCall): void {
  const { node, invocation, configuration, warn, observe } = face;
  const valid = validAttachments(configuration);
  const network = parseNetworkForGc(configuration);
  network.warnings.forEach(warn);
  deferSignals();
  gc(node, {
    network: configuration.name,
    valid,
    ipam: ipamOf(network.ipamType, invocation, configuration),
    deadline: node.clock.now() + network.timeout,
    warn,
    observe,
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

function callOf({ node, invocation, configuration, warn, observe }: FaceCall, timeout: number): VerbRequest {
  const { containerId, ifname, netns, args, path } = invocation;
  return {
    name: { containerId, ifname },
    netns,
    stdin: configuration.text,
    args,
    path,
    deadline: node.clock.now() + timeout,
    warn,
    observe,
  };
}

function input(): string {
  try {
    return readStdin(longestConfiguration);
  } catch (cause) {
    throw new CniError(codes.io, `error reading from stdin: ${messageOf(cause)}`, { cause });
  }
}

/** Prints the error object; if stdout takes nothing, stderr has to say what happened. */
function printError(error: unknown, version: CniVersion): void {
  try {
    print(1, errorDocument(error, version));
  } catch (cause) {
    say(`${messageOf(error)} (the error object cannot be written: ${messageOf(cause)})`);
  }
}

/** A runtime logs the stderr of a plugin, if it does not drop it. It must never be a reason to fail. */
function say(message: string): void {
  try {
    print(2, `ib-sriov: ${message.trimEnd()}\n`);
  } catch {
    // Nobody listens.
  }
}
