import type { VfTraffic } from "../../node/links.ts";
import type { Condition } from "../attachments/attachments.ts";
import type { Family, Sample } from "./exposition.ts";
import { labelOf } from "./label.ts";

/** The present state of a node. */
export interface NodeReport {
  readonly pfs: readonly PfReport[];
  readonly attachments: readonly AttachmentReport[];
  /** Number of unreleased leases. */
  readonly unreleasedLeases: number;
}

/** A PF, its ports and its VFs. */
export interface PfReport {
  readonly pci: string;
  readonly free: number;
  readonly used: number;
  readonly ports: readonly PortTraffic[];
  readonly vfs: readonly (Omit<VfTraffic, "index"> & { readonly pci: string })[];
}

/** The traffic of a port, which includes that of its VFs if the driver counts so. Missing counters are `undefined`. */
export interface PortTraffic {
  /** Name of the RDMA device. */
  readonly device: string;
  readonly number: number;
  readonly receivedBytes: number | undefined;
  readonly transmittedBytes: number | undefined;
  readonly receivedPackets: number | undefined;
  readonly transmittedPackets: number | undefined;
}

/** An attachment: the values of labels, "" if one is not known. */
export interface AttachmentReport {
  readonly condition: Condition;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** Name of the netdev in the container. */
  readonly interface: string;
  readonly network: string;
  readonly pf: string;
  readonly vf: string;
  /** Name of the VF's netdev on the host, before and after the attachment. */
  readonly netdev: string;
  readonly rdmaDevice: string;
  /** Port GUID of a PF that a virtual machine has. */
  readonly portGuid: string;
}

/** All conditions of attachments, which docs/reference/tables.md describes. */
export const CONDITIONS: readonly Condition[] = [
  "attached",
  "in progress",
  "orphaned",
  "destroyed",
  "undo-failed",
  "go-plugin",
  "unreadable",
];

/** The counters that VFs and ports have. */
const TRAFFIC = [
  ["receive_bytes", "Bytes received", "receivedBytes"],
  ["transmit_bytes", "Bytes sent", "transmittedBytes"],
  ["receive_packets", "Packets received", "receivedPackets"],
  ["transmit_packets", "Packets sent", "transmittedPackets"],
] as const;

/** Returns the metrics of the node's present state. */
export function nodeMetrics({ pfs, attachments, unreleasedLeases }: NodeReport): Family[] {
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
      samples: CONDITIONS.map((condition) => ({
        labels: { condition: labelOf(condition) },
        value: attachments.filter((each) => each.condition === condition).length,
      })),
    },
    {
      name: "ib_sriov_attachment_info",
      help: "The pod and the devices of an attachment. The value is always 1: join it with other metrics by pf and vf.",
      type: "gauge",
      samples: attachments.map(infoOf),
    },
    {
      name: "ib_sriov_unreleased_leases",
      help: "Leases of orphaned attachments that are not released yet.",
      type: "gauge",
      samples: [{ labels: {}, value: unreleasedLeases }],
    },
    ...TRAFFIC.map(
      ([name, what, member]): Family => ({
        name: `ib_sriov_vf_${name}_total`,
        help: `${what} by a VF, RDMA included, as its PF counts them.`,
        type: "counter",
        samples: pfs.flatMap(({ pci, vfs }) =>
          vfs.map((vf) => ({ labels: { pf: pci, vf: vf.pci }, value: vf[member] })),
        ),
      }),
    ),
    ...TRAFFIC.map(
      ([name, what, member]): Family => ({
        name: `ib_sriov_port_${name}_total`,
        help: `${what} by a port of a PF, RDMA included.`,
        type: "counter",
        samples: pfs.flatMap(({ pci, ports }) =>
          ports.flatMap(({ device, number, [member]: value }) =>
            value === undefined ? [] : [{ labels: { pf: pci, device, port: String(number) }, value }],
          ),
        ),
      }),
    ),
  ];
}

function infoOf({ condition, rdmaDevice, portGuid, ...labels }: AttachmentReport): Sample {
  return {
    labels: { ...labels, rdma_device: rdmaDevice, port_guid: portGuid, condition: labelOf(condition) },
    value: 1,
  };
}
