// The eight rails of a training pod, attached one after the other: a DRA driver has 2 s for all of them together, and
// on real hardware one rebind takes most of that time.
import { afterAll, beforeAll, expect, test } from "vitest";
import { reportFigures } from "../support/figures.ts";
import { type Config, commandLine, network } from "./harness/cni.ts";
import { compile } from "./harness/compile.ts";
import {
  addresses,
  configure,
  devices,
  rails,
  setNetdevSettings,
  setUpRails,
} from "./harness/eight-rails.ts";
import { budgets } from "./harness/instruction-budgets.ts";
import { testNode } from "./harness/node.ts";

/** Time that a rebind sleeps, ms, besides the work of the kernel. */
const REBIND = 200;

// With skipWaiting, the guest's clock counts only instructions and sleeps. On any other clock, other load of this
// machine would make the plugin slower but not a rebind, so that no limit would be right. With 4 ns for an instruction,
// ADD and DEL take the time that `make bench` measures on an idle machine. This is a slow processor: a server's is ten
// times as fast.
//
// The kernel's time is subtracted: its processor time, which it counts for each process, and the time that the floor
// waits for, which is a rebind's sleep and grace periods of RCU. Budgets of instructions include the kernel's: on this
// clock they do not depend on the load of this machine, and repeat within 2 %.
const NANOSECONDS_SHIFT = 2;
const NANOSECONDS_PER_INSTRUCTION = 2 ** NANOSECONDS_SHIFT;
const node = testNode({
  skipWaiting: true,
  shift: NANOSECONDS_SHIFT,
  files: ["bench/launcher.c", "bench/floor.c"].map((source) => compile(source)),
});
/** Returns the GUID that a rail gets, with a separator between the bytes. */
const guidOf = (rail: number, separator: string) =>
  ["02", "00", "00", "00", "00", "00", "01", `0${rail}`].join(separator);
const config = (rail: number) => network(addresses[rail] ?? "", { guid: guidOf(rail, ":") });
const figures: Record<string, number> = {};

beforeAll(async () => {
  await setUpRails(node);
  await configure(node, config);
  // Copied from the share, whose reads take time that belongs to neither program.
  await node.shell(`cp /host/ib-sriov /host/floor /host/launcher /tmp
    echo ${REBIND} >/sys/module/vhca/parameters/probe_delay_ms`);
});
afterAll(() => reportFigures("rails", figures));

/** The time that eight calls take, ms. */
interface Cost {
  /** Processor time of the program itself, and of the kernel on its behalf. */
  readonly user: number;
  readonly system: number;
  /** The rest of the time from the first call's start to the last call's end; most of a rebind is waiting. */
  readonly waiting: number;
  /** The largest peak RSS of a call, KiB. */
  readonly rss: number;
  /** The VFs whose driver was bound in this time, by index, in the order of the driver's log. */
  readonly bound: readonly number[];
}

/** Runs commands one after the other, by lines for bench/launcher.c. Returns the median of the times of all rounds. */
async function measured(commands: readonly string[], rounds = 1): Promise<Cost> {
  const specification = ["unit rails", ...commands].join("\n");
  const output = await node.shell(`dmesg -c >/dev/null
    cat >/tmp/specification <<'END'\n${specification}\nEND
    /tmp/launcher ${rounds} /tmp/specification; dmesg -c`);
  const figures = (output.split("\n", 1)[0] ?? "").split(" ").map(Number);
  const [, wall = 0, cpu = 0, , , , system = 0] = figures.map((micros) => micros / 1000);
  return {
    user: cpu - system,
    system,
    waiting: wall - cpu,
    rss: figures[3] ?? 0,
    bound: [...output.matchAll(/: vf (\d+) guid/g)].map(([, vf]) => Number(vf)),
  };
}

/** Creates a pod, and attaches all rails to it. */
async function attach(pod: string, commands: readonly string[]): Promise<Cost> {
  await node.shell(`ip netns add ${pod}`);
  const cost = await measured(commands);
  const links = await node.shell(`ip -n ${pod} -o link show up`);
  for (const rail of rails) {
    expect(links).toMatch(new RegExp(`net${rail}: .*:${guidOf(rail, ":")} brd`));
  }
  return cost;
}

/** Returns calls of the plugin, one for each rail; calls with "aside" are not measured. */
const calls = (command: string, how: "exec" | "aside" = "exec") =>
  rails.flatMap((rail) => call(command, rail, how));

/** Returns a call of the plugin for one rail. */
function call(command: string, rail: number, how: "exec" | "aside" = "exec"): string[] {
  const variables = [
    `COMMAND=${command}`,
    `IFNAME=net${rail}`,
    "CONTAINERID=pod",
    "NETNS=/run/netns/pod",
    "PATH=/opt/cni/bin",
  ];
  return [
    ...variables.map((variable) => `env CNI_${variable}`),
    `stdin /tmp/rail.${rail}`,
    `${how} /tmp/ib-sriov`,
  ];
}

/**
 * Attaches the rails with only the necessary kernel calls. Afterwards the VFs are in the host namespace, and their
 * netdevs have default attributes.
 */
async function attachByFloor(guid: (rail: number) => string): Promise<Cost> {
  const command = (rail: number) =>
    `exec /tmp/floor ib0 ${rail} ${addresses[rail]} mlx5_core /run/netns/floor net${rail} ${guid(rail)}`;
  const cost = await attach("floor", rails.map(command));
  await node.shell("ip netns del floor");
  const netdevs = addresses.map((pci) => `/sys/bus/pci/devices/${pci}/net/*`).join(" ");
  await node.until(`[ "$(ls -d ${netdevs} | wc -l)" = ${rails.length} ]`);
  return cost;
}

/** Reports the times of the plugin beside those of the floor. Returns them for the message of a failure. */
function report(what: string, plugin: Cost, floor: Cost): string {
  const beyond = plugin.waiting - floor.waiting;
  figures[`eight ADDs, ${what}: the plugin's own work, ms`] = Math.round(plugin.user);
  figures[`eight ADDs, ${what}: waiting that the kernel does not need, ms`] = Math.round(beyond);
  figures[`eight ADDs, ${what}: the kernel's work, ms`] = Math.round(plugin.system);
  figures[`eight ADDs, ${what}: the kernel's work for the floor, ms`] = Math.round(floor.system);
  return JSON.stringify({ plugin, floor });
}

test("with new GUIDs, eight ADDs make eight rebinds, and do not wait for anything that takes as long as another rebind", async () => {
  const plugin = await attach("pod", calls("ADD"));
  expect(plugin.bound).toEqual(rails);
  await measured(calls("DEL"));
  await node.shell("ip netns del pod");
  const floor = await attachByFloor((rail) => guidOf(rail, ""));
  expect(floor.bound).toEqual(rails);
  expect(floor.waiting).toBeGreaterThan(rails.length * REBIND);
  const message = report("new GUIDs", plugin, floor);
  expect(plugin.waiting - floor.waiting, message).toBeLessThan(REBIND);
});

test("with GUIDs that the VFs already have, eight ADDs make no rebind, and without the kernel's time take less than one rebind", async () => {
  // The previous test has set these GUIDs through the floor.
  await setNetdevSettings(node);
  const made = await devices(node);
  expect((await attach("pod", calls("ADD"))).bound).toEqual([]);
  // DEL makes no rebind either.
  expect((await measured(calls("DEL"))).bound).toEqual([]);
  // The kernel determines its share of the time by sampling, so the calls are repeated.
  const plugin = await measured([...calls("ADD"), ...calls("DEL", "aside")], 3);
  expect(plugin.bound).toEqual([]);
  expect(await devices(node)).toEqual(made);
  await node.shell("ip netns del pod");
  const floor = await attachByFloor(() => "");
  expect(floor.bound).toEqual([]);
  const message = report("GUIDs there", plugin, floor);
  expect(plugin.user + plugin.waiting - floor.waiting, message).toBeLessThan(REBIND);
  requireBudget(
    "eight rails, unchanged GUIDs: million instructions beyond the floor",
    instructions(plugin, floor),
  );
  requireBudget("eight rails, unchanged GUIDs: peak RSS of an ADD in KiB", plugin.rss);
});

test("ADD and DEL with a new GUID take no more instructions and memory than their budgets", async () => {
  const [pci = ""] = addresses;
  await setUpRails(node);
  // The file of the first rail, whose GUID is not the VF's own after setUpRails.
  await node.shell(
    "ip netns add pod; ip netns add floor; echo 0 >/sys/module/vhca/parameters/probe_delay_ms",
  );
  const rounds = 5;
  const plugin = await measured([...call("ADD", 0), ...call("DEL", 0)], rounds);
  const guids = `${guidOf(0, "")} 0a00000000000002`;
  const floor = await measured(
    [`exec /tmp/floor ib0 0 ${pci} mlx5_core /run/netns/floor net0 ${guids}`],
    rounds,
  );
  // A rebind for ADD, and one for DEL.
  expect(plugin.bound).toHaveLength(2 * rounds);
  expect(floor.bound).toHaveLength(2 * rounds);
  await node.shell(`ip -all netns delete; echo ${REBIND} >/sys/module/vhca/parameters/probe_delay_ms`);
  requireBudget("ADD + DEL: million instructions beyond the floor", instructions(plugin, floor));
  requireBudget("ADD + DEL: peak RSS in KiB", plugin.rss);
});

/** Returns the instructions of the plugin and of the kernel on its behalf, beyond those of the floor, millions. */
function instructions(plugin: Cost, floor: Cost): number {
  const perMillisecond = 1 / NANOSECONDS_PER_INSTRUCTION; // millions
  return (plugin.user + plugin.system - floor.user - floor.system) * perMillisecond;
}

/** Requires, and reports, a figure with a budget. */
function requireBudget(name: keyof typeof budgets, value: number): void {
  const rounded = Number(value.toFixed(1));
  figures[name] = rounded;
  expect(rounded, name).toBeLessThanOrEqual(budgets[name]);
}

/** Time limit for an ADD that waits for nothing, ms; an ADD that waits for the kernel takes at least 2,000 ms. */
const longest = 1000;

test.each([0, 50])(
  "from pod to pod without a pause, with a subnet administrator that takes %i ms: DEL leaves no request without an answer, and no ADD waits for one",
  async (delay) => {
    await setUpRails(node);
    const call = (command: string, rail: number, container: string, more: Config = {}) =>
      commandLine("/tmp/ib-sriov", {
        command,
        container,
        ifname: `net${rail}`,
        netns: "pod",
        config: network(addresses[rail] ?? "", { link_state: "enable", ...more }),
      });
    const all = (command: string, container: string) =>
      rails.map((rail) => `{ ${call(command, rail, container)}; } >/dev/null`).join("\n");
    const guid = (rail: number) => ({ guid: guidOf(rail, ":") });
    const timed = rails.map(
      (rail) => `before=\${EPOCHREALTIME/./}
        { ${call("ADD", rail, "second", guid(rail))}; } >/dev/null
        echo $(((\${EPOCHREALTIME/./} - before) / 1000))`,
    );
    const times = await node.shell(`ip netns add pod
      echo ${delay} >/sys/module/vhca/parameters/sa_delay_ms
      ${all("ADD", "first")}
      ${all("DEL", "first")}
      ${timed.join("\n")}`);
    expect(times.trim().split("\n").map(Number)).toSatisfy(
      (each: number[]) => each.length === rails.length && Math.max(...each) < longest,
    );
    await node.shell(`${rails.map((rail) => call("DEL", rail, "second", guid(rail))).join("\n")}
      ip netns del pod
      echo 0 >/sys/module/vhca/parameters/sa_delay_ms`);
  },
);

test("the kernel's request to the subnet administrator after a port has come up is answered before DEL takes the port down", async () => {
  await setUpRails(node);
  const [pci = ""] = addresses;
  const config = network(pci, { link_state: "enable" });
  await node.shell("ip netns add pod");
  await node.add("pod", config);
  await node.del("pod", config);
  // Otherwise the kernel would repeat the request for seconds, in a work queue that all RDMA devices share.
  const stacks = await node.shell("sleep 1.2; cat /proc/[0-9]*/stack 2>/dev/null || true");
  expect(stacks).toContain("worker_thread");
  expect(stacks).not.toContain("update_ib_cpi");
  await node.shell("ip netns del pod");
});
