import { ipamTypeOf } from "../../cni/configuration.ts";
import { fromJson, isObject } from "../../cni/document.ts";
import { findPlugin, type IpamVariables, ipamEnvironment, pluginIn, variableIn } from "../../cni/ipam.ts";
import { requireDelegateSuccess } from "../../cni/ipam-outcome.ts";
import { versionsIn } from "../../cni/versions.ts";
import type { Node } from "../../node/node.ts";
import type { Child } from "../../node/processes.ts";
import { attempt } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { AttachmentName, AttachmentRecord } from "../record/record.ts";

/** All that an IPAM plugin is called with, whoever calls it: ADD itself, or much later somebody else. */
export interface IpamCall extends IpamVariables {
  /** `ipam.type`, the plugin's file name. */
  readonly plugin: string;
  /** The network configuration, unaltered. */
  readonly stdin: string;
}

/** What an IPAM plugin can be asked. */
type IpamCommand = "ADD" | "DEL" | "CHECK" | "GC" | "STATUS" | "VERSION";

/** The call that made the record's lease; undefined where no IPAM was configured, or there is nothing to put addresses on. */
export function ipamCallOf(record: AttachmentRecord): IpamCall | undefined {
  if (record.mode !== undefined) return undefined;
  return ipamCallFor(record, record.netns, record.call);
}

/**
 * How the IPAM plugin of a network configuration is called for an attachment; undefined where there is none.
 * @param netns CNI_NETNS, "" where there is none.
 */
export function ipamCallFor(
  { containerId, ifname }: AttachmentName,
  netns: string,
  { stdin, args, path }: { readonly stdin: string; readonly args: string; readonly path: string },
): IpamCall | undefined {
  const plugin = ipamTypeOf(stdin);
  return plugin === undefined ? undefined : { plugin, stdin, containerId, ifname, netns, args, path };
}

/**
 * How the IPAM plugin is asked about a record's lease: as the runtime calls us, which may carry what the plugin
 * expects (prevResult), unless the network was changed under the running container: then what ADD was called with
 * names the lease.
 * @param given the runtime's call; undefined where its configuration has no IPAM.
 */
export function callForLease(given: IpamCall | undefined, record: AttachmentRecord): IpamCall | undefined {
  const recorded = ipamCallOf(record);
  if (recorded === undefined || given === undefined) return recorded;
  return sameLease(recorded, given) ? given : recorded;
}

/** Do both speak of one lease: same network, same `ipam`, same attachment? */
export function sameLease(one: IpamCall, other: IpamCall): boolean {
  return leaseKey(one) === leaseKey(other);
}

function leaseKey({ stdin, containerId, ifname }: IpamCall): string {
  const config = fromJson(stdin);
  const { name, ipam } = isObject(config) ? config : {};
  return JSON.stringify([name, ipam, containerId, ifname]);
}

/** How the IPAM plugin of a network is called where no attachment is meant: GC and STATUS. */
export function ipamCallOfNetwork({
  stdin,
  args,
  path,
}: {
  readonly stdin: string;
  readonly args: string;
  readonly path: string;
}): IpamCall | undefined {
  return ipamCallFor({ containerId: "", ifname: "" }, "", { stdin, args, path });
}

/** Says, where the network has an IPAM plugin, that nobody asks it, since the container gets no interface. */
export function warnOfSkippedIpam(
  { stdin, warn }: { readonly stdin: string } & Pick<Limits, "warn">,
  why: string,
): void {
  const plugin = ipamTypeOf(stdin);
  if (plugin === undefined) return;
  warn(`${why}: there is no interface to put addresses on, and IPAM plugin ${plugin} is not called`);
}

/**
 * Starts the IPAM plugin.
 * @param inherit descriptors of locks that it keeps; it is not killed when we are.
 * @param deadline for an executable that is just being written.
 * @throws {CniError} where there is no such plugin in either CNI_PATH, or it cannot be started.
 */
export function startIpam(
  node: Node,
  command: IpamCommand,
  call: IpamCall,
  inherit: readonly number[],
  deadline: number,
): Child {
  const own = node.processes.environment();
  const { path, cniPath } = locatePlugin(call, variableIn(own, "CNI_PATH"), (file) =>
    node.files.isFile(file),
  );
  const environment = ipamEnvironment(own, command, { ...call, path: cniPath });
  return attempt(`start IPAM plugin ${path}`, () =>
    node.processes.start({ path, environment, stdin: call.stdin, inherit, deadline }),
  );
}

/**
 * Finds the IPAM plugin in the CNI_PATH of the call, which for a lease is that of the ADD that made it, and then in this
 * process's own: the runtime's directory of plugins can have been moved since.
 * @returns the plugin's path, and the CNI_PATH that has it.
 * @throws {CniError} if neither has it.
 */
function locatePlugin(
  { plugin, path: first }: IpamCall,
  own: string,
  isFile: (path: string) => boolean,
): { readonly path: string; readonly cniPath: string } {
  if (own === first || own === "") return { path: findPlugin(plugin, first, isFile), cniPath: first };
  const path = findPlugin(plugin, `${first}:${own}`, isFile);
  const isInFirst = first.split(":").some((directory) => path === pluginIn(directory, plugin));
  return { path, cniPath: isInFirst ? first : own };
}

/**
 * Runs the IPAM plugin to its end. One that hangs is killed at the deadline; what its DEL had to release is
 * still owed then.
 * @returns what it printed.
 * @throws {CniError} where the plugin failed, or was not ready by the deadline.
 */
export function runIpam(
  node: Node,
  command: Exclude<IpamCommand, "ADD">,
  call: IpamCall,
  inherit: readonly number[],
  { deadline, warn, observe }: Limits,
): string {
  const child = startIpam(node, command, call, inherit, deadline);
  try {
    const outcome = attempt(`wait for the ${command} of IPAM plugin ${call.plugin}`, () =>
      observe("wait", `IPAM plugin ${call.plugin}`, undefined, () => child.wait(deadline)),
    );
    requireDelegateSuccess(call.plugin, outcome, warn);
    return outcome.stdout;
  } finally {
    child.kill();
  }
}

/**
 * The versions of CNI that a plugin speaks; none where it does not tell. To be asked where it has failed at GC or
 * STATUS: those of before CNI 1.1 know neither, and answer all sorts of things ("missing containerID", say).
 */
export function supportedVersions(node: Node, call: IpamCall, limits: Limits): readonly unknown[] {
  try {
    return versionsIn(runIpam(node, "VERSION", call, [], limits)) ?? [];
  } catch {
    // What it failed at before says more.
    return [];
  }
}
