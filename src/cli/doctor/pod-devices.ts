import { propertiesOf } from "../../attachment/attachment-kinds.ts";
import { withRecordedNetns } from "../../attachment/netns.ts";
import type { AttachmentRecord } from "../../attachment/record/record.ts";
import { StateDirectory } from "../../attachment/record/state-directory.ts";
import { netdevOf } from "../../attachment/vf/netdev.ts";
import { rdmaDevicesIn } from "../../attachment/vf/rdma-devices.ts";
import type { NetnsProcess } from "../../node/inventory.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import { attachmentText } from "../attachments/attachment-text.ts";
import { attachmentAt, type ListedAttachment } from "../attachments/attachments.ts";
import { tryAcquire } from "../try-acquire.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, warning } from "./finding.ts";
import { RDMA_CNI } from "./network-checks.ts";

/** An attachment of a running pod. */
interface RunningAttachment {
  readonly attachment: ListedAttachment;
  readonly record: AttachmentRecord;
  readonly netns: Namespace;
}

/** Checks whether running pods have the interfaces of their VFs, and the files of their RDMA devices. */
export function podDevices(context: DoctorContext): Finding[] {
  const { node, attached = [] } = context;
  const isolated: Omit<RunningAttachment, "netns">[] = [];
  const findings = attached.flatMap((attachment): Finding[] => {
    const { condition, record } = attachment;
    if (condition !== "attached" || record === undefined) return [];
    const found = withRecordedNetns(node, record, (netns) => {
      const running = { attachment, record, netns };
      if (isIsolated(node, running)) isolated.push({ attachment, record });
      return interfaceOf(node, running);
    });
    return found ?? [];
  });
  return [...findings, ...deviceFiles(context, isolated)];
}

/** Reports whether a pod has the RDMA devices of its VF for itself. */
function isIsolated(node: Node, { record, netns }: RunningAttachment): boolean {
  return record.desired.rdmaIsolation === true && rdmaDevicesIn(node, record.vf.pci, netns).length > 0;
}

/**
 * Checks whether a pod has the interface of its VF. The kernel creates the netdev of a VF again if the VF is rebound, or
 * if rdma-cni moves its RDMA device: in the initial namespace or, since Linux 6.17, in that of the RDMA device.
 */
function interfaceOf(node: Node, running: RunningAttachment): Finding[] {
  const { attachment, record, netns } = running;
  if (!propertiesOf(record).hasNetdev) return [];
  const inPod = netdevOf(node, netns, record.vf.pci);
  // A container may rename its interface.
  if (inPod?.name === record.ifname || inPod?.up) return [];
  const onHost = netdevOf(node, node.namespaces.host, record.vf.pci);
  const netdev = inPod ?? onHost;
  if (netdev === undefined || !isStillAttached(node, attachment, record)) return [];
  return error(
    "pod-no-interface",
    `${subjectOf(attachment)} has lost its interface: ${netdev.name}, the netdev of the VF, is ${inPod === undefined ? "on the host" : "down, and has no addresses"}`,
    {
      advice: `if the network chains rdma-cni, remove the plugin of type "${RDMA_CNI}", and set "rdmaIsolation": true in that of type "ib-sriov" (in a SriovIBNetwork, metaPlugins chains it); then delete the pod`,
    },
  );
}

/** Reports whether no call has changed an attachment, or is changing it, since its record was read. */
function isStillAttached(node: Node, { path }: ListedAttachment, { vf, since }: AttachmentRecord): boolean {
  const state = new StateDirectory(node.files);
  const lock = state.vfLock(vf.pci);
  try {
    if (!tryAcquire(lock, node.clock.now())) return false;
    const now = attachmentAt(node, state, path);
    return now?.condition === "attached" && now.since === since;
  } finally {
    lock.release();
  }
}

/**
 * Checks whether the pods that have RDMA devices have the files of these devices, too. The SR-IOV device plugin (since
 * 3.8) reads the names of the files when kubelet allocates the VF. In exclusive mode it finds none while another pod
 * still has the VF, and the files are never handed out later.
 */
function deviceFiles(
  { node, inventory }: DoctorContext,
  isolated: readonly Omit<RunningAttachment, "netns">[],
): Finding[] {
  if (isolated.length === 0) return [];
  const processes = inventory.processesIn(isolated.map(({ record }) => record.netns));
  return isolated.flatMap(({ attachment, record }) => {
    const workload = (processes.get(record.netns) ?? []).filter((each) => !isPause(each, record));
    const verbs = node.functions.rdmaFiles(record.vf.pci).find((name) => name.startsWith("uverbs"));
    if (verbs === undefined) return [];
    const path = `/dev/infiniband/${verbs}`;
    const has = ({ pid }: NetnsProcess, file: string) => node.files.exists(`/proc/${pid}/root${file}`);
    if (workload.some((each) => has(each, path))) return [];
    // A process that has ended since it was listed has no /dev at all, which shows nothing.
    if (!workload.some((each) => has(each, "/dev"))) return [];
    return warning(
      "pod-no-device-files",
      `${subjectOf(attachment)} cannot use RDMA: it has the RDMA device of the VF, but no process of it has ${path}`,
      {
        advice:
          'delete the pod, unless it still runs init containers: the SR-IOV device plugin (3.8 or later) hands out these files only if the VF is back on the host when kubelet starts the next pod, and if its resource sets "isRdma": true',
      },
    );
  });
}

/** Reports whether a process is the pause container, whose ID, and so whose cgroup, runtimes give to CNI. */
function isPause({ cgroup }: NetnsProcess, { containerId }: AttachmentRecord): boolean {
  return cgroup.includes(containerId);
}

/** Returns e.g. "default/trainer (4f2c…) net1 with VF 0000:03:00.2". */
function subjectOf(attachment: ListedAttachment): string {
  return `${attachmentText({ ...attachment, since: undefined })} with VF ${attachment.pci}`;
}
