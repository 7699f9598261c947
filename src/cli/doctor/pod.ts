import { formatTime } from "../../log/format-time.ts";
import { printable } from "../../log/printable.ts";
import { attachmentDocument } from "../attachments/attachment-text.ts";
import type { ListedAttachment } from "../attachments/attachments.ts";
import { type CallLog, readCallLog } from "../calls/call-log.ts";
import type { LoggedCall } from "../calls/logged-call.ts";
import { UsageError } from "../command.ts";
import type { CliContext } from "../context.ts";
import { type InventoriedPf, type InventoriedVf, takeInventory } from "../inventory.ts";
import { colorize } from "../output/text.ts";
import { wrapLine } from "../output/wrap.ts";
import type { DoctorContext } from "./context.ts";
import type { Finding } from "./finding.ts";
import { logFilesOf, networksOf } from "./inputs/networks.ts";
import type { DoctorOptions } from "./inputs/options.ts";

/** A finding with its subject. */
export interface PodFinding extends Finding {
  readonly subject: string;
}

/** Runs the checks of some subjects of the report, such as "VF", on the VFs and records that `select` returns. */
export type Examine = (
  machine: CliContext,
  options: DoctorOptions,
  part: {
    readonly subjects: readonly string[];
    readonly select?: (context: DoctorContext) => DoctorContext;
  },
) => readonly PodFinding[];

/** An attachment of a pod, and its VF if the VF exists. */
export interface PodAttachment {
  readonly attachment: ListedAttachment;
  readonly vf: InventoriedVf | undefined;
}

/** The knowledge of a node about a pod. */
export interface PodReport extends CallLog {
  /** Its namespace and name. */
  readonly pod: string;
  readonly attachments: readonly PodAttachment[];
  /** Problems of its VFs, their PFs, and its records. */
  readonly findings: readonly PodFinding[];
}

/** Most calls that are reported. */
const MOST_CALLS = 10;

/**
 * Examines one pod.
 * @param pod "NAMESPACE/NAME".
 * @throws {UsageError} if it is not a namespace and a name.
 */
export function examinePod(
  machine: CliContext,
  options: DoctorOptions,
  pod: string,
  examine: Examine,
): PodReport {
  const { namespace, name } = parsePodName(pod);
  const { pfs, attached } = takeInventory(machine);
  const own = attached.filter((each) => each.pod === pod);
  const vfs = pfs.flatMap((pf) => pf.vfs);
  const log = readCallLog(machine, logFiles(machine, attached, options), { namespace, name });
  return {
    pod,
    attachments: own.map((attachment) => ({
      attachment,
      vf: vfs.find(({ pci }) => pci === attachment.pci),
    })),
    findings: own.length === 0 ? [] : problemsOf(machine, options, own, pfs, examine),
    ...log,
    calls: log.calls.slice(0, MOST_CALLS),
  };
}

/** Returns the log files of the node's networks. A network that cannot be read is a finding elsewhere. */
function logFiles(
  machine: CliContext,
  attached: readonly ListedAttachment[],
  options: DoctorOptions,
): string[] {
  try {
    return logFilesOf(networksOf(machine, attached, options).networks);
  } catch {
    return [];
  }
}

/** @throws {UsageError} if a pod is not named by its namespace and its name. */
export function parsePodName(pod: string): { readonly namespace: string; readonly name: string } {
  const [, namespace, name] = /^([^/]+)\/([^/]+)$/.exec(pod) ?? [];
  if (namespace === undefined || name === undefined)
    throw new UsageError(`--pod ${pod} is not NAMESPACE/NAME, as in default/trainer-0`);
  return { namespace, name };
}

/** Returns the problems that concern attachments: those whose text names their VFs, PFs, records or containers. */
function problemsOf(
  machine: CliContext,
  options: DoctorOptions,
  own: readonly ListedAttachment[],
  pfs: readonly InventoriedPf[],
  examine: Examine,
): PodFinding[] {
  const has = (pci: string) => own.some((each) => each.pci === pci);
  // A finding about many VFs names only some of them, so the checks see only the VFs of the pod.
  const onlyOwn = ({ pfs, ...context }: DoctorContext): DoctorContext => ({
    ...context,
    attached: own,
    pfs: pfs
      ?.map((pf) => ({ ...pf, vfs: pf.vfs.filter(({ pci }) => has(pci)) }))
      .filter(({ vfs }) => vfs.length > 0),
  });
  const pfsOfOwn = pfs.filter(({ vfs }) => vfs.some(({ pci }) => has(pci)));
  const names = [
    ...own.flatMap(({ pci, path, name }) => [pci, path, name?.containerId]),
    ...pfsOfOwn.map(({ pci }) => pci),
  ].filter((each) => each !== undefined);
  // Only a comparison with all devices finds that two have the same GUID.
  return [
    ...examine(machine, options, { subjects: ["PF", "VF", "pod", "records"], select: onlyOwn }),
    ...examine(machine, options, { subjects: ["GUID"] }),
  ].filter(
    ({ level, found }) =>
      (level === "warning" || level === "error") && names.some((name) => found.includes(name)),
  );
}

/** Reports whether the pod has its VFs, and nothing is wrong with them. */
export function isPodInOrder({ attachments, findings, calls }: PodReport): boolean {
  if (attachments.length === 0 && calls[0]?.command !== "DEL") return false;
  return !findings.some(({ level }) => level === "error") && calls[0]?.error === undefined;
}

/** Returns a report as a JSON document. */
export function podDocument({ pod, attachments, calls, findings, sources, unread }: PodReport) {
  return {
    pod,
    attachments: attachments.map(({ attachment, vf }) => ({
      ...(attachmentDocument(attachment) as object),
      vf: vf && {
        driver: vf.driver,
        netdev: vf.netdev?.name,
        rdma: vf.rdma,
        nodeGuid: vf.nodeGuid,
        portGuid: vf.portGuid,
        linkState: vf.config.linkState,
        ports: vf.ports,
      },
    })),
    calls,
    findings,
    sources,
    unread,
  };
}

/**
 * Formats a report as text.
 * @param findingLines formats a finding, safely for a terminal.
 */
export function podText(report: PodReport, findingLines: (finding: PodFinding) => string[]): string {
  const { pod, attachments, calls, findings, sources, unread } = report;
  const heading = (text: string) => colorize("heading", text);
  const lines = [
    ...(attachments.length === 0
      ? [`Pod ${printable(pod)} has no attachment on this node.`]
      : [
          heading(`Attachments of pod ${printable(pod)}`),
          ...attachments.flatMap(attachmentLines).flatMap(wrapLine),
        ]),
    "",
    ...(calls.length === 0
      ? [`No call for it is in the logs that were read (${sources.join(", ") || "none"}).`]
      : [heading("Last calls"), ...calls.flatMap(callLines).flatMap(wrapLine)]),
    ...unread.map((why) => `  not read: ${why}`).flatMap(wrapLine),
    "",
    ...(findings.length === 0 ? [] : [heading("Problems"), ...findings.flatMap(findingLines), ""]),
    ...wrapLine(verdictOf(report)),
  ];
  return lines.join("\n");
}

function verdictOf(report: PodReport): string {
  const { pod, attachments, calls, findings } = report;
  if (attachments.length === 0 && calls.length === 0)
    return `Pod ${pod} is not known here: check its name, its namespace and its node (kubectl get pod -o wide).`;
  if (calls[0]?.error !== undefined) return `The last ${calls[0].command} of pod ${pod} failed.`;
  if (attachments.length === 0) return `Pod ${pod} has no VF.`;
  const what = findings.length === 0 ? "no problem was found" : `${findings.length} problems were found`;
  return `Pod ${pod} has ${attachments.length} VFs: ${what}.`;
}

function attachmentLines({ attachment, vf }: PodAttachment): string[] {
  const { condition, name, since, pci, path, network, netns } = attachment;
  const rows: (readonly [string, string | undefined])[] = [
    ["container", name?.containerId],
    ["VF", vf === undefined ? `${pci}, which does not exist` : vfText(vf)],
    ["GUID", vf?.portGuid],
    ["network", network],
    ["namespace", netns],
    ["record", path],
  ];
  return [
    `  ${name?.ifname ?? path}: ${condition}${since === undefined ? "" : `, since ${formatTime(since)}`}`,
    ...rows.flatMap(([label, text]) => (text === undefined ? [] : [`    ${label.padEnd(9)}  ${text}`])),
  ];
}

function vfText({ pci, driver, rdma, ports, config }: InventoriedVf): string {
  const words = [
    pci,
    driver ?? "no driver",
    ...rdma,
    ...ports.map(({ state }) => `port ${state}`),
    ...(config.linkState === undefined ? [] : [`link policy ${config.linkState}`]),
  ];
  return words.join(", ");
}

function callLines({ time, command, ifname, network, vf, ms, error, warnings }: LoggedCall): string[] {
  const call = [time, command, ifname, network, vf].filter((word) => word !== "").join(" ");
  const end = error === undefined ? "done" : `failed with code ${error.code}`;
  const duration = ms === undefined ? "" : ` (${Math.round(ms)} ms)`;
  return [
    `  ${call}: ${end}${duration}`,
    ...(error === undefined ? [] : [`      ${error.msg}`]),
    ...warnings.map((warning) => `      warning: ${warning}`),
  ];
}
