import { recordDocument } from "../../../../src/attachment/record/record-document.ts";
import { recordedAt } from "../../../../src/cli/attachments/attachments.ts";
import type { DoctorContext } from "../../../../src/cli/doctor/context.ts";
import { TimeoutError } from "../../../../src/node/clock.ts";
import type { Lock } from "../../../../src/node/files.ts";
import type { NetnsProcess } from "../../../../src/node/inventory.ts";
import { aRecord } from "../../../support/records.ts";
import { aDoctorContext, aLink } from "./doctor-context.ts";

const path = "/var/lib/cni/ib-sriov/c1-net1";

/** A pod with an isolated VF. Without changes, nothing is wrong with it. */
export interface RunningPod {
  /** The place of the VF's netdev. */
  readonly netdev?: "pod" | "host" | "gone";
  /** Name of the netdev in the pod, and whether it is up. */
  readonly name?: string;
  readonly isUp?: boolean;
  /** Whether the network sets rdmaIsolation. */
  readonly isIsolated?: boolean;
  /** Whether the RDMA device is in the pod. */
  readonly hasRdmaDevice?: boolean;
  readonly kind?: "netdev" | "rdma";
  readonly processes?: readonly NetnsProcess[];
  /** Files that the processes see. */
  readonly files?: readonly string[];
  /** Whether a call is working on the VF. */
  readonly isLocked?: boolean;
  /** Whether the record is still there when it is read again. */
  readonly isStillRecorded?: boolean;
}

/** Returns the context of a node with one running pod. */
export function aRunningPod({
  netdev = "pod",
  name = "net1",
  isUp = true,
  isIsolated = true,
  hasRdmaDevice = true,
  kind = "netdev",
  processes = [{ pid: "7", cgroup: "0::/system.slice/cri-containerd-app.scope" }],
  files = ["/proc/7/root/dev", "/proc/7/root/dev/infiniband/uverbs1"],
  isLocked = false,
  isStillRecorded = true,
}: RunningPod): DoctorContext {
  const args = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=trainer-0";
  const base = aRecord();
  const record = aRecord({
    state: "complete",
    kind,
    desired: { ...base.desired, rdmaIsolation: isIsolated ? true : undefined },
    call: { ...base.call, args },
  });
  const netns = { path: record.netns, cookie: record.netnsCookie };
  const lock: Partial<Lock> = {
    acquire() {
      if (isLocked) throw new TimeoutError("locked");
    },
    release() {},
  };
  const context = aDoctorContext(
    isStillRecorded ? { [path]: recordDocument(record, "ib0") } : {},
    { attached: [{ ...recordedAt(path, record), condition: "attached" }] },
    {
      clock: { now: () => 0, bootId: () => record.bootId },
      namespaces: { host: { path: "", cookie: "1" }, open: () => netns, close() {} },
      links: {
        ofFunction: (where) => {
          const isHere = netdev === (where === netns ? "pod" : "host");
          return isHere ? [aLink(netdev === "host" ? "ib3" : name, { up: isUp })] : [];
        },
      },
      rdma: {
        isExclusive: () => true,
        devices: (where) =>
          where === netns && hasRdmaDevice
            ? [{ index: 1, name: "mlx5_1", nodeGuid: base.originals.nodeGuid }]
            : [],
      },
      functions: {
        generation: () => record.vf.generation,
        rdmaDevicesAnywhere: () => ["mlx5_1"],
        rdmaFiles: () => ["umad1", "uverbs1"],
      },
    },
  );
  const modelFiles = Object.assign(Object.create(context.node.files) as typeof context.node.files, {
    lock: () => lock as Lock,
    exists: (file: string) => files.includes(file),
  });
  return {
    ...context,
    node: { ...context.node, files: modelFiles },
    inventory: { ...context.inventory, processesIn: () => new Map([[record.netns, processes]]) },
  };
}
