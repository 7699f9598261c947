// Wishes for the interface, and what of them cannot be had.
import { expect, test } from "vitest";
import { CniError, codes } from "../../src/cni/errors.ts";
import { c1, deviceInfo, vf } from "./harness/default-node.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { everything, partition, partitioned } from "./scenarios/requests.ts";

test("no carrier in the time that the network gives: try again, and nothing is left of it", () => {
  const story = new SimulatedNode({});
  const { end, error } = story.add(c1, { vf, linkState: "disable", carrierTime: 3_000 });
  expect(end).toBe("failed");
  expect(error).toBeInstanceOf(CniError);
  expect(error).toMatchObject({ code: codes.tryAgain, message: expect.stringMatching(/no carrier for 3 s/) });
  story.requireAsBefore("after ADD");
});

test("no partition in the time that the network gives: try again, with what there is, and nothing is left of it", () => {
  const story = new SimulatedNode({ partition: { pkey: 0x8006, delay: 10 } });
  const { end, error } = story.add(c1, { ...everything, partition });
  expect(end).toBe("failed");
  expect(error).toMatchObject({
    code: codes.tryAgain,
    message: expect.stringMatching(/not come to partition 0x0005 in 5 s: index 0 .* has 0x8006/),
  });
  story.requireAsBefore("after ADD");
});

test.each([{}, { rdma: "exclusive" }] as const)(
  "a partition that comes late is waited for, and not longer (%j)",
  (kernel) => {
    const story = new SimulatedNode({ ...partitioned, ...kernel });
    const before = story.machine.time.now;
    const { end } = story.add(c1, { vf, partition, rdmaIsolation: "rdma" in kernel || undefined });
    expect(end).toBe("done");
    const took = story.machine.time.now - before;
    expect(took).toBeGreaterThan(900);
    expect(took).toBeLessThan(1_200);
  },
);

test("an MTU that the broadcast group does not allow: it is told, and is what the result says", () => {
  const story = new SimulatedNode({});
  story.machine.groupMtu = 1500;
  const wish = { ...everything, mtu: 1700 };
  const { end, warnings, result } = story.add(c1, wish);
  expect(end).toBe("done");
  expect(warnings).toContainEqual(expect.stringMatching(/MTU 1500, not 1700/));
  expect(result?.interfaces.at(-1)?.mtu).toBe(1500);
  story.machine.groupMtu = undefined;
  story.mustDel(c1, wish);
  story.requireAsBefore("after DEL");
});

test("an MTU that the netdev cannot have: ADD fails, and nothing is left of it", () => {
  const story = new SimulatedNode({});
  expect(story.add(c1, { vf, mtu: 9000 }).end).toBe("failed");
  story.requireAsBefore("after ADD");
});

test.each(["", "{", "[]", "null", '{"type":"vdpa"}', '{"pci":"x"}'])(
  "a file %j that tells of no PCI device stays as it is, and is no reason to fail",
  (text) => {
    const story = new SimulatedNode({});
    story.happens(({ files }) => void files.texts.set(deviceInfo, text));
    const { end, warnings } = story.add(c1, { vf, deviceInfo: `${deviceInfo}` });
    expect(end).toBe("done");
    expect(warnings).toContainEqual(expect.stringContaining(deviceInfo));
    expect(story.machine.files.texts.get(deviceInfo)).toBe(text);
    story.mustDel(c1, { vf, deviceInfo });
    story.requireAsBefore("after DEL");
  },
);

test("where there is no such file none is made, and one that somebody has written meanwhile stays as it is", () => {
  const story = new SimulatedNode({});
  const { texts } = story.machine.files;
  story.happens(({ files }) => void files.texts.delete(deviceInfo));
  story.mustAdd(c1, { vf, deviceInfo });
  expect(texts.has(deviceInfo)).toBe(false);
  story.happens(({ files }) => void files.texts.set(deviceInfo, '{"pci":{"rdma-device":"theirs"}}'));
  story.mustDel(c1, { vf, deviceInfo });
  expect(texts.get(deviceInfo)).toBe('{"pci":{"rdma-device":"theirs"}}');
});
