import { ipamTypeOf } from "../../cni/configuration.ts";
import { fromJson, isObject } from "../../cni/document.ts";
import { findPlugin, type IpamVariables, ipamEnvironment, pluginIn, variableIn } from "../../cni/ipam.ts";
import { requireDelegateSuccess } from "../../cni/ipam-outcome.ts";
import type { Result } from "../../cni/result.ts";
import { versionsIn } from "../../cni/versions.ts";
import type { Child } from "../../node/processes.ts";
import { propertiesOf } from "../attachment-kinds.ts";
import { attempt } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { Session } from "../lock/session.ts";
import type { AttachmentName, AttachmentRecord } from "../record/record.ts";

/** Everything that an IPAM plugin is called with. For a lease, ADD and every later call use the same values. */
export interface IpamCall extends IpamVariables {
  /** `ipam.type`, the plugin's file name. */
  readonly plugin: string;
  /** The network configuration, unchanged. */
  readonly stdin: string;
}

/** A lease that ADD has requested from the IPAM plugin. */
export interface Lease {
  /**
   * Waits for the plugin and returns its result.
   * @throws {CniError} if it failed, printed no result with addresses, or did not exit before the deadline.
   */
  result(): Result;
  /**
   * Waits until the plugin exits, and kills it at the deadline. It is not killed earlier, because host-local loses the
   * address permanently if it is killed after it creates its file and before it writes it.
   */
  end(deadline: number): void;
  /** Whether the plugin has exited with an error, so that it has leased nothing. */
  readonly refused: boolean;
}

/** The verbs of an IPAM plugin. */
type IpamCommand = "ADD" | "DEL" | "CHECK" | "GC" | "STATUS" | "VERSION";

/** Returns the call that made the record's lease; `undefined` if no IPAM was configured, or the VF has no netdev. */
export function ipamCallOf(record: AttachmentRecord): IpamCall | undefined {
  if (!propertiesOf(record).hasNetdev) return undefined;
  // A record that was changed by hand can contain a path that no variable can have.
  const netns = record.netns.includes("\0") ? "" : record.netns;
  return ipamCallFor(record, netns, record.call);
}

/**
 * Returns the call of a network configuration's IPAM plugin for an attachment; `undefined` if it has no IPAM plugin.
 * @param netns CNI_NETNS, or "".
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
 * Returns the call of the IPAM plugin for a record's lease. This is the runtime's present call, whose configuration can
 * contain what the IPAM plugin expects (prevResult). If the network was changed while the container ran, it is the
 * recorded call of ADD, because only that one identifies the lease.
 * @param present the runtime's call; `undefined` if its configuration has no IPAM.
 */
export function callForLease(present: IpamCall | undefined, record: AttachmentRecord): IpamCall | undefined {
  const recorded = ipamCallOf(record);
  if (recorded === undefined || present === undefined) return recorded;
  return sameLease(recorded, present) ? present : recorded;
}

/** Reports whether both calls are about the same lease: same network name, same `ipam`, same attachment. */
export function sameLease(one: IpamCall, other: IpamCall): boolean {
  return leaseKey(one) === leaseKey(other);
}

function leaseKey({ stdin, containerId, ifname }: IpamCall): string {
  const config = fromJson(stdin);
  const { name, ipam } = isObject(config) ? config : {};
  return JSON.stringify([name, ipam, containerId, ifname]);
}

/** Returns the call of a network's IPAM plugin for GC and STATUS, which are about no single attachment. */
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

/** Warns that the network's IPAM plugin, if it has one, is not called, because the container gets no interface. */
export function warnOfSkippedIpam(
  { stdin, warn }: { readonly stdin: string } & Pick<Limits, "warn">,
  why: string,
): void {
  const plugin = ipamTypeOf(stdin);
  if (plugin === undefined) return;
  warn(`${why}: the container gets no interface for addresses, so IPAM plugin ${plugin} is not called`);
}

/**
 * Starts the IPAM plugin. Waits for an executable that another process is still writing (ETXTBSY).
 * @param inherit descriptors of locks that it inherits. It continues if this process is killed, and then keeps the
 * locks.
 * @throws {CniError} if neither CNI_PATH has the plugin, or it cannot be started.
 */
export function startIpam(
  { node, deadline }: Session,
  command: IpamCommand,
  call: IpamCall,
  inherit: readonly number[],
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
 * Finds the IPAM plugin in the CNI_PATH of the call and then in the CNI_PATH of this process. For a lease, the first is
 * that of the ADD that made the lease; the runtime's plugin directory can have moved since then.
 * @returns the plugin's path, and the CNI_PATH that contains it.
 * @throws {CniError} if neither contains it.
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
 * Runs the IPAM plugin and waits until it exits. At the deadline it is killed; if it ran DEL, its lease is then not
 * released yet.
 * @param inherit descriptors of locks that it inherits, as in {@link startIpam}.
 * @returns its standard output.
 * @throws {CniError} if the plugin failed, or did not exit before the deadline.
 */
export function runIpam(
  session: Session,
  command: Exclude<IpamCommand, "ADD">,
  call: IpamCall,
  inherit: readonly number[] = [],
): string {
  const { deadline, warn, observe } = session;
  const child = startIpam(session, command, call, inherit);
  try {
    // Its exit status counts. If too much output were an error, the DEL of a talkative plugin could never succeed.
    const outcome = attempt(`wait for the ${command} of IPAM plugin ${call.plugin}`, () =>
      observe("wait", `IPAM plugin ${call.plugin}`, undefined, () => child.wait(deadline, "dropped")),
    );
    requireDelegateSuccess(call.plugin, outcome, warn);
    return outcome.stdout;
  } finally {
    child.kill();
  }
}

/**
 * Returns the CNI versions that a plugin supports; an empty list if it does not report them. Callers use it after the
 * plugin has failed at GC or STATUS: plugins from before CNI 1.1 know neither verb, and fail with misleading errors,
 * such as "missing containerID".
 */
export function supportedVersions(session: Session, call: IpamCall): readonly unknown[] {
  try {
    return versionsIn(runIpam(session, "VERSION", call)) ?? [];
  } catch {
    // The caller reports the plugin's first error, which explains more than this one.
    return [];
  }
}
