import { quote } from "./guest.ts";

/** The network configuration of a call, with the keys of its JSON. */
export type Config = Readonly<Record<string, unknown>>;

/** The place that a plugin is called from. */
export interface Caller {
  /** The command that enters this place and runs the command that follows it. */
  readonly enter: string;
  /** Path of the plugin in this place. */
  readonly plugin: string;
}

/** One call of a CNI plugin. */
export interface Invocation {
  readonly command: string;
  /** CNI_CONTAINERID; default "c1". */
  readonly container?: string;
  /** CNI_IFNAME; default "net1". */
  readonly ifname?: string;
  /** CNI_NETNS; a name without a slash is a namespace below /run/netns. */
  readonly netns?: string;
  /** CNI_ARGS. */
  readonly args?: string;
  /** More variables; they take precedence over those above. */
  readonly environment?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, text is sent unchanged. */
  readonly config: Config | string;
  /** Default: the host, which has the plugin in /host. */
  readonly from?: Caller | undefined;
}

/** The answer to ADD from version 0.3.0 on. */
export interface Result {
  readonly cniVersion: string;
  readonly interfaces?: readonly {
    readonly name: string;
    readonly mac?: string;
    readonly mtu?: number;
    readonly sandbox?: string;
    readonly pciID?: string;
  }[];
  readonly ips?: readonly {
    readonly address: string;
    readonly gateway?: string;
    readonly interface?: number;
    readonly version?: string;
  }[];
  readonly routes?: readonly Config[];
  readonly dns?: Config;
}

/** The answer of every failing call. */
export interface ErrorAnswer {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

/** The directory in CNI_PATH in the guest: it contains host-local, and the plugins that tests write. */
export const pluginPath = "/opt/cni/bin";

/**
 * Returns a configuration for a VF; `more` adds or replaces keys. 1.0.0 is the newest version that Debian's
 * host-local supports.
 */
export function network(deviceID: string, more: Config = {}): Config {
  return { cniVersion: "1.0.0", name: "mynet", type: "ib-sriov", deviceID, ...more };
}

/** Returns a host-local IPAM section for one or two address families. */
export function hostLocal(subnets: readonly string[], more: Config = {}): Config {
  return { type: "host-local", ranges: subnets.map((subnet) => [{ subnet }]), ...more };
}

/** Returns the environment of a call. */
export function environmentOf(call: Invocation): string[] {
  const { container = "c1", ifname = "net1", netns = "", args = "" } = call;
  const variables = {
    PATH: "/bin:/sbin",
    CNI_COMMAND: call.command,
    CNI_CONTAINERID: container,
    CNI_NETNS: netns === "" || netns.includes("/") ? netns : `/run/netns/${netns}`,
    CNI_IFNAME: ifname,
    CNI_ARGS: args,
    CNI_PATH: pluginPath,
    ...call.environment,
  };
  return Object.entries(variables).map(([name, value]) => `${name}=${value}`);
}

/** Returns the text that a call has on its stdin. */
export function stdinOf({ config }: Invocation): string {
  return typeof config === "string" ? config : JSON.stringify(config);
}

/** Returns the shell command that makes a call. `wrap` precedes the plugin's path, for example a tracer. */
export function commandLine(plugin: string, call: Invocation, wrap = ""): string {
  const { from = { enter: "", plugin } } = call;
  const assignments = environmentOf(call).map(quote).join(" ");
  return `printf %s ${quote(stdinOf(call))} | env -i ${assignments} ${wrap} ${from.enter} ${from.plugin}`;
}
