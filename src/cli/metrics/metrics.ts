import { build, print, utf8Encode } from "host";
import { StateDirectory } from "../../attachment/record/state-directory.ts";
import { writeAll } from "../../linux/files/create-file.ts";
import { fillOutputFile } from "../../linux/files/output-file.ts";
import { COUNTERS_BYTES, COUNTERS_LOCK_TIMEOUT, summed } from "../../log/counters.ts";
import type { Node } from "../../node/node.ts";
import { attachmentOf, attachmentsOf, type ListedAttachment } from "../attachments/attachments.ts";
import type { Command, CommandCall } from "../command.ts";
import { type CliContext, linuxContext } from "../context.ts";
import { isFree } from "../inventory.ts";
import { callMetrics } from "./call-metrics.ts";
import { exposition, type Family } from "./exposition.ts";
import { type AttachmentReport, type NodeReport, nodeMetrics, type PfReport } from "./node-metrics.ts";
import { portTraffic } from "./port-traffic.ts";

/** Size in bytes from which on this command adds up the counters: well before a call has to. */
const COMPACTION_BYTES = COUNTERS_BYTES / 4;
/** Mode of the textfile. node_exporter, which reads it, does not run as root. */
const MODE = 0o644;

/** Prints the state of the node and the counters of calls for Prometheus. */
export const metrics: Command = {
  name: "metrics",
  summary: "Prints Prometheus metrics: VFs, attachments, calls, steps, durations",
  details: "To reset the counters, remove the file /var/lib/cni/ib-sriov/.calls.",
  options: [
    {
      name: "textfile",
      value: "FILE",
      summary:
        "writes them to FILE, which node_exporter's textfile collector reads if its name ends in .prom",
    },
  ],
  run({ options }: CommandCall): number {
    const machine = linuxContext();
    const text = metricsOf(machine);
    const path = options.get("textfile");
    if (path === undefined) print(1, text);
    // The collector reads files whose names end in .prom, at any moment.
    else fillOutputFile({ path, mode: MODE, mayExist: true }, (fd) => writeAll(fd, utf8Encode(text), path));
    return 0;
  },
};

/** Returns all metrics of a machine, in Prometheus's text format. */
export function metricsOf(machine: CliContext): string {
  return exposition([
    buildInfo(build),
    ...nodeMetrics(reportOf(machine)),
    ...callMetrics(countersOf(machine.node)),
  ]);
}

/** Returns the metric that names the version. */
export function buildInfo({ version, commit }: Pick<typeof build, "version" | "commit">): Family {
  return {
    name: "ib_sriov_build_info",
    help: "The version of ib-sriov that printed the metrics.",
    type: "gauge",
    samples: [{ labels: { version, commit }, value: 1 }],
  };
}

function reportOf(machine: CliContext): NodeReport {
  const { node, inventory } = machine;
  const attached = attachmentsOf(node);
  return {
    pfs: inventory.physicalFunctions().map((pci) => pfReport(machine, attached, pci)),
    attachments: attached.map((each) => attachmentReport(node, each)),
    unreleasedLeases: new StateDirectory(node.files).unreleasedLeases().length,
  };
}

function pfReport(
  { node, inventory }: CliContext,
  attached: readonly ListedAttachment[],
  pci: string,
): PfReport {
  const vfs = inventory.virtualFunctions(pci);
  const used = vfs.filter((vf) => !isFree({ attachment: attachmentOf(node, attached, vf) })).length;
  return {
    pci,
    free: vfs.length - used,
    used,
    ports: inventory.ports(pci).map((port) => portTraffic(inventory, port)),
    // A VF can be destroyed between the two lists.
    vfs: node.links.vfTraffic(pci).flatMap(({ index, ...traffic }) => {
      const vf = vfs[index];
      return vf === undefined ? [] : [{ pci: vf, ...traffic }];
    }),
  };
}

function attachmentReport(
  node: Node,
  { condition, name, pod, network, pci, record, pfGuid }: ListedAttachment,
): AttachmentReport {
  const [namespace = "", podName = ""] = pod?.split("/") ?? [];
  return {
    condition,
    namespace,
    pod: podName,
    container: name?.containerId ?? "",
    interface: name?.ifname ?? "",
    network: network ?? "",
    pf: record?.vf.pf ?? "",
    vf: pci ?? "",
    netdev: record?.originals.name ?? "",
    rdmaDevice: pci === undefined ? "" : node.functions.rdmaDevicesAnywhere(pci).join(","),
    portGuid: pfGuid ?? "",
  };
}

/**
 * Returns the text of the counters, and adds them up, because this command runs every minute, and calls should be fast.
 */
function countersOf({ files, clock }: Node): string {
  const state = new StateDirectory(files);
  const text = state.countersText();
  if (text.length > COMPACTION_BYTES) {
    try {
      state.count("", COMPACTION_BYTES, clock.now() + COUNTERS_LOCK_TIMEOUT, summed);
    } catch {
      // The file system is full or read-only, or another process holds the lock. The counters can be printed anyway.
    }
  }
  return text;
}
