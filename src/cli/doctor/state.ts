import { STATE_DIRECTORY, StateDirectory } from "../../attachment/record/state-directory.ts";
import { shellWord } from "../../attachment/shell-word.ts";
import { netdevOf } from "../../attachment/vf/netdev.ts";
import { messageOf } from "../../cni/error-document.ts";
import { CniError } from "../../cni/errors.ts";
import { errnoOf, type Node } from "../../node/node.ts";
import { baseName } from "../../node/path.ts";
import { attachmentText } from "../attachments/attachment-text.ts";
import type { ListedAttachment } from "../attachments/attachments.ts";
import type { CliContext } from "../context.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, type Remedy, warning } from "./finding.ts";
import { remountRemedy } from "./inputs/mounts.ts";
import { listed, moveCommand } from "./shell.ts";

/** Checks the directory of records and locks, which every attachment needs. */
export function stateDirectory(machine: CliContext): Finding[] {
  try {
    new StateDirectory(machine.node.files).requireWritable();
    return ok("state-ok", `${STATE_DIRECTORY} can be written to`);
  } catch (cause) {
    if (cause instanceof CniError) return error("state-untrusted", cause.message);
    return error(
      "state-not-writable",
      `${STATE_DIRECTORY} cannot be written to: ${messageOf(cause)}`,
      remedyFor(machine, errnoOf(cause)),
    );
  }
}

function remedyFor({ node, inventory }: CliContext, errno: string | undefined): Remedy {
  if (errno === "EROFS") return remountRemedy(inventory, STATE_DIRECTORY);
  if (errno === "ENOTDIR") {
    const path =
      ["/var/lib/cni", STATE_DIRECTORY].find((each) => node.files.isFile(each)) ?? `${STATE_DIRECTORY}/.vf`;
    return { command: moveCommand(node, path, path) };
  }
  return {
    advice:
      errno === "ENOSPC"
        ? `make room there: df ${STATE_DIRECTORY}; df -i ${STATE_DIRECTORY}`
        : "check the permissions of the directory, and the security module (dmesg)",
  };
}

/** Returns the command that moves a file out of the state directory. */
function moveAway(node: Node, path: string): string {
  return moveCommand(node, path, `${STATE_DIRECTORY}-${baseName(path)}`);
}

/** Checks the records of attachments. */
export function records({ node, attached, cniPath, program }: DoctorContext): Finding[] {
  if (attached === undefined) return [];
  const problems: Finding[] = [];
  const left: string[] = [];
  let foreign = "";
  for (const each of attached) {
    const { condition, path, pci = "" } = each;
    if (condition === "orphaned" || condition === "undo-failed") left.push(attachmentText(each));
    if (condition === "destroyed")
      problems.push(
        ...warning(
          "vf-destroyed",
          `VF ${pci} was destroyed while it was attached: ${attachmentText({ ...each, condition: "attached" })}`,
          {
            advice: "restart the pod: it gets another VF, and the DEL of this one releases its lease",
          },
        ),
      );
    if (condition === "unreadable") problems.push(...unreadableRecord(node, each, program));
    if (condition !== "go-plugin") continue;
    foreign = "; those of the Go plugin are detached by DEL, too";
    // The netdev is in the host namespace again, or the VF does not exist.
    if (netdevOf(node, node.namespaces.host, pci) !== undefined || node.functions.driver(pci) === undefined)
      problems.push(
        ...warning("record-go-plugin", `${path} is the Go plugin's, and VF ${pci} is not in that container`, {
          command: detachCommand(node, each, cniPath, program),
        }),
      );
  }
  const unreleased = new StateDirectory(node.files).unreleasedLeases().length;
  const remedy: Remedy = { command: `${shellWord(program)} gc`, fix: { kind: "gc" } };
  if (left.length > 0) problems.push(...warning("record-left", `left behind: ${listed(left)}`, remedy));
  if (unreleased > 0)
    problems.push(
      ...warning(
        "lease-unreleased",
        `leases of orphaned attachments that are not released yet: ${unreleased}`,
        remedy,
      ),
    );
  return problems.length > 0 ? problems : ok("records-ok", `${attached.length} attachments${foreign}`);
}

/** Returns the finding about an unreadable record, which blocks its name, and its VF if a lock file names the VF. */
function unreadableRecord(
  node: Node,
  { path, name, pci, unreadable }: ListedAttachment,
  program: string,
): Finding[] {
  const what = `${path} cannot be read (${unreadable})`;
  if (name === undefined)
    return warning("record-unreadable", `${what}: an ADD of that name is refused`, {
      command: moveAway(node, path),
    });
  const words = [program, "attachments", "release", name.containerId, name.ifname, "--force"];
  return warning("record-unreadable", `${what}: VF ${pci} stays with container ${name.containerId}`, {
    advice: `if the container has ended, and nothing calls DEL: ${words.map(shellWord).join(" ")}`,
  });
}

/**
 * Returns the shell command that calls DEL for a record of the Go plugin. The record contains the configuration that DEL
 * needs.
 */
function detachCommand(
  node: Node,
  { path, name }: ListedAttachment,
  cniPath: string,
  program: string,
): string {
  // The attachment had no interface, and its VF has vanished.
  if (name === undefined) return moveAway(node, path);
  const words = [
    "CNI_COMMAND=DEL",
    `CNI_CONTAINERID=${name.containerId}`,
    `CNI_IFNAME=${name.ifname}`,
    `CNI_PATH=${cniPath}`,
    program,
  ];
  return `${words.map(shellWord).join(" ")} <${shellWord(path)}`;
}
