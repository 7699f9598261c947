import type { Condition } from "../attachments/attachments.ts";
import type { Family } from "./exposition.ts";

/** Numbers of VFs, attachments and pending releases of a node. */
export interface NodeReport {
  readonly pfs: readonly { readonly pci: string; readonly free: number; readonly used: number }[];
  /** Number of attachments in each condition. */
  readonly attachments: Readonly<Record<Condition, number>>;
  /** Number of pending releases. */
  readonly owed: number;
}

/** Returns the metrics of the node's present state. */
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
      help: "Records of attachments, by condition.",
      type: "gauge",
      samples: Object.entries(attachments).map(([condition, value]) => ({ labels: { condition }, value })),
    },
    {
      name: "ib_sriov_leases_owed",
      help: "Leases of orphaned attachments that are not released yet.",
      type: "gauge",
      samples: [{ labels: {}, value: owed }],
    },
  ];
}
