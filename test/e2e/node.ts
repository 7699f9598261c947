import { afterAll, beforeAll, expect } from "vitest";
import {
  type Config,
  commandLine,
  type ErrorAnswer,
  type Invocation,
  pluginPath,
  type Result,
} from "./cni.ts";
import { bootTime, Guest, type GuestOptions, inRepository, type Outcome, quote } from "./guest.ts";
import { snapshotOf } from "./snapshot.ts";

/** PCI addresses of the node's VFs, by index; what each has to lose is in guest/setup.sh. */
export const vfs = ["0000:01:10.0", "0000:01:10.2", "0000:01:10.4", "0000:01:10.6"] as const;

/** The plugin in the guest. */
export const plugin = "/host/ib-sriov";

/** What an interface in a pod is like. */
export interface PodInterface {
  readonly ifname: string;
  readonly ifindex: number;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly address: string;
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number }[];
}

/** One virtual node for all tests of a file: booted before the first, gone after the last. */
export function testNode(options: GuestOptions = {}): TestNode {
  const node = new TestNode();
  beforeAll(() => node.boot(options), bootTime);
  afterAll(() => node.end());
  return node;
}

/** A virtual node with VFs and pods, and a CNI plugin to call on it. */
export class TestNode {
  #guest: Guest | undefined;
  /** What the node is like between tests, as far as it is known. */
  #before: string[] | undefined;
  /** The calls of the present test, for the message of a failure. */
  #calls: string[] = [];

  async boot(options: GuestOptions): Promise<void> {
    const scripts = ["setup.sh", "snapshot.sh"].map((name) => inRepository(`test/e2e/guest/${name}`));
    const files = [inRepository("build/ib-sriov"), ...scripts, ...(options.files ?? [])];
    this.#guest = await Guest.boot({ ...options, files });
    await this.reset();
  }

  async end(): Promise<void> {
    await this.#guest?.end();
  }

  /** Brings the node into the state that guest/setup.sh describes. */
  async reset(): Promise<void> {
    await this.shell("bash /host/setup.sh");
    this.#before = undefined;
  }

  /** Runs a script as root; it must succeed. Returns its stdout. */
  shell(script: string, seconds?: number): Promise<string> {
    return this.guest.shell(script, seconds);
  }

  get guest(): Guest {
    if (this.#guest === undefined) throw new Error("there is no guest: did it not boot?");
    return this.#guest;
  }

  async snapshot(): Promise<string[]> {
    return snapshotOf(await this.shell("bash /host/snapshot.sh"));
  }

  /**
   * Runs a test that must leave the node as it was before, and between tests nothing may change it. When it
   * fails, the node is set up anew, so that the next one finds it in order.
   */
  async unchanged(test: () => Promise<void>): Promise<void> {
    this.#calls = [];
    try {
      const before = this.#before ?? (await this.snapshot());
      this.#before = before;
      await test();
      await this.expectSnapshot(before);
    } catch (error) {
      if (error instanceof Error) error.message += `\n\nCalls of this test:\n${this.#calls.join("\n")}`;
      await this.reset().catch((second: unknown) => {
        throw new AggregateError([error, second], "a test failed, and the node cannot be set up anew");
      });
      throw error;
    }
  }

  /** Expects the node to be as it was. The kernel takes a moment to bring home what a deleted namespace held. */
  async expectSnapshot(before: string[]): Promise<void> {
    await expect.poll(() => this.snapshot(), { timeout: 30_000, interval: 1 }).toEqual(before);
  }

  /** Makes an attachment as old as it must be for GC to detach it although its namespace exists. */
  async makeOld(container: string): Promise<void> {
    await this.shell(`sed -i 's/"since":[0-9]*/"since":1000000000000/' /var/lib/cni/ib-sriov/${container}-net1
      grep -q '"since":1000000000000' /var/lib/cni/ib-sriov/${container}-net1`);
  }

  /** Calls the plugin. */
  async call(invocation: Invocation, seconds?: number): Promise<Outcome> {
    const outcome = await this.guest.execute(commandLine(plugin, invocation), seconds);
    const { command, container = "c1", ifname = "net1", netns = "" } = invocation;
    this.#calls.push(
      `${command} ${container} ${ifname} ${netns} → ${outcome.status}\n${outcome.stdout}\n${outcome.stderr}`.trimEnd(),
    );
    return outcome;
  }

  /** Several calls at the same time; all must succeed. */
  async inParallel(invocations: readonly Invocation[]): Promise<void> {
    const started = invocations.map(
      (call, i) => `{ ${commandLine(plugin, call)}; } >/tmp/parallel.${i} & pids[${i}]=$!`,
    );
    await this.shell(
      `${started.join("\n")}\nfor i in \${!pids[@]}; do wait \${pids[$i]} || { cat /tmp/parallel.*; exit 1; }; done`,
    );
  }

  /** An ADD that must succeed. */
  async add(netns: string, config: Config, more: Partial<Invocation> = {}): Promise<Result> {
    const outcome = await this.call({ command: "ADD", netns, config, ...more });
    expect(outcome).toMatchObject({ status: 0 });
    return JSON.parse(outcome.stdout) as Result;
  }

  /** A DEL that must succeed; it prints nothing. */
  async del(netns: string, config: Config, more: Partial<Invocation> = {}): Promise<void> {
    expect(await this.call({ command: "DEL", netns, config, ...more })).toMatchObject({
      status: 0,
      stdout: "",
    });
  }

  /** A call that must fail as CNI wants it: exit status 1, and nothing but an error object on stdout. */
  async refused(invocation: Invocation, seconds?: number): Promise<ErrorAnswer> {
    const { status, stdout } = await this.call(invocation, seconds);
    expect(status).toBe(1);
    const answer = JSON.parse(stdout) as ErrorAnswer;
    expect(answer).toMatchObject({
      cniVersion: expect.any(String),
      code: expect.any(Number),
      msg: expect.any(String),
    });
    return answer;
  }

  /** ADD that must fail and leave the node as it was. */
  async addRefused(
    config: Config | string,
    more: Partial<Invocation> = {},
    seconds?: number,
  ): Promise<ErrorAnswer> {
    let answer: ErrorAnswer | undefined;
    await this.unchanged(async () => {
      answer = await this.refused({ command: "ADD", netns: "a", config, ...more }, seconds);
    });
    if (answer === undefined) throw new Error("no answer");
    return answer;
  }

  /** Makes a CNI plugin of a shell script, by name. */
  async plugin(name: string, script: string): Promise<void> {
    const path = `${pluginPath}/${name}`;
    await this.shell(`printf %s ${quote(`#!/bin/bash\n${script}\n`)} >${path}\nchmod +x ${path}`);
  }

  /** An interface of a pod. */
  async podInterface(netns: string, ifname = "net1"): Promise<PodInterface> {
    const [link] = JSON.parse(
      await this.shell(`ip -n ${netns} -j address show dev ${ifname}`),
    ) as PodInterface[];
    if (link === undefined) throw new Error(`no ${ifname} in ${netns}`);
    return link;
  }

  /** The name of a VF's netdev on the host. */
  async hostNetdev(pci: string): Promise<string> {
    return (await this.shell(`ls /sys/bus/pci/devices/${pci}/net`)).trim();
  }

  /** Renames a VF's netdev on the host, as udev would. */
  async renameHostNetdev(pci: string, name: string): Promise<void> {
    await this.shell(`ip link set dev "$(ls /sys/bus/pci/devices/${pci}/net)" name ${name}`);
  }

  /** From now on an RDMA device belongs to one namespace. The kernel wants no other one to be there, so: a reset. */
  async makeRdmaExclusive(): Promise<void> {
    await this.shell(
      "ip -all netns delete; until rdma system set netns exclusive 2>/dev/null; do sleep 0.02; done",
    );
    await this.reset();
  }

  /** Gives a VF on the host a node and port GUID that are in effect, and its netdev the name that it had. */
  async setGuid(index: number, guid: string): Promise<void> {
    const pci = vfs[index] ?? "";
    const name = await this.hostNetdev(pci);
    await this.shell(`ip link set ib0 vf ${index} node_guid ${guid}; ip link set ib0 vf ${index} port_guid ${guid}
      echo ${pci} >/sys/bus/pci/drivers/mlx5_core/unbind; echo ${pci} >/sys/bus/pci/drivers/mlx5_core/bind`);
    await this.renameHostNetdev(pci, name);
  }

  /** Waits until a command in the guest succeeds. It is run more and more seldom: each time costs what a process costs. */
  async until(command: string, seconds = 120): Promise<void> {
    const script = `pause=20
      until ${command}; do
        printf -v digits %03d $pause; sleep 0.$digits
        pause=$((pause < 600 ? pause + pause / 8 : pause))
      done`;
    const { status } = await this.guest.execute(script, seconds);
    if (status !== 0) throw new Error(`${seconds} s in the guest have not been enough for: ${command}`);
  }
}
