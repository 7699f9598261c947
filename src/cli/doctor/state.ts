import { root, StateDirectory } from "../../attachment/state-directory.ts";
import { netdevOf } from "../../attachment/vf-netdev.ts";
import { messageOf } from "../../cni/error-document.ts";
import { errnoOf } from "../../node/node.ts";
import type { Attached } from "../attachments.ts";
import { holderText } from "../list.ts";
import type { Machine } from "../machine.ts";
import { bad, doubtful, type Finding, good, type Remedy } from "./finding.ts";
import type { Patient } from "./patient.ts";
import { listed, shellWord } from "./shell.ts";

/** The directory of records and locks: without it no pod is attached. */
export function stateDirectory(machine: Machine): Finding[] {
  try {
    new StateDirectory(machine.node.files).requireWritable();
    return good(`${root} can be written to`);
  } catch (error) {
    return bad(`${root} cannot be written to: ${messageOf(error)}`, remedyFor(machine, errnoOf(error)));
  }
}

function remedyFor({ node, inventory }: Machine, errno: string | undefined): Remedy {
  if (errno === "EROFS") {
    const mount = mountPoint(inventory.text("/proc/self/mountinfo") ?? "");
    return { command: `mount -o remount,rw ${shellWord(mount)}` };
  }
  if (errno === "ENOTDIR") {
    const path = ["/var/lib/cni", root].find((each) => node.files.isFile(each)) ?? `${root}/.vf`;
    return { command: `mv ${path} ${path}.old` };
  }
  return { advice: errno === "ENOSPC" ? `make room there: df ${root}; df -i ${root}` : "run as root?" };
}

/** Where the file system of the state directory is mounted, out of mountinfo (proc(5)): the deepest, of several the last. */
function mountPoint(mounts: string): string {
  let deepest = "/";
  for (const line of mounts.split("\n")) {
    const point = line.split(" ")[4] ?? "";
    if (`${root}/`.startsWith(`${point}/`) && point.length >= deepest.length) deepest = point;
  }
  return deepest;
}

/** What attachments have left behind. */
export function records({ node, attached, cniPath, program }: Patient): Finding[] {
  if (attached === undefined) return [];
  const short: Finding[] = [];
  const left: string[] = [];
  let foreign = "";
  for (const each of attached) {
    const { condition, path, pci = "" } = each;
    if (condition === "dead" || condition === "broken") left.push(holderText(each));
    if (condition === "destroyed")
      short.push(
        ...doubtful(`VF ${pci} was destroyed while it was attached: ${holderText(each)}`, {
          advice: "restart the pod: it gets another VF, and the DEL of this one releases its lease",
        }),
      );
    if (condition === "unreadable") short.push(...unreadableRecord(each, program));
    if (condition !== "foreign") continue;
    foreign = "; those of the Go plugin are detached by DEL, too";
    // Home again, or gone.
    if (netdevOf(node, node.namespaces.host, pci) !== undefined || node.functions.driver(pci) === undefined)
      short.push(
        ...doubtful(`${path} is the Go plugin's, and VF ${pci} is not in that container`, {
          command: detachCommand(each, cniPath, program),
        }),
      );
  }
  const owed = new StateDirectory(node.files).owedPaths().length;
  const command = `${shellWord(program)} gc`;
  if (left.length > 0) short.push(...doubtful(`left behind: ${listed(left)}`, { command }));
  if (owed > 0)
    short.push(...doubtful(`leases of dead attachments that are still to be released: ${owed}`, { command }));
  return short.length > 0 ? short : good(`${attached.length} attachments${foreign}`);
}

/** A record that cannot be read keeps its VF, if a lock file names it, and its name. */
function unreadableRecord({ path, name, pci, unreadable }: Attached, program: string): Finding[] {
  const what = `${path} cannot be read (${unreadable})`;
  if (name === undefined)
    return doubtful(`${what}: an ADD of that name is refused`, { command: `rm -r ${shellWord(path)}` });
  const words = [program, "attachments", "release", name.containerId, name.ifname, "--force"];
  return doubtful(`${what}: VF ${pci} stays with container ${name.containerId}`, {
    advice: `if the container has ended, and nothing calls DEL: ${words.map(shellWord).join(" ")}`,
  });
}

/** What the Go plugin has written down is the network's configuration, and more: DEL can be made up for with that. */
function detachCommand({ path, name }: Attached, cniPath: string, program: string): string {
  // It had no interface, and its VF is gone.
  if (name === undefined) return `rm ${shellWord(path)}`;
  const words = [
    "CNI_COMMAND=DEL",
    `CNI_CONTAINERID=${name.containerId}`,
    `CNI_IFNAME=${name.ifname}`,
    `CNI_PATH=${cniPath}`,
    program,
  ];
  return `${words.map(shellWord).join(" ")} <${shellWord(path)}`;
}
