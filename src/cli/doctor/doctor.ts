import { args, deferSignals, readLink, user } from "host";
import { messageOf } from "../../cni/error-document.ts";
import { OWN_EXECUTABLE } from "../../linux/child-process.ts";
import { attachmentsOf } from "../attachments/attachments.ts";
import { failuresText, type RecentFailures, recentFailures } from "../calls/recent-failures.ts";
import { type Command, type CommandCall, UsageError } from "../command.ts";
import { type CliContext, limitsOf, linuxContext, timeoutOption } from "../context.ts";
import { takeInventory } from "../inventory.ts";
import { NETWORK_DIRECTORIES } from "../network-files.ts";
import { listingOptions, printListing } from "../output/listing.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, skipped } from "./finding.ts";
import { commandOf, fixAll, fixesText, safeFixesOf } from "./fix.ts";
import { leftGuids } from "./free-vfs/left-guids.ts";
import { refusedVfs } from "./free-vfs/refused-vfs.ts";
import { guids } from "./guids.ts";
import { logFilesOf, networksOf } from "./inputs/networks.ts";
import type { DoctorOptions } from "./inputs/options.ts";
import { kernel } from "./kernel.ts";
import { locks } from "./locks.ts";
import { networkChecks } from "./network-checks.ts";
import { physicalFunctions } from "./physical-functions.ts";
import { ownPlugin, PLUGIN_DIRECTORY, pluginDirectoryOf } from "./plugins.ts";
import { examinePod, isPodInOrder, type PodReport, parsePodName, podDocument, podText } from "./pod.ts";
import { podDevices } from "./pod-devices.ts";
import { rdmaMode } from "./rdma.ts";
import { findingLines, type ReportedFinding, textOf, verdictOf } from "./report.ts";
import { records, stateDirectory } from "./state.ts";
import { rdmaNaming } from "./udev.ts";
import { virtualFunctions } from "./virtual-functions.ts";

/** The exit status if the doctor could not examine the node. */
const COULD_NOT_RUN = 3;

/** Reports whether pods can be attached on this node, and the problems that prevent it. */
export const doctor: Command = {
  name: "doctor",
  summary: "Reports whether pods can be attached, which problems prevent it, and how to fix them",
  details: `Below each finding is the command that fixes it. Without --fix, the doctor changes nothing. Each kind of finding has an
ID, which docs/reference/findings.md explains; -o name prints the IDs of warnings and errors.

With --fix, the exit status is that of the examination after the remedies. With --pod it is 1 if the pod has no VF, if its
last call failed, or if a finding is an error.`,
  exitStatuses: [
    [0, "no finding is an error"],
    [1, "a pod cannot be attached, or its network does not work"],
    [2, "an argument is invalid"],
    [3, "the node could not be examined, for example because the caller is not root"],
  ],
  examples: [
    ["ib-sriov doctor --pod default/trainer-0", "answers for one pod"],
    ["ib-sriov doctor --fix --dry-run", "prints the commands that fix problems safely"],
  ],
  options: [
    {
      name: "cni-path",
      value: "DIRECTORIES",
      summary: `directories of plugins (default ${PLUGIN_DIRECTORY}, or that of this executable)`,
    },
    {
      name: "cni-conf-dir",
      value: "DIRECTORIES",
      summary: `directories of networks (default ${NETWORK_DIRECTORIES})`,
    },
    {
      name: "pod",
      value: "NAMESPACE/NAME",
      summary: "reports the attachments, the last calls and the problems of one pod",
    },
    {
      name: "fix",
      summary: "carries out the safe remedies: modprobe, gc, bind, provision; then examines again",
    },
    { name: "dry-run", summary: "with --fix: only prints the commands" },
    timeoutOption,
    ...listingOptions,
  ],
  failure: COULD_NOT_RUN,
  run(call: CommandCall): number {
    const { options } = call;
    const pod = options.get("pod");
    requireUsable(options);
    if (user() !== 0) throw new Error("the doctor cannot examine the node: run as root");
    const machine = linuxContext();
    const isFile = (path: string) => machine.node.files.isFile(path);
    const doctorOptions = {
      cniPath: options.get("cni-path") ?? pluginDirectoryOf(readLink(OWN_EXECUTABLE), isFile),
      confDirs: (options.get("cni-conf-dir") ?? NETWORK_DIRECTORIES).split(":"),
      program: args()[0] ?? "ib-sriov",
    };
    if (pod !== undefined) return answerForPod(call, examinePod(machine, doctorOptions, pod, examine));
    if (options.has("fix")) return fix(call, machine, doctorOptions);
    const seen = readNode(machine, doctorOptions);
    const recent = seen.context.recent();
    const findings = check(seen);
    const attachable = !findings.some(({ level }) => level === "error");
    const problems = findings.filter(({ level }) => level === "warning" || level === "error");
    printListing(call, {
      document: { attachable, verdict: verdictOf(findings), recentFailures: recent, findings },
      names: [...new Set(problems.map(({ id }) => id))],
      text: () => failuresText(recent) + textOf(findings),
    });
    return attachable ? 0 : 1;
  },
};

/** @throws {UsageError} if options cannot be combined, or the pod's name is invalid. */
function requireUsable(options: CommandCall["options"]): void {
  const pod = options.get("pod");
  if (pod !== undefined) parsePodName(pod);
  if (pod !== undefined && options.has("fix"))
    throw new UsageError("--fix is for the whole node, and cannot be combined with --pod");
  if (options.has("dry-run") && !options.has("fix")) throw new UsageError("--dry-run needs --fix");
}

/** Carries out the safe remedies, and reports the node as it is then. */
function fix(call: CommandCall, machine: CliContext, doctorOptions: DoctorOptions): number {
  const { program } = doctorOptions;
  if (call.options.has("dry-run")) {
    const commands = safeFixesOf(examine(machine, doctorOptions)).map((each) => commandOf(each, program));
    printListing(call, { document: { commands }, names: commands, text: () => commands.join("\n") });
    return 0;
  }
  deferSignals();
  const limits = () => limitsOf(machine.node, call);
  const { fixes, findings } = fixAll(machine, program, limits, () => examine(machine, doctorOptions));
  const attachable = !findings.some(({ level }) => level === "error");
  printListing(call, {
    document: { attachable, verdict: verdictOf(findings), fixes, findings },
    names: fixes.map(({ command }) => command),
    text: () => fixesText(fixes) + textOf(findings),
  });
  return attachable ? 0 : 1;
}

function answerForPod(call: CommandCall, report: PodReport): number {
  printListing(call, {
    document: podDocument(report),
    names: report.attachments.map(({ attachment: { pci, path } }) => pci ?? path),
    text: () => podText(report, findingLines),
  });
  return isPodInOrder(report) ? 0 : 1;
}

/** The checks by subject, in the order of the report. */
const CHECKS: readonly (readonly [string, (context: DoctorContext) => readonly Finding[]])[] = [
  ["kernel", kernel],
  ["PF", physicalFunctions],
  ["VF", virtualFunctions],
  ["VF", locks],
  ["VF", refusedVfs],
  ["pod", podDevices],
  ["GUID", guids],
  ["GUID", leftGuids],
  ["RDMA", rdmaMode],
  ["udev", rdmaNaming],
  ["plugin", ownPlugin],
  ["network", networkChecks],
  ["state", stateDirectory],
  ["records", records],
];

/** A part of the checks. */
export interface ExaminedPart {
  readonly subjects: readonly string[];
  /** Returns the part of the node that the checks see; default: all of it. */
  readonly select?: (context: DoctorContext) => DoctorContext;
}

/** A node as the checks see it, and findings about what could not be read. */
interface SeenNode {
  readonly context: DoctorContext;
  readonly findings: readonly ReportedFinding[];
}

/** Findings that were collected, each with its subject. */
class Findings {
  readonly all: ReportedFinding[] = [];

  add(subject: string, findings: readonly Finding[]): void {
    this.all.push(...findings.map((finding) => ({ subject, ...finding })));
  }

  /** Returns the result of a function. If it fails, adds a finding, and returns `undefined`. */
  try<T>(subject: string, look: () => T, finding = failed(subject)): T | undefined {
    try {
      return look();
    } catch (error) {
      this.add(subject, finding(messageOf(error)));
      return undefined;
    }
  }
}

const failed = (subject: string) => (why: string) =>
  skipped("check-failed", `the check of ${subject} failed: ${why}`);

/** Reads a node: its attachments, devices and networks. */
function readNode(machine: CliContext, doctorOptions: DoctorOptions): SeenNode {
  const findings = new Findings();
  // These are errors, because the plugin itself would fail here, too.
  const attached = findings.try(
    "records",
    () => attachmentsOf(machine.node),
    (why) => error("records-unreadable", `the records of attachments cannot be read: ${why}`),
  );
  const pfs = findings.try(
    "devices",
    () => takeInventory(machine, attached ?? []).pfs,
    (why) => error("devices-unreadable", `the PFs and VFs cannot be read: ${why}`),
  );
  const networks = findings.try("network", () => networksOf(machine, attached ?? [], doctorOptions)) ?? {
    networks: [],
    findings: [],
  };
  let failures: RecentFailures | undefined;
  const recent = () => {
    failures ??= recentFailures(machine, logFilesOf(networks.networks));
    return failures;
  };
  return {
    context: { ...machine, ...doctorOptions, attached, pfs, networks, recent },
    findings: findings.all,
  };
}

/** Runs the checks, by default all. A check that fails becomes a finding, and does not prevent the others. */
function check(
  seen: SeenNode,
  { subjects, select = (context) => context }: Partial<ExaminedPart> = {},
): ReportedFinding[] {
  const findings = new Findings();
  const context = select(seen.context);
  for (const [subject, checkPart] of CHECKS) {
    if (subjects?.includes(subject) === false) continue;
    findings.add(subject, findings.try(subject, () => checkPart(context)) ?? []);
  }
  return [...seen.findings, ...findings.all];
}

/** Reads a node, and runs the checks, by default all. */
export function examine(
  machine: CliContext,
  doctorOptions: DoctorOptions,
  part: Partial<ExaminedPart> = {},
): ReportedFinding[] {
  return check(readNode(machine, doctorOptions), part);
}
