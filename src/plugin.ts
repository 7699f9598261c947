// Handles one CNI call, from the environment and stdin to the answer on stdout. Besides cli/, this is the only file
// that imports both attachment/ and linux/.
import { args, deferSignals, exitStatus, getenv, OF_STREAM, print, readText } from "host";
import { add } from "./attachment/cni-verbs/add.ts";
import { check } from "./attachment/cni-verbs/check.ts";
import { del } from "./attachment/cni-verbs/del.ts";
import { gc } from "./attachment/cni-verbs/gc.ts";
import { status } from "./attachment/cni-verbs/status.ts";
import { type IpamCall, ipamCallFor, ipamCallOfNetwork } from "./attachment/ipam/ipam.ts";
import { type Limits, rollbackTimeOf } from "./attachment/limits.ts";
import type { VerbRequest } from "./attachment/requests.ts";
import { type Configuration, parseConfiguration, prevResult } from "./cni/configuration.ts";
import { errorDocument, messageOf } from "./cni/error-document.ts";
import { CniError, codes } from "./cni/errors.ts";
import { allowsOwnNetns, checkCommand, type Invocation, readEnvironment } from "./cni/invocation.ts";
import { IPAM_MARK } from "./cni/ipam.ts";
import { encodeResult, requireExpressible } from "./cni/result-encode.ts";
import { validAttachments } from "./cni/valid-attachments.ts";
import { type CniVersion, checkVersion, NEWEST_VERSION, versionDocument } from "./cni/versions.ts";
import { linuxNode } from "./linux/node.ts";
import { configuredLog, DEFAULT_LOG, type LogConfig } from "./log/log-config.ts";
import { printMessage } from "./log/print-message.ts";
import { pushBounded, Trace } from "./log/trace.ts";
import { writeLogEntry } from "./log/write-entry.ts";
import {
  configuredTimeout,
  leasingIpam,
  parseNetwork,
  parseNetworkForDel,
  parseNetworkForGc,
  parseNetworkForStatus,
} from "./network-config/settings.ts";
import type { Node } from "./node/node.ts";

/** Longest network configuration, bytes. Most have a few hundred; a longer text than this is a mistake or an attack. */
const MAX_CONFIGURATION_BYTES = 1 << 20;

/** How long the answer waits for a runtime that does not read its error object, ms. A pipe has room for most of them. */
const ANSWER_TIME = 2_000;

/** The node, created when the executable is built. It serves one call, because a process handles only one. */
const realNode = linuxNode();

/** One call, with the functions that receive its warnings and its steps. */
interface Request extends Pick<Limits, "warn" | "observe"> {
  readonly node: Node;
  readonly invocation: Invocation;
  readonly configuration: Configuration;
  readonly version: CniVersion;
}

/** The parts of a call that the log entry needs, as far as they could be read before the call failed. */
interface Known {
  network?: { readonly name: string; readonly deviceID: unknown };
  version?: CniVersion;
  log: LogConfig;
}

/**
 * Answers VERSION in one line of JSON, with this plugin's versions whatever version the caller uses. It succeeds also
 * if stdin is closed, or is not JSON.
 */
export function answerVersion(): void {
  let input = "";
  try {
    input = readConfiguration();
  } catch {
    // The answer does not depend on stdin, except for its cniVersion.
  }
  print(1, versionDocument(input));
}

/**
 * Answers the call that the environment and stdin describe, on stdout and with the exit status, and then writes its log
 * entry.
 *
 * The log entry is written last, because it contains the answer, and because the runtime waits for the end of this
 * process in any case. If the process is killed between the two, only the log entry is lost.
 */
export function answerCall(): void {
  const trace = new Trace(realNode.clock);
  const known: Known = { log: DEFAULT_LOG };
  let failure: unknown;
  try {
    dispatch(realNode, trace, known);
  } catch (error) {
    failure = error;
    exitStatus(1);
    printError(error, known.version ?? NEWEST_VERSION);
  } finally {
    const { network, log } = known;
    const trouble = writeLogEntry(realNode, { getenv, network, trace, error: failure }, log);
    if (trouble !== undefined) printWarning(`cannot write the log entry of this call: ${trouble}`);
  }
}

function dispatch(node: Node, trace: Trace, known: Known): void {
  const warn = (message: string) => {
    pushBounded(trace.warnings, message.trimEnd());
    printWarning(message);
  };
  if (getenv(IPAM_MARK) !== undefined) {
    answerAsIpam(warn);
    return;
  }
  const invocation = readEnvironment(getenv);
  const configuration = parseConfiguration(readConfiguration());
  known.network = { name: configuration.name, deviceID: configuration.fields.raw("deviceID") };
  known.log = configuredLog(configuration);
  known.log.warnings.forEach(warn);
  const command = checkCommand(invocation.command);
  const version = checkVersion(command, configuration.cniVersion);
  known.version = version;
  const call = { node, invocation, configuration, version, warn, observe: trace.observe };
  if (command === "ADD") answerAdd(call);
  else if (command === "DEL") answerDel(call);
  else if (command === "CHECK") answerCheck(call);
  else if (command === "STATUS") answerStatus(call);
  else if (command === "GC") answerGc(call);
}

/**
 * Answers a call in which this plugin itself has started this executable as its IPAM plugin. It has no lease, so that
 * DEL and GC succeed: an error would keep the VF attached permanently.
 * @throws {CniError} 2 for the other verbs.
 */
function answerAsIpam(warn: (message: string) => void): void {
  const [program = "ib-sriov"] = args();
  const problem = `network configuration: ipam.type names ${program}, which is ib-sriov itself, not an IPAM plugin`;
  const command = getenv("CNI_COMMAND");
  if (command !== "DEL" && command !== "GC") throw new CniError(codes.unsupportedField, problem);
  warn(problem);
}

function answerAdd(request: Request): void {
  const { node, invocation, configuration, version } = request;
  const network = parseNetwork(configuration, version, invocation.args);
  const hasAddresses = network.ipamType !== undefined || (network.prevResult?.ips.length ?? 0) > 0;
  requireExpressible(version, hasAddresses);
  network.warnings.forEach(request.warn);
  deferSignals();
  const rollbackTime = rollbackTimeOf(network.timeout);
  const call = {
    ...callOf(request, network.timeout - rollbackTime),
    rollbackTime,
    netns: invocation.netns ?? "",
    ownNetnsAllowed: allowsOwnNetns(invocation.netnsOverride),
    deviceID: network.deviceID,
    vfioPciMode: network.vfioPciMode,
    rdmaOnly: network.rdmaOnly,
    guid: network.guid,
    settings: network.settings,
    reply: { cniVersion: version, prevResult: network.prevResult, dns: network.dns },
  };
  add(node, call, (result) => print(1, encodeResult(result, version), call.deadline));
}

function answerDel(request: Request): void {
  const { node, invocation, configuration } = request;
  const network = parseNetworkForDel(configuration);
  network.warnings.forEach(request.warn);
  deferSignals();
  const call = callOf(request, network.timeout);
  const leases = network.ipamType !== undefined;
  del(node, {
    ...call,
    ownNetnsAllowed: allowsOwnNetns(invocation.netnsOverride),
    deviceID: network.deviceID,
    guid: network.guid,
    rdmaOnly: network.rdmaOnly,
    ipam: leases ? ipamCallFor(call.name, invocation.netns ?? "", call) : undefined,
  });
}

function answerCheck(request: Request): void {
  const { node, invocation, configuration, version } = request;
  const previous = prevResult(configuration, version);
  if (previous === undefined) {
    throw new CniError(
      codes.badConfiguration,
      "network configuration: prevResult is missing, which CHECK needs",
    );
  }
  deferSignals();
  const call = callOf(request, configuredTimeout(configuration));
  const netns = invocation.netns ?? "";
  const leases = leasingIpam(configuration) !== undefined;
  const ipam = leases ? ipamCallFor(call.name, netns, call) : undefined;
  check(node, { ...call, netns, prevResult: previous, ipam });
}

function answerStatus(request: Request): void {
  const { node, invocation, configuration, version, warn, observe } = request;
  const network = parseNetworkForStatus(configuration);
  const ipam = ipamOf(network.ipamType, invocation, configuration);
  // STATUS changes nothing itself, so signals are deferred only while it runs an IPAM plugin.
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

function answerGc(request: Request): void {
  const { node, invocation, configuration, warn, observe } = request;
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

/** Returns the call of the IPAM plugin for STATUS and GC, which are about no attachment; `undefined` without `type`. */
function ipamOf(
  type: string | undefined,
  { args, path }: Invocation,
  { text: stdin }: Configuration,
): IpamCall | undefined {
  return type === undefined ? undefined : ipamCallOfNetwork({ stdin, args, path });
}

function callOf({ node, invocation, configuration, warn, observe }: Request, timeout: number): VerbRequest {
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

function readConfiguration(): string {
  try {
    return readText(0, MAX_CONFIGURATION_BYTES, OF_STREAM, 0, "stdin");
  } catch (cause) {
    throw new CniError(codes.io, `error reading from stdin: ${messageOf(cause)}`, { cause });
  }
}

/** Prints the error object. If stdout cannot be written, prints the error on stderr instead. */
function printError(error: unknown, version: CniVersion): void {
  try {
    print(1, errorDocument(error, version), realNode.clock.now() + ANSWER_TIME);
  } catch (cause) {
    printWarning(`${messageOf(error)} (the error object cannot be written: ${messageOf(cause)})`);
  }
}

/** Prints a message on stderr, which runtimes log or drop. A stderr that cannot be written must not fail the call. */
function printWarning(message: string): void {
  try {
    printMessage(message);
  } catch {
    // Stderr is closed or full, or its reader has ended.
  }
}
