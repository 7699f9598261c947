import { expect, test } from "vitest";
import type { ReferenceCache } from "../../../src/attachment/reference-cache.ts";
import { resetVfio } from "../../../src/attachment/reset-vfio.ts";
import type { LinkState, VfConfig } from "../../../src/node/links.ts";
import type { Node } from "../../../src/node/node.ts";
import { aRecord, guid } from "../../support/records.ts";

const { vf } = aRecord();
const ours = guid("02:00:00:00:00:00:00:01");
const theirs = guid("02:00:00:00:00:00:00:02");
const none = guid("ff:ff:ff:ff:ff:ff:ff:ff");

/** What is set at the PF, where it has this on file for the VF. */
function setAfter(
  cache: { guid?: typeof ours; linkState?: LinkState },
  onFile: VfConfig,
): Partial<VfConfig>[] {
  const set: Partial<VfConfig>[] = [];
  const links = {
    physical: () => ({ link: { index: 2 }, vf: onFile }),
    setVfConfig: (pf: number, index: number, wanted: Partial<VfConfig>) => {
      expect([pf, index]).toEqual([2, vf.index]);
      set.push(wanted);
    },
  };
  const node = { links, namespaces: { host: {} } } as unknown as Node;
  resetVfio(node, vf, { guid: undefined, linkState: undefined, ...cache } as ReferenceCache);
  return set;
}

test("the GUIDs and the link state of a VF bound to vfio-pci are taken back at its PF", () => {
  const onFile = { nodeGuid: ours, portGuid: ours, linkState: "enable" } as const;
  expect(setAfter({ guid: ours, linkState: "enable" }, onFile)).toEqual([
    { linkState: "auto", nodeGuid: none, portGuid: none },
  ]);
});

test("what somebody has set since stays", () => {
  const onFile = { nodeGuid: theirs, portGuid: theirs, linkState: "disable" } as const;
  expect(setAfter({ guid: ours, linkState: "enable" }, onFile)).toEqual([{}]);
});

test("a VF of which nothing was set is left alone", () => {
  expect(setAfter({}, { nodeGuid: theirs, portGuid: theirs, linkState: "disable" })).toEqual([]);
});
