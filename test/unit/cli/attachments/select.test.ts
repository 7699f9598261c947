import { describe, expect, test } from "vitest";
import type { ListedAttachment } from "../../../../src/cli/attachments/attachments.ts";
import { labelOf, matchesOf, requireMatches, selectOne } from "../../../../src/cli/attachments/select.ts";

const directory = "/var/lib/cni/ib-sriov";

function attachment(containerId: string, ifname: string, pod?: string): ListedAttachment {
  const unknown = { pci: undefined, network: undefined, netns: undefined, since: undefined };
  return {
    path: `${directory}/${containerId}-${ifname}`,
    condition: "attached",
    name: { containerId, ifname },
    pod,
    ...unknown,
    record: undefined,
    goCache: undefined,
  };
}

const all: readonly ListedAttachment[] = [
  attachment("4f2c01", "net1", "default/trainer-0"),
  attachment("4f2c01", "net2", "default/trainer-0"),
  attachment("4f2c99", "net1", "other/trainer-0"),
  attachment("4f2", "net1"),
  // Its record cannot be read, and no lock file names it.
  { ...attachment("77aa", "net-x"), name: undefined, condition: "unreadable" },
];
const named = (name: string) => matchesOf(all, name).map(labelOf);

describe("a name means", () => {
  test.each([
    ["a complete ID, and no longer one", "4f2", ["4f2/net1"]],
    ["the beginning of one ID", "4f2c9", ["4f2c99/net1"]],
    ["the beginning of several IDs", "4f2c", ["4f2c01/net1", "4f2c01/net2", "4f2c99/net1"]],
    ["a pod in its namespace", "default/trainer-0", ["4f2c01/net1", "4f2c01/net2"]],
    ["a pod only with its namespace", "trainer-0", []],
    ["what -o name prints", "4f2c01/net2", ["4f2c01/net2"]],
    ["the path of a record", `${directory}/4f2c99-net1`, ["4f2c99/net1"]],
    ["the path of a record that cannot be read", `${directory}/77aa-net-x`, [`${directory}/77aa-net-x`]],
    ["the container in the path of such a record", "77aa", [`${directory}/77aa-net-x`]],
    ["the beginning of that container's ID", "77", [`${directory}/77aa-net-x`]],
    ["nothing: no attachment has an empty ID", "", []],
  ])("%s: %s", (_, name, labels) => {
    expect(named(name)).toEqual(labels);
  });
});

describe("selectOne", () => {
  test.each([
    ["4f2c9", "", "4f2c99/net1"],
    ["4f2c0", "net2", "4f2c01/net2"],
    ["default/trainer-0", "net1", "4f2c01/net1"],
    ["77", "net-x", `${directory}/77aa-net-x`],
  ])("returns the attachment of %s %s", (name, ifname, label) => {
    expect(labelOf(selectOne(all, name, ifname))).toBe(label);
  });

  test.each([
    ["4f3", "", "container 4f3 has no attachment"],
    ["4f2", "net2", "container 4f2 has no attachment net2"],
    ["default/trainer-1", "", "default/trainer-1 has no attachment"],
    [
      "4f2c",
      "net1",
      "4f2c means 2 attachments; name a single one:\n" +
        "  4f2c01/net1 (default/trainer-0)\n  4f2c99/net1 (other/trainer-0)",
    ],
  ])("refuses %s %s", (name, ifname, message) => {
    expect(() => selectOne(all, name, ifname)).toThrow(new Error(message));
  });
});

test("requireMatches refuses a name without attachments", () => {
  expect(requireMatches(all, "4f2c")).toHaveLength(3);
  expect(() => requireMatches(all, "x")).toThrow(new Error("container x has no attachment"));
});
