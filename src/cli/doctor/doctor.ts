import { args, deferSignals, user } from "host";
import { messageOf } from "../../cni/error-document.ts";
import { attachmentsOf } from "../attachments/attachments.ts";
import { failuresText, recentFailures } from "../calls/recent-failures.ts";
import { type Command, type CommandCall, UsageError } from "../command.ts";
import { type CliContext, limitsOf, linuxContext, timeoutOption } from "../context.ts";
import { takeInventory } from "../inventory.ts";
import { listingOptions, printListing } from "../output/listing.ts";
import { colorize, printable } from "../output/text.ts";
import type { DoctorContext, DoctorOptions } from "./context.ts";
import type { Finding, Level } from "./finding.ts";
import { commandOf, fixAll, fixesText, safeFixesOf } from "./fix.ts";
import { guids } from "./guids.ts";
import { kernel } from "./kernel.ts";
import { networkChecks } from "./network-checks.ts";
import { networksOf } from "./networks.ts";
import { physicalFunctions } from "./physical-functions.ts";
import { ownPlugin } from "./plugins.ts";
import { examinePod, isPodInOrder, type PodReport, podDocument, podText } from "./pod.ts";
import { rdmaMode } from "./rdma.ts";
import { records, stateDirectory } from "./state.ts";
import { rdmaNaming } from "./udev.ts";
import { virtualFunctions } from "./virtual-functions.ts";

/** Directories of the networks of runtimes and of Multus. */
const NETWORK_DIRECTORIES = "/etc/cni/net.d:/etc/cni/multus/net.d";
const PLUGIN_DIRECTORY = "/opt/cni/bin";

/** Reports whether pods can be attached on this node, and the problems that prevent it. */
export const doctor: Command = {
  name: "doctor",
  summary: "Reports whether pods can be attached, which problems prevent it, and how to fix them",
  details: `Below each finding is the command that fixes it. Without --fix, the doctor changes nothing. The exit status is 1 if a
finding is "error": a pod cannot be attached, or its network does not work. With --fix it is that of the examination
after the remedies; with --pod it is 1 if the pod has no VF, if its last call failed, or if a finding is "error".`,
  examples: [
    ["ib-sriov doctor --pod default/trainer-0", "answers for one pod"],
    ["ib-sriov doctor --fix --dry-run", "prints the commands that fix problems safely"],
  ],
  options: [
    {
      name: "cni-path",
      value: "DIRECTORIES",
      summary: `directories of plugins (default ${PLUGIN_DIRECTORY})`,
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
  run(call: CommandCall): number {
    const { options } = call;
    const machine = linuxContext();
    const doctorOptions = {
      cniPath: options.get("cni-path") ?? PLUGIN_DIRECTORY,
      confDirs: (options.get("cni-conf-dir") ?? NETWORK_DIRECTORIES).split(":"),
      program: args()[0] ?? "ib-sriov",
    };
    const pod = options.get("pod");
    if (pod !== undefined && options.has("fix"))
      throw new UsageError("--fix is for the whole node, and cannot be combined with --pod");
    if (pod !== undefined) return answerForPod(call, examinePod(machine, doctorOptions, pod, examine));
    if (options.has("fix")) return fix(call, machine, doctorOptions);
    if (options.has("dry-run")) throw new UsageError("--dry-run needs --fix");
    const recent = recentFailures(machine, doctorOptions);
    const examined = examine(machine, doctorOptions);
    const attachable = !examined.some(({ level }) => level === "error");
    printListing(call, {
      document: { attachable, recentFailures: recent, findings: examined },
      names: examined.filter(({ level }) => level !== "ok").map(({ subject }) => subject),
      text: () => failuresText(recent) + textOf(examined),
    });
    return attachable ? 0 : 1;
  },
};

/** Carries out the safe remedies, and reports the node as it is then. */
function fix(call: CommandCall, machine: CliContext, doctorOptions: DoctorOptions): number {
  const { program } = doctorOptions;
  if (call.options.has("dry-run")) {
    const commands = safeFixesOf(examine(machine, doctorOptions)).map((each) => commandOf(each, program));
    printListing(call, { document: { commands }, names: commands, text: () => commands.join("\n") });
    return 0;
  }
  if (user() !== 0) throw new Error("--fix changes the node, and must run as root");
  deferSignals();
  const limits = () => limitsOf(machine.node, call);
  const { fixes, findings } = fixAll(machine, program, limits, () => examine(machine, doctorOptions));
  const attachable = !findings.some(({ level }) => level === "error");
  printListing(call, {
    document: { attachable, fixes, findings },
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

/** A finding with its subject. */
export interface ReportedFinding extends Finding {
  readonly subject: string;
}

/** The checks by subject, in the order of the report. */
const CHECKS: readonly (readonly [string, (context: DoctorContext) => readonly Finding[]])[] = [
  ["kernel", kernel],
  ["PF", physicalFunctions],
  ["VF", virtualFunctions],
  ["GUID", guids],
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

/** Runs the checks, by default all. A check that fails becomes a finding, and does not prevent the others. */
export function examine(
  machine: CliContext,
  doctorOptions: DoctorOptions,
  { subjects, select = (context) => context }: Partial<ExaminedPart> = {},
): ReportedFinding[] {
  const examined: ReportedFinding[] = [];
  const seen = <T>(subject: string, level: Level, look: () => T): T | undefined => {
    try {
      return look();
    } catch (error) {
      examined.push({ subject, level, found: messageOf(error), advice: "the doctor must run as root" });
      return undefined;
    }
  };
  // An "error", because the plugin itself would fail here, too.
  const attached = seen("records", "error", () => attachmentsOf(machine.node));
  const pfs = seen("devices", "error", () => takeInventory(machine, attached ?? []).pfs);
  const networks = seen("network", "unknown", () => networksOf(machine, attached ?? [], doctorOptions));
  const context = select({
    ...machine,
    ...doctorOptions,
    attached,
    pfs,
    networks: networks ?? { networks: [], findings: [] },
  });
  for (const [subject, check] of CHECKS) {
    if (subjects?.includes(subject) === false) continue;
    const findings = seen(subject, "unknown", () => check(context)) ?? [];
    examined.push(...findings.map((finding) => ({ subject, ...finding })));
  }
  return examined;
}

/** Formats the findings as text. */
export function textOf(examined: readonly ReportedFinding[]): string {
  const lines = examined.flatMap(findingLines);
  const [errors, warnings] = ["error", "warning"].map(
    (level) => examined.filter((each) => each.level === level).length,
  );
  const verdict = errors === 0 ? "Pods can be attached" : "Not all pods can be attached";
  return [...lines, "", `${verdict}: ${errors} errors, ${warnings} warnings`].join("\n");
}

/** Formats a finding as lines of text: the finding, and below it the remedy. */
export function findingLines({ level, subject, found, command, advice }: ReportedFinding): string[] {
  return [
    `${colorize(level === "unknown" ? "aside" : level, level.padEnd(8))}  ${subject.padEnd(7)}  ${printable(found)}`,
    ...(command === undefined ? [] : [`${INDENT}${printable(command)}`]),
    ...(advice === undefined ? [] : [`${INDENT}${colorize("aside", `(${printable(advice)})`)}`]),
  ];
}

const INDENT = " ".repeat(19);
