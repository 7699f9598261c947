import { CniError, codes } from "../../cni/errors.ts";
import type { Step } from "../attachment.ts";
import { attempt } from "../failure.ts";

/** The policy of the VF's link, set through the PF. */
export const linkState: Step = {
  name: "link state",

  isNeeded: ({ record }) => record.wanted.linkState !== undefined,

  apply({ node, record, pf }) {
    const { linkState } = record.wanted;
    if (linkState === undefined || linkState === record.found.linkState) return;
    attempt(`set the link state of VF ${record.vf.pci} to ${linkState}`, () =>
      node.links.setVfConfig(pf().index, record.vf.index, { linkState }),
    );
  },

  undo({ node, record, pf, vfConfig }) {
    const ours = record.wanted.linkState;
    // Where the kernel could not tell what there was, the default of a new VF's policy goes back.
    const original = record.found.linkState ?? "auto";
    if (ours === undefined || ours === original) return;
    attempt(`put the link state of VF ${record.vf.pci} back to ${original}`, () => {
      const now = vfConfig().linkState;
      if (now !== undefined && now !== ours) return;
      node.links.setVfConfig(pf().index, record.vf.index, { linkState: original });
    });
  },

  verify({ record, vfConfig }) {
    const wanted = record.wanted.linkState;
    if (wanted === undefined) return;
    const found = vfConfig().linkState;
    if (found === undefined || found === wanted) return;
    throw new CniError(codes.node, `the link state of VF ${record.vf.pci} is ${found}, not ${wanted}`);
  },
};
