import { CniError, codes } from "./errors.ts";

/** Longest name of a file: NAME_MAX, linux/limits.h. */
const MAX_FILE_NAME = 255;

/**
 * Finds a plugin's executable: the first regular file of that name in the directories of CNI_PATH.
 *
 * Empty and relative directories are skipped: they would depend on the directory in which the runtime was started.
 * @param cniPath directories, separated by ":".
 * @param isFile reports whether a path is a regular file, following links. (The kernel checks the x-bit.)
 * @returns the absolute path of the executable.
 * @throws {CniError} 4 if CNI_PATH is empty; 999 if the name is invalid, or no directory contains the executable.
 */
export function findPlugin(name: string, cniPath: string, isFile: (path: string) => boolean): string {
  if (name === "") throw new CniError(codes.internal, "no plugin name provided");
  if (name.includes("/") || name.includes("\0") || name.length > MAX_FILE_NAME) {
    throw new CniError(codes.internal, `invalid plugin name: ${name.slice(0, MAX_FILE_NAME)}`);
  }
  if (cniPath === "")
    throw new CniError(codes.badEnvironment, `required env variables [CNI_PATH] missing: ${name} is in it`);
  const directories = cniPath.split(":").filter((directory) => directory.startsWith("/"));
  for (const directory of directories) {
    const path = pluginIn(directory, name);
    if (isFile(path)) return path;
  }
  throw new CniError(
    codes.internal,
    `failed to find plugin ${JSON.stringify(name)} in path [${directories.join(" ")}]`,
  );
}

/** Returns the path of a plugin in a directory of CNI_PATH. */
export function pluginIn(directory: string, name: string): string {
  return directory.endsWith("/") ? `${directory}${name}` : `${directory}/${name}`;
}

/** The CNI_* variables of a call of an IPAM plugin. */
export interface IpamVariables {
  readonly containerId: string;
  readonly ifname: string;
  /** "" for a DEL without a namespace. */
  readonly netns: string;
  /** CNI_ARGS. */
  readonly args: string;
  /** CNI_PATH. */
  readonly path: string;
}

/**
 * The variable that marks a call of an IPAM plugin, so that this executable recognizes that it is called as an IPAM
 * plugin, under whatever name, and does not start itself without end.
 */
export const IPAM_MARK = "IB_SRIOV_IPAM";

/**
 * Returns the environment of an IPAM plugin: that of this process with {@link IPAM_MARK} and the CNI_* variables of
 * `call`. During ADD only CNI_COMMAND can differ; the lease of a record is released with the variables of the ADD that
 * created it.
 * @param own environment of this process, `NAME=value` each.
 */
export function ipamEnvironment(own: readonly string[], command: string, call: IpamVariables): string[] {
  const environment = [...own];
  setVariable(environment, "CNI_COMMAND", command);
  setVariable(environment, "CNI_CONTAINERID", call.containerId);
  setVariable(environment, "CNI_IFNAME", call.ifname);
  setVariable(environment, "CNI_NETNS", call.netns);
  setVariable(environment, "CNI_ARGS", call.args);
  setVariable(environment, "CNI_PATH", call.path);
  setVariable(environment, IPAM_MARK, "1");
  return environment;
}

/** Returns the value of a variable in an environment of `NAME=value` each; "" if it is missing. */
export function variableIn(environment: readonly string[], name: string): string {
  return environment.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
}

/** Sets a variable. A missing variable is not added if its value is "", because for CNI empty is the same as unset. */
function setVariable(environment: string[], name: string, value: string): void {
  const prefix = `${name}=`;
  const at = environment.findIndex((entry) => entry.startsWith(prefix));
  if (at < 0) {
    if (value !== "") environment.push(prefix + value);
    return;
  }
  environment[at] = prefix + value;
  // Of a duplicate name some programs read the first entry, others the last, so only one entry is kept.
  for (let i = environment.length - 1; i > at; i--) {
    if (environment[i]?.startsWith(prefix)) environment.splice(i, 1);
  }
}
