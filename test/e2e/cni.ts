import { quote } from "./guest.ts";

/** The network configuration of a call, in the words of its JSON. */
export type Config = Readonly<Record<string, unknown>>;

/** Where a plugin is called from. */
export interface Caller {
  /** The command that goes there and runs what follows it. */
  readonly enter: string;
  /** Path of the plugin there. */
  readonly plugin: string;
}

/** One call of a CNI plugin. */
export interface Invocation {
  readonly command: string;
  /** CNI_CONTAINERID; default "c1". */
  readonly container?: string;
  /** CNI_IFNAME; default "net1". */
  readonly ifname?: string;
  /** CNI_NETNS; a name without a slash is one below /run/netns. */
  readonly netns?: string;
  /** CNI_ARGS. */
  readonly args?: string;
  /** More variables, or others in the place of these. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Text is sent as it is. */
  readonly config: Config | string;
  /** Default: the host, where the plugin is in /host. */
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

/** What every failing call answers. */
export interface ErrorAnswer {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

/** Where CNI_PATH leads to in the guest: host-local, and the plugins that tests write. */
export const pluginPath = "/opt/cni/bin";

/** A configuration for a VF; `more` adds keys or replaces them. 1.0.0 is the newest version that Debian's host-local speaks. */
export function network(deviceID: string, more: Config = {}): Config {
  return { cniVersion: "1.0.0", name: "mynet", type: "ib-sriov", deviceID, ...more };
}

/** A host-local IPAM section for one or two families. */
export function hostLocal(subnets: readonly string[], more: Config = {}): Config {
  return { type: "host-local", ranges: subnets.map((subnet) => [{ subnet }]), ...more };
}

/** The shell command that makes a call. `wrap` goes before the plugin's path, e.g. a tracer. */
export function commandLine(plugin: string, call: Invocation, wrap = ""): string {
  const { container = "c1", ifname = "net1", netns = "", args = "", from = { enter: "", plugin } } = call;
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
  const assignments = Object.entries(variables).map(([name, value]) => quote(`${name}=${value}`));
  const config = typeof call.config === "string" ? call.config : JSON.stringify(call.config);
  return `printf %s ${quote(config)} | env -i ${assignments.join(" ")} ${wrap} ${from.enter} ${from.plugin}`;
}
