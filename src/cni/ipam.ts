import { CniError, codes } from "./errors.ts";

/** Longest name of a file: NAME_MAX, linux/limits.h. */
const MAX_FILE_NAME = 255;

/**
 * Finds a plugin's executable: the first regular file of that name in the directories of CNI_PATH.
 *
 * Empty and relative directories are passed over: they would run whatever lies in the directory that the
 * runtime happened to be started in.
 * @param cniPath directories, separated by ":".
 * @param isFile is there a regular file, links followed? (The x-bit is the kernel's to check.)
 * @returns its absolute path.
 * @throws {CniError} 999 where the name is none or nothing is found.
 */
export function findPlugin(name: string, cniPath: string, isFile: (path: string) => boolean): string {
  if (name === "") throw new CniError(codes.internal, "no plugin name provided");
  if (name.includes("/") || name.includes("\0") || name.length > MAX_FILE_NAME) {
    throw new CniError(codes.internal, `invalid plugin name: ${name.slice(0, MAX_FILE_NAME)}`);
  }
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

/** The path of a plugin in a directory of CNI_PATH. */
export function pluginIn(directory: string, name: string): string {
  return directory.endsWith("/") ? `${directory}${name}` : `${directory}/${name}`;
}

/** The CNI_* variables of a call of an IPAM plugin. */
export interface IpamVariables {
  readonly containerId: string;
  readonly ifname: string;
  /** "" where DEL comes without a namespace. */
  readonly netns: string;
  /** CNI_ARGS. */
  readonly args: string;
  /** CNI_PATH. */
  readonly path: string;
}

/**
 * The environment of an IPAM plugin: our own, with CNI_COMMAND and whatever else differs from the call in its
 * place. During ADD that is CNI_COMMAND alone; the lease of a record is released with the variables of the
 * ADD that made it, whatever environment we have ourselves.
 * @param own `NAME=value` each.
 */
export function ipamEnvironment(own: readonly string[], command: string, call: IpamVariables): string[] {
  const environment = [...own];
  setVariable(environment, "CNI_COMMAND", command);
  setVariable(environment, "CNI_CONTAINERID", call.containerId);
  setVariable(environment, "CNI_IFNAME", call.ifname);
  setVariable(environment, "CNI_NETNS", call.netns);
  setVariable(environment, "CNI_ARGS", call.args);
  setVariable(environment, "CNI_PATH", call.path);
  return environment;
}

/** The value of a variable in an environment of `NAME=value` each; "" if it is not there. */
export function variableIn(environment: readonly string[], name: string): string {
  return environment.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
}

/** In its place, once. One that is not there and shall be "" stays away, since CNI takes empty for unset. */
function setVariable(environment: string[], name: string, value: string): void {
  const prefix = `${name}=`;
  const at = environment.findIndex((entry) => entry.startsWith(prefix));
  if (at < 0) {
    if (value !== "") environment.push(prefix + value);
    return;
  }
  environment[at] = prefix + value;
  // A name that stands there twice is read as the first by some, as the last by others.
  for (let i = environment.length - 1; i > at; i--) {
    if (environment[i]?.startsWith(prefix)) environment.splice(i, 1);
  }
}
