import { args } from "host";
import { messageOf } from "../../cni/error-document.ts";
import { attachmentsOf } from "../attachments/attachments.ts";
import { type Command, type CommandCall, jsonOption } from "../command.ts";
import { type CliContext, linuxContext } from "../context.ts";
import { takeInventory } from "../inventory.ts";
import { colorize, printJson, printLine } from "../output.ts";
import type { DoctorContext, DoctorOptions } from "./context.ts";
import type { Finding, Level } from "./finding.ts";
import { guids } from "./guids.ts";
import { kernel } from "./kernel.ts";
import { networkChecks } from "./network-checks.ts";
import { networksOf } from "./networks.ts";
import { physicalFunctions } from "./physical-functions.ts";
import { ownPlugin } from "./plugins.ts";
import { rdmaMode } from "./rdma.ts";
import { records, stateDirectory } from "./state.ts";
import { rdmaNaming } from "./udev.ts";
import { virtualFunctions } from "./virtual-functions.ts";

/** Where runtimes have their networks, and Multus its own. */
const NETWORKS = "/etc/cni/net.d:/etc/cni/multus/net.d";
const PLUGINS = "/opt/cni/bin";

/** Can pods be attached on this node, and what is in the way? */
export const doctor: Command = {
  name: "doctor",
  summary: "Tells whether pods can be attached, what is in the way, and how to mend it",
  details: `Below each finding stands the command that mends it. Nothing is changed. The exit status is 1 where one is "error":
a pod cannot be attached, or what it gets does not work.`,
  options: [
    { name: "cni-path", value: "DIRECTORIES", summary: `where the plugins are (default ${PLUGINS})` },
    { name: "cni-conf-dir", value: "DIRECTORIES", summary: `where the networks are (default ${NETWORKS})` },
    jsonOption,
  ],
  run({ options }: CommandCall): number {
    const examined = examine(linuxContext(), {
      cniPath: options.get("cni-path") ?? PLUGINS,
      confDirs: (options.get("cni-conf-dir") ?? NETWORKS).split(":"),
      program: args()[0] ?? "ib-sriov",
    });
    const attachable = !examined.some(({ level }) => level === "error");
    if (options.has("json")) printJson({ attachable, findings: examined });
    else printLine(textOf(examined));
    return attachable ? 0 : 1;
  },
};

/** A finding, and what it is about. */
export interface Examined extends Finding {
  readonly subject: string;
}

/** What is looked at, in the order in which it is told. */
const CHECKS: readonly (readonly [string, (patient: DoctorContext) => readonly Finding[]])[] = [
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

/** Looks at everything. What cannot be looked at is a finding, too, and keeps nothing else from being looked at. */
export function examine(machine: CliContext, given: DoctorOptions): Examined[] {
  const examined: Examined[] = [];
  const seen = <T>(subject: string, level: Level, look: () => T): T | undefined => {
    try {
      return look();
    } catch (error) {
      examined.push({ subject, level, found: messageOf(error), advice: "run as root?" });
      return undefined;
    }
  };
  // The plugin itself would not get further.
  const attached = seen("records", "error", () => attachmentsOf(machine.node));
  const pfs = seen("devices", "error", () => takeInventory(machine, attached ?? []).pfs);
  const networks = seen("network", "unknown", () => networksOf(machine, attached ?? [], given));
  const patient = {
    ...machine,
    ...given,
    attached,
    pfs,
    networks: networks ?? { networks: [], findings: [] },
  };
  for (const [subject, check] of CHECKS) {
    const findings = seen(subject, "unknown", () => check(patient)) ?? [];
    examined.push(...findings.map((finding) => ({ subject, ...finding })));
  }
  return examined;
}

/** The findings for people. */
export function textOf(examined: readonly Examined[]): string {
  const lines = examined.flatMap(({ level, subject, found, command, advice }) => [
    `${colorize(level === "unknown" ? "aside" : level, level.padEnd(8))}  ${subject.padEnd(7)}  ${printable(found)}`,
    ...(command === undefined ? [] : [`${INDENT}${printable(command)}`]),
    ...(advice === undefined ? [] : [`${INDENT}${colorize("aside", `(${printable(advice)})`)}`]),
  ]);
  const [errors, warnings] = ["error", "warning"].map(
    (level) => examined.filter((each) => each.level === level).length,
  );
  const verdict = errors === 0 ? "Pods can be attached" : "Not all pods can be attached";
  return [...lines, "", `${verdict}: ${errors} errors, ${warnings} warnings`].join("\n");
}

const INDENT = " ".repeat(19);

/** Names can be a container's, and a terminal obeys control characters. */
function printable(text: string): string {
  return text.replace(/[^ -~\u00a0-\uffff]/g, "?");
}
