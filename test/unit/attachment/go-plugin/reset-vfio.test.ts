import { expect, test } from "vitest";
import { resetVfio } from "../../../../src/attachment/go-plugin/reset-vfio.ts";
import type { GoCache } from "../../../../src/attachment/record/go-cache.ts";
import type { Link, LinkState, VfConfig } from "../../../../src/node/links.ts";
import { partialNode } from "../../../support/partial-node.ts";
import { aLinkSettings, aRecord, guid } from "../../../support/records.ts";

const { vf } = aRecord();
const containerGuid = guid("02:00:00:00:00:00:00:01");
const theirs = guid("02:00:00:00:00:00:00:02");
const none = guid("ff:ff:ff:ff:ff:ff:ff:ff");

const pf: Link = {
  index: 2,
  name: "ib0",
  altnames: [],
  mtu: 2044,
  up: true,
  carrier: true,
  operstate: 6,
  address: new Uint8Array(20),
  pci: vf.pf,
  child: false,
  settings: aLinkSettings,
  master: undefined,
};

/** Returns what resetVfio sets at the PF, if the PF stores `onFile` for the VF. */
function setAfter(
  cache: { guid?: typeof containerGuid; linkState?: LinkState },
  onFile: VfConfig,
): Partial<VfConfig>[] {
  const set: Partial<VfConfig>[] = [];
  const links = {
    physical: () => ({ link: pf, vf: onFile, guids: () => [] }),
    setVfConfig: (at: number, index: number, wanted: Partial<VfConfig>) => {
      expect([at, index]).toEqual([pf.index, vf.index]);
      set.push(wanted);
    },
  };
  const node = partialNode({ links, namespaces: { host: { path: "", cookie: "1" } } });
  resetVfio(node, vf, { guid: undefined, linkState: undefined, ...cache } as GoCache);
  return set;
}

test("the GUIDs and the link state of a VF bound to vfio-pci are reset at its PF", () => {
  const onFile = { nodeGuid: containerGuid, portGuid: containerGuid, linkState: "enable" } as const;
  expect(setAfter({ guid: containerGuid, linkState: "enable" }, onFile)).toEqual([
    { linkState: "auto", nodeGuid: none, portGuid: none },
  ]);
});

test("values that another program has set since stay", () => {
  const onFile = { nodeGuid: theirs, portGuid: theirs, linkState: "disable" } as const;
  expect(setAfter({ guid: containerGuid, linkState: "enable" }, onFile)).toEqual([{}]);
});

test("a VF for which nothing was set is not changed", () => {
  expect(setAfter({}, { nodeGuid: theirs, portGuid: theirs, linkState: "disable" })).toEqual([]);
});
