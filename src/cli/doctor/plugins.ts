import { messageOf } from "../../cni/error-document.ts";
import { findPlugin } from "../../cni/ipam.ts";
import { VERSION_CALL, versionsIn } from "../../cni/versions.ts";
import type { Node } from "../../node/node.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, type Remedy } from "./finding.ts";
import { shellWord } from "./shell.ts";

/** Directories into which distributions install CNI plugins. */
const USUAL_DIRECTORIES = ["/usr/lib/cni", "/usr/libexec/cni", "/usr/local/lib/cni", "/opt/cni/bin"];
/** Time limit for a plugin's answer to VERSION, ms. The answer takes a few ms, but a node can be busy. */
const ANSWER_TIME = 10_000;

/** Checks this plugin itself, in the directories that the runtime searches. */
export function ownPlugin({ node, cniPath, program }: DoctorContext): Finding[] {
  const found = pluginIn(node, "ib-sriov", cniPath);
  const command = `${shellWord(program)} install --cni-bin-dir ${firstOf(cniPath)} --no-sleep`;
  return typeof found === "string"
    ? error(found, { command })
    : ok(`${found.path}, CNI ${found.versions[0]} to ${found.versions.at(-1)}`);
}

/**
 * Checks an IPAM plugin.
 * @param version of CNI that it must support.
 * @param which the network that needs it.
 */
export function ipamPlugin(
  node: Node,
  name: string,
  cniPath: string,
  version: string,
  which: string,
): Finding[] {
  const found = pluginIn(node, name, cniPath);
  if (typeof found === "string") return error(`${which}: ${found}`, remedyFor(node, name, cniPath));
  const { path, versions } = found;
  if (versions.includes(version)) return ok(`${which}, addresses by ${path}`);
  return error(`${which} has CNI ${version}, but ${path} supports ${versions.join(", ")}`, {
    advice: `lower the network's cniVersion, or install a newer ${name}`,
  });
}

function remedyFor(node: Node, name: string, cniPath: string): Remedy {
  const there = USUAL_DIRECTORIES.map((directory) => `${directory}/${name}`).find((path) =>
    node.files.isFile(path),
  );
  if (there !== undefined) return { command: `cp ${shellWord(there)} ${firstOf(cniPath)}/` };
  return {
    advice: `install it in ${firstOf(cniPath)} (Debian's package is containernetworking-plugins)`,
  };
}

function firstOf(cniPath: string): string {
  return shellWord(cniPath.split(":")[0] ?? "");
}

/** Returns the path of a plugin and the versions that it supports; a message if it is missing, or does not run. */
function pluginIn(
  node: Node,
  name: string,
  cniPath: string,
): { readonly path: string; readonly versions: readonly unknown[] } | string {
  let path = name;
  try {
    path = findPlugin(name, cniPath, (file) => node.files.isFile(file));
    const versions = versionsIn(answerOf(node, path));
    return versions === undefined ? `${path} does not answer VERSION like a CNI plugin` : { path, versions };
  } catch (error) {
    return messageOf(error);
  }
}

function answerOf({ processes, clock }: Node, path: string): string {
  const deadline = clock.now() + ANSWER_TIME;
  const child = processes.start({ path, ...VERSION_CALL, deadline });
  try {
    return child.wait(deadline).stdout;
  } finally {
    child.kill();
  }
}
