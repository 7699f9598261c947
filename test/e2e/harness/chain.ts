import { execFileSync } from "node:child_process";
import { type Config, environmentOf, pluginPath, type Result, stdinOf } from "./cni.ts";
import { inGuest, inRepository, type Outcome } from "./guest.ts";
import type { TestNode } from "./node.ts";

/** Returns the paths, on this machine, of plugins of Debian's containernetworking-plugins, which the virtual node has. */
export function debianPlugins(...names: readonly string[]): string[] {
  const assignments = execFileSync(inRepository("vhca/prepare"), { encoding: "utf8" });
  const script = `${assignments}\nprintf %s "$tree"`;
  const tree = execFileSync("bash", ["-c", script], { encoding: "utf8" });
  return names.map((name) => `${tree}/usr/lib/cni/${name}`);
}

/**
 * A network with several plugins, which is called as libcni calls it: AddNetworkList, CheckNetworkList and
 * DelNetworkList of libcni/api.go. DEL stops at the first error, as ADD and CHECK do.
 */
export class Chain {
  /** The result of the last plugin's ADD, which libcni caches; `undefined` before ADD, and after a complete DEL. */
  result: Result | undefined;

  constructor(
    private readonly node: TestNode,
    private readonly list: { readonly cniVersion: string; readonly name: string },
    private readonly plugins: readonly Config[],
  ) {}

  /** Calls ADD of all plugins, which must succeed. */
  async add(netns: string): Promise<void> {
    for (const plugin of this.plugins) {
      const { status, stdout, stderr } = await this.call("ADD", netns, plugin);
      if (status !== 0) throw new Error(`ADD of ${plugin.type} failed: ${stdout}${stderr}`);
      this.result = JSON.parse(stdout) as Result;
    }
  }

  /** Calls CHECK of all plugins. */
  check(netns: string): Promise<readonly ChainCall[]> {
    return this.untilFailure("CHECK", netns, this.plugins);
  }

  /** Calls DEL of all plugins, the last one first. */
  async del(netns: string): Promise<readonly ChainCall[]> {
    const calls = await this.untilFailure("DEL", netns, this.plugins.toReversed());
    if (calls.every(({ status }) => status === 0)) this.result = undefined;
    return calls;
  }

  private async untilFailure(
    command: string,
    netns: string,
    plugins: readonly Config[],
  ): Promise<readonly ChainCall[]> {
    const calls: ChainCall[] = [];
    for (const plugin of plugins) {
      const outcome = await this.call(command, netns, plugin);
      calls.push({ type: String(plugin.type), ...outcome });
      if (outcome.status !== 0) break;
    }
    return calls;
  }

  private call(command: string, netns: string, plugin: Config): Promise<Outcome> {
    const config = { ...plugin, ...this.list, ...(this.result && { prevResult: this.result }) };
    const call = { command, netns, config };
    const path = plugin.type === "ib-sriov" ? inGuest("ib-sriov") : `${pluginPath}/${plugin.type}`;
    return this.node.guest.executeProgram(path, stdinOf(call), environmentOf(call));
  }
}

/** One call of a plugin in a chain. */
export type ChainCall = Outcome & { readonly type: string };
