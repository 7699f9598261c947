// The eight rails of a training pod, attached one after the other: a DRA driver has 2 s for all of them together, and
// one rebind on real hardware takes most of that.
import { afterAll, beforeAll, expect, test } from "vitest";
import { reportFigures } from "../support/figures.ts";
import { type Config, commandLine, network } from "./cni.ts";
import { compile } from "./compile.ts";
import { addresses, configure, devices, furnish, rails, setUpRails } from "./eight-rails.ts";
import { testNode } from "./node.ts";

/** What a rebind takes, ms, without what the kernel does in it. */
const REBIND = 200;

// Where waiting takes no time, the guest's clock counts instructions and what is slept, and nothing else. On any other
// clock whatever else this machine does makes the plugin slower, and a rebind not, so that no limit would be right.
// With 4 ns for an instruction ADD and DEL take the time that `make bench` measures on a machine that does nothing
// else. It is a slow processor: a server's is ten times as fast.
//
// The kernel's time is left out by what it says of each process, and by what the floor waits for: a rebind's sleep,
// and grace periods of RCU.
const node = testNode({
  skipWaiting: true,
  shift: 2,
  files: ["bench/launcher.c", "bench/floor.c"].map((source) => compile(source)),
});
/** The GUID that a rail gets, with what stands between two bytes. */
const guidOf = (rail: number, separator: string) =>
  ["02", "00", "00", "00", "00", "00", "01", `0${rail}`].join(separator);
const config = (rail: number) => network(addresses[rail] ?? "", { guid: guidOf(rail, ":") });
const figures: Record<string, number> = {};

beforeAll(async () => {
  await setUpRails(node);
  await configure(node, config);
  // Not out of the share, whose reads take a time that is nobody's here.
  await node.shell(`cp /host/ib-sriov /host/floor /host/launcher /tmp
    echo ${REBIND} >/sys/module/vhca/parameters/probe_delay_ms`);
});
afterAll(() => reportFigures("rails", figures));

/** What eight calls cost, ms. */
interface Cost {
  /** Processor time: the program's own, and the kernel's on its behalf. */
  readonly user: number;
  readonly system: number;
  /** The rest of the time from the first one's start to the last one's end: a rebind is nearly all of it that. */
  readonly waiting: number;
  /** The VFs whose driver was bound meanwhile, by index, one after the other, as the driver logs it. */
  readonly bound: readonly number[];
}

/** Runs commands one after the other, by lines for bench/launcher.c, and says what they cost: the median of rounds. */
async function measured(commands: readonly string[], rounds = 1): Promise<Cost> {
  const specification = ["unit rails", ...commands].join("\n");
  const output = await node.shell(`dmesg -c >/dev/null
    cat >/tmp/specification <<'END'\n${specification}\nEND
    /tmp/launcher ${rounds} /tmp/specification; dmesg -c`);
  const [, wall = 0, cpu = 0, , , , system = 0] = (output.split("\n", 1)[0] ?? "")
    .split(" ")
    .map((micros) => Number(micros) / 1000);
  return {
    user: cpu - system,
    system,
    waiting: wall - cpu,
    bound: [...output.matchAll(/: vf (\d+) guid/g)].map(([, vf]) => Number(vf)),
  };
}

/** Makes a pod, and attaches all rails to it. */
async function attach(pod: string, commands: readonly string[]): Promise<Cost> {
  await node.shell(`ip netns add ${pod}`);
  const cost = await measured(commands);
  const links = await node.shell(`ip -n ${pod} -o link show up`);
  for (const rail of rails) {
    expect(links).toMatch(new RegExp(`net${rail}: .*:${guidOf(rail, ":")} brd`));
  }
  return cost;
}

/** Calls of the plugin, one for each rail; "aside" are those that are not measured. */
const calls = (command: string, how: "exec" | "aside" = "exec") =>
  rails.flatMap((rail) => [
    ...[
      `COMMAND=${command}`,
      `IFNAME=net${rail}`,
      "CONTAINERID=pod",
      "NETNS=/run/netns/pod",
      "PATH=/opt/cni/bin",
    ].map((variable) => `env CNI_${variable}`),
    `stdin /tmp/rail.${rail}`,
    `${how} /tmp/ib-sriov`,
  ]);

/** By the kernel calls alone that are necessary. Afterwards the VFs are at home, as they are without attributes. */
async function attachByFloor(guid: (rail: number) => string): Promise<Cost> {
  const command = (rail: number) =>
    `exec /tmp/floor ib0 ${rail} ${addresses[rail]} mlx5_core /run/netns/floor net${rail} ${guid(rail)}`;
  const cost = await attach("floor", rails.map(command));
  await node.shell("ip netns del floor");
  const netdevs = addresses.map((pci) => `/sys/bus/pci/devices/${pci}/net/*`).join(" ");
  await node.until(`[ "$(ls -d ${netdevs} | wc -l)" = ${rails.length} ]`);
  return cost;
}

/** Makes known what the plugin cost beside the floor; also for the message of a failure. */
function report(what: string, plugin: Cost, floor: Cost): string {
  const beyond = plugin.waiting - floor.waiting;
  figures[`eight ADDs, ${what}: the plugin's own work, ms`] = Math.round(plugin.user);
  figures[`eight ADDs, ${what}: waiting that the kernel does not need, ms`] = Math.round(beyond);
  figures[`eight ADDs, ${what}: the kernel's work, ms`] = Math.round(plugin.system);
  figures[`eight ADDs, ${what}: the kernel's work for the floor, ms`] = Math.round(floor.system);
  return JSON.stringify({ plugin, floor });
}

test("with new GUIDs they make eight rebinds, and wait for nothing that would take as long as another one", async () => {
  const plugin = await attach("pod", calls("ADD"));
  expect(plugin.bound).toEqual(rails);
  await measured(calls("DEL"));
  await node.shell("ip netns del pod");
  const floor = await attachByFloor((rail) => guidOf(rail, ""));
  expect(floor.bound).toEqual(rails);
  expect(floor.waiting).toBeGreaterThan(rails.length * REBIND);
  const told = report("new GUIDs", plugin, floor);
  expect(plugin.waiting - floor.waiting, told).toBeLessThan(REBIND);
});

test("with GUIDs that are there they make none, and all of them, the kernel's time excluded, take less than one", async () => {
  // The floor has set them, in the test before.
  await furnish(node);
  const made = await devices(node);
  expect((await attach("pod", calls("ADD"))).bound).toEqual([]);
  // Nor is one owed.
  expect((await measured(calls("DEL"))).bound).toEqual([]);
  // What of a time is the kernel's it finds out by samples, so there are more of them.
  const plugin = await measured([...calls("ADD"), ...calls("DEL", "aside")], 3);
  expect(plugin.bound).toEqual([]);
  expect(await devices(node)).toEqual(made);
  await node.shell("ip netns del pod");
  const floor = await attachByFloor(() => "");
  expect(floor.bound).toEqual([]);
  const told = report("GUIDs there", plugin, floor);
  expect(plugin.user + plugin.waiting - floor.waiting, told).toBeLessThan(REBIND);
});

/** What an ADD may take that waits for nothing, ms; one that waits for the kernel takes 2,000 at least. */
const longest = 1000;

test.each([0, 50])(
  "from pod to pod without a pause, with a subnet administrator that takes %i ms: no DEL leaves a question without an answer, and no ADD waits for one",
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

test("what the kernel asks the subnet administrator when a port has come up is answered before DEL takes the port down", async () => {
  await setUpRails(node);
  const [pci = ""] = addresses;
  const config = network(pci, { link_state: "enable" });
  await node.shell("ip netns add pod");
  await node.add("pod", config);
  await node.del("pod", config);
  // It would ask for seconds, in a work queue that all RDMA devices share.
  const stacks = await node.shell("sleep 1.2; cat /proc/[0-9]*/stack 2>/dev/null || true");
  expect(stacks).toContain("worker_thread");
  expect(stacks).not.toContain("update_ib_cpi");
  await node.shell("ip netns del pod");
});
