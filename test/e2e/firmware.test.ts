// Two more models of an HCA: firmware that is slow or busy, and functions with two ports.
import { describe, expect, test } from "vitest";
import { commandLine, hostLocal, network } from "./harness/cni.ts";
import { compile } from "./harness/compile.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const node = testNode({ files: [compile("test/e2e/guest/tracer.c")] });
const guid = "02:00:00:00:00:00:00:77";
const [vf] = vfs;
const config = network(vf, { link_state: "enable", guid, ipam: hostLocal(["10.1.0.0/24"]) });

const set = (parameter: string, value: number) =>
  node.shell(`echo ${value} >/sys/module/vhca/parameters/${parameter}`);

/** Calls DEL until it succeeds, as a runtime does. Returns the errors of the calls before. */
async function deletedAtLast(): Promise<string[]> {
  const errors = [];
  for (;;) {
    const { status, stdout } = await node.call({ command: "DEL", netns: "a", config });
    if (status === 0) return errors;
    errors.push((JSON.parse(stdout) as { msg: string }).msg);
    if (errors.length > 10) throw new Error(errors.join("\n"));
    await node.shell("sleep 0.3");
  }
}

describe.each([
  ["gives a GUID to a VF only after 1 s", "guid_late_ms", 1000, 0, "did not take it over"],
  ["gives a GUID to a VF with the second bind", "guid_binds", 2, 1, "did not take it over"],
  ["refuses the next GUID, because it is busy", "guid_busy", 1, 0, "EBUSY"],
])("firmware that %s", (_, parameter, value, usual, message) => {
  test("ADD fails, reports the reason, and leaves the VF as it was", async () => {
    await set(parameter, value);
    const answer = await node.addRefused(config);
    await set(parameter, usual);
    expect(answer).toMatchObject({ code: 100, msg: expect.stringContaining(message) });
  });

  test("DEL fails and reports the reason until the VF has its own GUID again", () =>
    node.unchanged(async () => {
      await node.add("a", config);
      await set(parameter, value);
      const errors = await deletedAtLast();
      await set(parameter, usual);
      expect(errors.length).toBeGreaterThan(0);
      for (const error of errors) expect(error).toContain(message);
    }));

  test("DEL restores the VF after an ADD that was killed at any moment", () =>
    node.unchanged(async () => {
      const before = await node.snapshot();
      let rounds = 0;
      for (let killed = true; killed; rounds++) {
        await set(parameter, value);
        const traced = `/host/tracer -k ${40 + rounds * 90} /tmp/killed-at`;
        const add = commandLine(plugin, { command: "ADD", netns: "a", config }, traced);
        killed = (await node.guest.execute(add)).status === 137;
        await deletedAtLast();
        await node.expectSnapshot(before);
      }
      await set(parameter, usual);
      expect(rounds).toBeGreaterThan(2);
    }));
});

test("ADD refuses a VF with two ports, and names its netdevs; DEL and `list` still work", async () => {
  // All VFs are made again with two ports; the PF keeps its one.
  await set("ports", 2);
  await node.reset();
  const netdevs = (await node.shell(`ls /sys/bus/pci/devices/${vf}/net`)).trim().split("\n");
  expect(netdevs).toHaveLength(2);
  expect(await node.addRefused(config)).toMatchObject({
    code: 7,
    msg: expect.stringMatching(`2 netdevs \\((${netdevs.join(", ")}|${netdevs.toReversed().join(", ")})\\)`),
  });
  await node.unchanged(async () => {
    for (const call of [40, 80, 120]) {
      const traced = `/host/tracer -k ${call} /tmp/killed-at`;
      await node.guest.execute(commandLine(plugin, { command: "ADD", netns: "a", config }, traced));
      await node.del("a", config);
    }
  });
  expect(await node.shell(`${plugin} list`)).toContain(vf);
  await set("ports", 1);
  await node.reset();
});
