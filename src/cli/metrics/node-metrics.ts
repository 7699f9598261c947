import type { Condition } from "../attachments/attachments.ts";
import type { Family } from "./exposition.ts";

/** What there is on a node, in numbers. */
export interface NodeReport {
  readonly pfs: readonly { readonly pci: string; readonly free: number; readonly used: number }[];
  /** How many attachments are in each condition. */
  readonly attachments: Readonly<Record<Condition, number>>;
  /** How many leases of dead attachments are still to be released. */
  readonly owed: number;
}

/** What there is on the node at this moment. */
export function nodeMetrics({ pfs, attachments, owed }: NodeReport): Family[] {
  return [
    {
      name: "ib_sriov_vfs",
      help: "VFs of a PF, free and in use.",
      type: "gauge",
      samples: pfs.flatMap(({ pci, free, used }) => [
        { labels: { pf: pci, state: "free" }, value: free },
        { labels: { pf: pci, state: "used" }, value: used },
      ]),
    },
    {
      name: "ib_sriov_attachments",
      help: "Records of attachments, by condition; dead, broken and unreadable ones are left over.",
      type: "gauge",
      samples: Object.entries(attachments).map(([condition, value]) => ({ labels: { condition }, value })),
    },
    {
      name: "ib_sriov_leases_owed",
      help: "Leases of dead attachments that are still to be released.",
      type: "gauge",
      samples: [{ labels: {}, value: owed }],
    },
  ];
}
