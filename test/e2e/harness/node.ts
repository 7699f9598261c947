import { basename } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import {
  type Config,
  commandLine,
  type ErrorAnswer,
  environmentOf,
  type Invocation,
  pluginPath,
  type Result,
  stdinOf,
} from "./cni.ts";
import { compile } from "./compile.ts";
import { bootTime, Guest, type GuestOptions, inGuest, inRepository, type Outcome, quote } from "./guest.ts";
import { snapshotOf } from "./snapshot.ts";

/** PCI addresses of the node's VFs, by index; guest/setup.sh lists the settings of each VF. */
export const vfs = ["0000:01:10.0", "0000:01:10.2", "0000:01:10.4", "0000:01:10.6"] as const;

/** Path of the plugin in the guest. */
export const plugin = "/host/ib-sriov";

/** An interface in a pod, as `ip -j address` shows it. */
export interface PodInterface {
  readonly ifname: string;
  readonly ifindex: number;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly address: string;
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number }[];
}

/** Creates a virtual node for all tests of a file: it boots before the first test and shuts down after the last. */
export function testNode(options: GuestOptions = {}): TestNode {
  const node = new TestNode();
  beforeAll(() => node.boot(options), bootTime);
  afterAll(() => node.end());
  return node;
}

/** A virtual node with VFs and pods, and a CNI plugin to call on it. */
export class TestNode {
  #guest: Guest | undefined;
  /** The snapshot of the node between tests; `undefined` if it is not known. */
  #before: string[] | undefined;
  /** The calls of the current test, for the message of a failure. */
  #calls: string[] = [];

  async boot(options: GuestOptions): Promise<void> {
    const setup = inRepository("test/e2e/guest/setup.sh");
    const programs = ["agent", "snapshot"].map((name) => compile(`test/e2e/guest/${name}.c`));
    const files = [inRepository("build/ib-sriov"), setup, ...programs, ...(options.files ?? [])];
    this.#guest = await Guest.boot({ ...options, files });
    if (options.skipWaiting) await this.#copyFiles(files);
    await this.reset();
  }

  /**
   * Replaces the guest's files by copies in its memory. While the guest waits for this machine to open or read a file,
   * no process of the guest runs, so that a clock that skips waiting runs ahead: on a busy machine by seconds.
   */
  async #copyFiles(files: readonly string[]): Promise<void> {
    const copies = files.map(
      (file) => `cp ${inGuest(file)} /run/files; mount --bind /run/files/${basename(file)} ${inGuest(file)}`,
    );
    await this.shell(`mkdir /run/files; ${copies.join("\n")}`);
  }

  async end(): Promise<void> {
    await this.#guest?.end();
  }

  /** Brings the node into the state that guest/setup.sh describes. */
  async reset(): Promise<void> {
    await this.shell("bash /host/setup.sh");
    this.#before = undefined;
  }

  /** Runs a script as root, which must succeed. Returns its stdout. */
  shell(script: string, seconds?: number): Promise<string> {
    return this.guest.shell(script, seconds);
  }

  get guest(): Guest {
    if (this.#guest === undefined) throw new Error("the guest is not running, or did not boot");
    return this.#guest;
  }

  async snapshot(): Promise<string[]> {
    const { status, stdout, stderr } = await this.guest.executeProgram("/host/snapshot", "", []);
    if (status !== 0) throw new Error(`the snapshot failed with status ${status}\n${stdout}${stderr}`);
    return snapshotOf(stdout);
  }

  /**
   * Runs a test that must leave the node as it was before. The node must not change between tests either. If the test
   * fails, the node is set up again, so that the next test finds it in order.
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
        throw new AggregateError([error, second], "a test failed, and the node cannot be set up again");
      });
      throw error;
    }
  }

  /**
   * Expects the node to be as it was. The kernel takes a moment to return the devices of a deleted namespace to the
   * host namespace.
   */
  async expectSnapshot(before: string[]): Promise<void> {
    await expect.poll(() => this.snapshot(), { timeout: 30_000, interval: 1 }).toEqual(before);
  }

  /** Makes an attachment old enough for GC to undo it although its namespace exists. */
  async makeOld(container: string): Promise<void> {
    await this.shell(`sed -i 's/"since":[0-9]*/"since":1000000000000/' /var/lib/cni/ib-sriov/${container}-net1
      grep -q '"since":1000000000000' /var/lib/cni/ib-sriov/${container}-net1`);
  }

  /** Calls the plugin. */
  async call(invocation: Invocation, seconds?: number): Promise<Outcome> {
    const outcome = await this.#execute(invocation, seconds);
    const { command, container = "c1", ifname = "net1", netns = "" } = invocation;
    this.#calls.push(
      `${command} ${container} ${ifname} ${netns} → ${outcome.status}\n${outcome.stdout}\n${outcome.stderr}`.trimEnd(),
    );
    return outcome;
  }

  #execute(invocation: Invocation, seconds?: number): Promise<Outcome> {
    if (invocation.from !== undefined) return this.guest.execute(commandLine(plugin, invocation), seconds);
    return this.guest.executeProgram(plugin, stdinOf(invocation), environmentOf(invocation), seconds);
  }

  /** Makes several calls at the same time; all must succeed. */
  async inParallel(invocations: readonly Invocation[]): Promise<void> {
    const started = invocations.map(
      (call, i) => `{ ${commandLine(plugin, call)}; } >/tmp/parallel.${i} & pids[${i}]=$!`,
    );
    await this.shell(
      `${started.join("\n")}\nfor i in \${!pids[@]}; do wait \${pids[$i]} || { cat /tmp/parallel.*; exit 1; }; done`,
    );
  }

  /** Makes an ADD that must succeed. */
  async add(netns: string, config: Config, more: Partial<Invocation> = {}): Promise<Result> {
    const outcome = await this.call({ command: "ADD", netns, config, ...more });
    expect(outcome).toMatchObject({ status: 0 });
    return JSON.parse(outcome.stdout) as Result;
  }

  /** Makes a DEL that must succeed, and must print nothing. */
  async del(netns: string, config: Config, more: Partial<Invocation> = {}): Promise<void> {
    expect(await this.call({ command: "DEL", netns, config, ...more })).toMatchObject({
      status: 0,
      stdout: "",
    });
  }

  /** Makes a call that must fail as CNI requires: exit status 1, and only an error object on stdout. */
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

  /** Makes an ADD that must fail and leave the node as it was. */
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

  /** Requires that the GUID of an attached VF is refused to another VF, and that the refusal changes nothing. */
  async requireGuidKept(vf: string, attached: Config, other: Config): Promise<void> {
    await this.unchanged(async () => {
      await this.add("a", attached);
      const second = { container: "c2" };
      expect(await this.refused({ command: "ADD", netns: "b", config: other, ...second })).toMatchObject({
        code: 7,
        msg: expect.stringMatching(`VF ${vf} has it, which container c1`),
      });
      await this.del("b", other, second);
      await this.del("a", attached);
    });
  }

  /** Installs a shell script as a CNI plugin. */
  async plugin(name: string, script: string): Promise<void> {
    const path = `${pluginPath}/${name}`;
    await this.shell(`printf %s ${quote(`#!/bin/bash\n${script}\n`)} >${path}\nchmod +x ${path}`);
  }

  /** Returns an interface of a pod. */
  async podInterface(netns: string, ifname = "net1"): Promise<PodInterface> {
    const [link] = JSON.parse(
      await this.shell(`ip -n ${netns} -j address show dev ${ifname}`),
    ) as PodInterface[];
    if (link === undefined) throw new Error(`no ${ifname} in ${netns}`);
    return link;
  }

  /** Returns the name of a VF's netdev in the host namespace. */
  async hostNetdev(pci: string): Promise<string> {
    return (await this.shell(`ls /sys/bus/pci/devices/${pci}/net`)).trim();
  }

  /** Renames a VF's netdev in the host namespace, as udev would. */
  async renameHostNetdev(pci: string, name: string): Promise<void> {
    await this.shell(`ip link set dev "$(ls /sys/bus/pci/devices/${pci}/net)" name ${name}`);
  }

  /**
   * Switches RDMA to exclusive mode, in which each RDMA device belongs to one namespace. The kernel permits the switch
   * only while no other network namespace exists, so the node is reset.
   */
  async makeRdmaExclusive(): Promise<void> {
    await this.shell(
      "ip -all netns delete; until rdma system set netns exclusive 2>/dev/null; do sleep 0.02; done",
    );
    await this.reset();
  }

  /** Binds functions to vfio-pci, as a device plugin or the SR-IOV Network Operator does. */
  async bindToVfio(...pcis: readonly string[]): Promise<void> {
    await this.shell(`modprobe vfio-pci; for pci in ${pcis.join(" ")}; do device=/sys/bus/pci/devices/$pci
      echo vfio-pci >$device/driver_override; echo $pci >$device/driver/unbind; echo $pci >/sys/bus/pci/drivers_probe
      [ "$(basename $(readlink $device/driver))" = vfio-pci ]; done`);
  }

  /** Sets the node and port GUID of a free VF, rebinds it so that they take effect, and restores its netdev's name. */
  async setGuid(index: number, guid: string): Promise<void> {
    const pci = vfs[index] ?? "";
    const name = await this.hostNetdev(pci);
    await this.shell(`ip link set ib0 vf ${index} node_guid ${guid}; ip link set ib0 vf ${index} port_guid ${guid}
      echo ${pci} >/sys/bus/pci/drivers/mlx5_core/unbind; echo ${pci} >/sys/bus/pci/drivers/mlx5_core/bind`);
    await this.renameHostNetdev(pci, name);
  }

  /**
   * Waits until a command in the guest succeeds. The pauses between attempts grow, because starting a process is slow
   * in the guest.
   */
  async until(command: string, seconds = 120): Promise<void> {
    const script = `pause=20
      until ${command}; do
        printf -v digits %03d $pause; sleep 0.$digits
        pause=$((pause < 600 ? pause + pause / 8 : pause))
      done`;
    const { status } = await this.guest.execute(script, seconds);
    if (status !== 0) throw new Error(`timed out after ${seconds} s in the guest waiting for: ${command}`);
  }
}
