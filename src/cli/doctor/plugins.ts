import { messageOf } from "../../cni/error-document.ts";
import { findPlugin } from "../../cni/ipam.ts";
import { VERSION_CALL, versionsIn } from "../../cni/versions.ts";
import { TimeoutError } from "../../node/clock.ts";
import { errnoOf, type Node } from "../../node/node.ts";
import { parentOf } from "../../node/path.ts";
import type { CliContext } from "../context.ts";
import { shellWord } from "../run-script.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, type Remedy } from "./finding.ts";
import { execCommand, writingRemedy } from "./inputs/mounts.ts";

/** The directory of plugins that most runtimes use. */
export const PLUGIN_DIRECTORY = "/opt/cni/bin";
/** Directories into which distributions install CNI plugins. */
const USUAL_DIRECTORIES = ["/usr/lib/cni", "/usr/libexec/cni", "/usr/local/lib/cni", PLUGIN_DIRECTORY];
/** Plugins of which every runtime's directory has one. */
const COMMON_PLUGINS = ["loopback", "host-local", "bridge", "portmap", "multus"];
/** Time limit for a plugin's answer to VERSION, ms. The answer takes a few ms, but a node can be busy. */
const ANSWER_TIME = 5000;

/**
 * Returns the directory of plugins that is examined by default: the directory of this executable if other plugins are
 * in it, because some distributions have their own (OpenShift, k3s, Talos).
 */
export function pluginDirectoryOf(executable: string, isFile: (path: string) => boolean): string {
  const directory = parentOf(executable);
  return COMMON_PLUGINS.some((name) => isFile(`${directory}/${name}`)) ? directory : PLUGIN_DIRECTORY;
}

/** Checks this plugin itself, in the directories that the runtime searches. */
export function ownPlugin(context: DoctorContext): Finding[] {
  const { node, cniPath, program } = context;
  const probe = probePlugin(node, "ib-sriov", cniPath);
  const directory = probe.kind === "missing" ? firstOf(cniPath) : parentOf(probe.path);
  const install = `${shellWord(program)} install --cni-bin-dir ${shellWord(directory)} --no-sleep`;
  if (probe.kind === "answers")
    return ok("plugin-ok", `${probe.path}, CNI ${probe.versions[0]} to ${probe.versions.at(-1)}`);
  if (probe.kind === "missing")
    return error("plugin-missing", probe.message, writingRemedy(context, directory, install));
  return error(
    "plugin-broken",
    probe.message,
    probe.kind === "not executable"
      ? executableRemedy(context, probe.path)
      : writingRemedy(context, directory, install),
  );
}

/** Returns the remedy for a program that the kernel refuses to execute (EACCES): because of its mount, or its mode. */
function executableRemedy(machine: CliContext, path: string): Remedy {
  const command = execCommand(machine.inventory, path);
  if (command !== undefined) return { command, advice: "until the next boot; see /etc/fstab" };
  return writingRemedy(machine, parentOf(path), `chmod 755 ${shellWord(path)}`);
}

/**
 * Checks an IPAM plugin.
 * @param version of CNI that it must support.
 * @param which the network that needs it.
 */
export function ipamPlugin(
  { machine, probe: probing }: PluginProber,
  name: string,
  cniPath: string,
  version: string,
  which: string,
): Finding[] {
  const probe = probing(name, cniPath);
  switch (probe.kind) {
    case "missing":
      return error("ipam-missing", `${which}: ${probe.message}`, missingRemedy(machine, name, cniPath));
    case "not executable":
      return error("ipam-broken", `${which}: ${probe.message}`, executableRemedy(machine, probe.path));
    case "hangs":
      return error("ipam-hangs", `${which}: ${probe.message}`, {
        advice: `to see it: CNI_COMMAND=VERSION ${shellWord(probe.path)} </dev/null`,
      });
    case "fails":
      return error("ipam-broken", `${which}: ${probe.message}`, {
        advice: `install ${name} again`,
      });
  }
  const { path, versions } = probe;
  if (versions.includes(version)) return ok("network-ok", `${which}, addresses by ${path}`);
  return error("ipam-version", `${which} has CNI ${version}, but ${path} supports ${versions.join(", ")}`, {
    advice: `lower the network's cniVersion, or install a newer ${name}`,
  });
}

/** Calls plugins, each only once, because a plugin that hangs takes some seconds. */
export interface PluginProber {
  readonly machine: CliContext;
  readonly probe: (name: string, cniPath: string) => Probe;
}

/** Returns a prober for the networks of a node. */
export function pluginProber(machine: CliContext): PluginProber {
  const probes = new Map<string, Probe>();
  return {
    machine,
    probe(name, cniPath) {
      const key = `${name} ${cniPath}`;
      const probe = probes.get(key) ?? probePlugin(machine.node, name, cniPath);
      probes.set(key, probe);
      return probe;
    },
  };
}

/** The result of a VERSION call of a plugin. */
type Probe =
  | { readonly kind: "missing"; readonly message: string }
  | { readonly kind: "not executable" | "hangs" | "fails"; readonly path: string; readonly message: string }
  | { readonly kind: "answers"; readonly path: string; readonly versions: readonly unknown[] };

function probePlugin(node: Node, name: string, cniPath: string): Probe {
  let path: string;
  try {
    path = findPlugin(name, cniPath, (file) => node.files.isFile(file));
  } catch (error) {
    return { kind: "missing", message: messageOf(error) };
  }
  try {
    const versions = versionsIn(answerOf(node, path));
    if (versions !== undefined) return { kind: "answers", path, versions };
    return { kind: "fails", path, message: `${path} does not answer VERSION like a CNI plugin` };
  } catch (error) {
    if (error instanceof TimeoutError)
      return {
        kind: "hangs",
        path,
        message: `${path} hangs: no answer to VERSION for ${ANSWER_TIME / 1000} s`,
      };
    if (errnoOf(error) === "EACCES")
      return { kind: "not executable", path, message: `${path} is not executable (EACCES)` };
    return { kind: "fails", path, message: `${path} does not run: ${messageOf(error)}` };
  }
}

/** Returns the remedy for a plugin that is in none of the directories, but possibly in another. */
function missingRemedy(machine: CliContext, name: string, cniPath: string): Remedy {
  const there = USUAL_DIRECTORIES.map((directory) => `${directory}/${name}`).find(
    (path) => !name.includes("/") && machine.node.files.isFile(path),
  );
  const directory = firstOf(cniPath);
  if (there !== undefined)
    return writingRemedy(machine, directory, `cp ${shellWord(there)} ${shellWord(directory)}/`);
  return {
    advice: `install it in ${shellWord(directory)} (Debian's package is containernetworking-plugins)`,
  };
}

function firstOf(cniPath: string): string {
  return cniPath.split(":")[0] ?? "";
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
