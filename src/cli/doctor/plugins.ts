import { messageOf } from "../../cni/error-document.ts";
import { findPlugin } from "../../cni/ipam.ts";
import { VERSION_QUESTION, versionsIn } from "../../cni/versions.ts";
import type { Node } from "../../node/node.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, type Remedy } from "./finding.ts";
import { shellWord } from "./shell.ts";

/** Where distributions put CNI plugins. */
const ELSEWHERE = ["/usr/lib/cni", "/usr/libexec/cni", "/usr/local/lib/cni", "/opt/cni/bin"];
/** How long a plugin may take to say its versions, ms. It takes some; a node can be busy. */
const ANSWER_TIME = 10_000;

/** This plugin itself, as a runtime finds it. */
export function ownPlugin({ node, cniPath, program }: DoctorContext): Finding[] {
  const found = pluginIn(node, "ib-sriov", cniPath);
  const command = `${shellWord(program)} install --cni-bin-dir ${firstOf(cniPath)} --no-sleep`;
  return typeof found === "string"
    ? error(found, { command })
    : ok(`${found.path}, CNI ${found.versions[0]} to ${found.versions.at(-1)}`);
}

/**
 * An IPAM plugin.
 * @param version of CNI that it must speak.
 * @param which network needs it.
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
  return error(`${which} has CNI ${version}, but ${path} speaks ${versions.join(", ")}`, {
    advice: `lower the network's cniVersion, or install a newer ${name}`,
  });
}

function remedyFor(node: Node, name: string, cniPath: string): Remedy {
  const there = ELSEWHERE.map((directory) => `${directory}/${name}`).find((path) => node.files.isFile(path));
  if (there !== undefined) return { command: `cp ${shellWord(there)} ${firstOf(cniPath)}/` };
  return {
    advice: `install it in ${firstOf(cniPath)} (package containernetworking-plugins?)`,
  };
}

function firstOf(cniPath: string): string {
  return shellWord(cniPath.split(":")[0] ?? "");
}

/** A plugin and the versions of CNI that it speaks; what is wrong where there is none, or it does not run. */
function pluginIn(
  node: Node,
  name: string,
  cniPath: string,
): { readonly path: string; readonly versions: readonly unknown[] } | string {
  let path = name;
  try {
    path = findPlugin(name, cniPath, (file) => node.files.isFile(file));
    const versions = versionsIn(answerOf(node, path));
    return versions === undefined ? `${path} does not answer as a CNI plugin does` : { path, versions };
  } catch (error) {
    return messageOf(error);
  }
}

function answerOf({ processes, clock }: Node, path: string): string {
  const deadline = clock.now() + ANSWER_TIME;
  const child = processes.start({ path, ...VERSION_QUESTION, deadline });
  try {
    return child.wait(deadline).stdout;
  } finally {
    child.kill();
  }
}
