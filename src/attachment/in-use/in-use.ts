import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Namespace } from "../../node/namespaces.ts";
import { errnoOf, type Node } from "../../node/node.ts";
import type { NodeProcess } from "../../node/processes.ts";
import { propertiesOf } from "../attachment-kinds.ts";
import type { StepContext } from "../context.ts";
import type { AttachmentRecord } from "../record/record.ts";
import { foreignDriver } from "../vf/foreign-driver.ts";
import { netdevOf, netnsTeardownTimeout } from "../vf/netdev.ts";
import { ownsVf } from "../vf/owns-vf.ts";
import { pkeyChildrenIn } from "../vf/pkey-children.ts";
import { hostRdmaDevices, rdmaDevicesAway, rdmaDevicesIn } from "../vf/rdma-devices.ts";
import { waitFor } from "../vf/wait-for.ts";
import { childrenOf, configurationOf, type HostUse, masterOf } from "./host-use.ts";

/**
 * The answer to whether a VF is in use. "unknown" counts as in use: `why` then names what is missing to find out.
 * `undefined` stands for a VF that is not in use.
 */
export interface Use {
  readonly kind: "used" | "unknown";
  /** E.g. "process 812 (trainer) has /dev/infiniband/uverbs3 open". */
  readonly why: string;
  /** The command, or the action, that ends the use, if there is one. */
  readonly remedy?: string | undefined;
}

/** A VF whose use is asked for. */
interface Subject {
  readonly node: Node;
  readonly pci: string;
  readonly deadline: number;
  /** The attachment that had the VF last; `undefined` if it has no record. */
  readonly record: AttachmentRecord | undefined;
  /** The namespace of that attachment; `undefined` if nothing of it is at its path. */
  readonly containerNetns: Namespace | undefined;
}

/**
 * Returns how the VF of an attachment is in use; `undefined` if it may be taken. This and {@link useOfFreeVf} are the
 * only judges of that question. The evidence is the same for each kind; what costs most, reading all processes, comes
 * last.
 *
 * A container whose ADD has not succeeded was never given its VF, so that its namespace alone, and the VF's devices in
 * it, do not count as evidence. But a process of it can use the VF.
 * @param options `emptyNetns`: whether a namespace without a process is evidence. It is for a caller that has no list of
 *   the runtime's attachments, because a container may have no process at this moment.
 */
export function useOfAttachment(
  attachment: StepContext,
  { emptyNetns }: { readonly emptyNetns: "used" | "unused" },
): Use | undefined {
  const { node, record, containerNetns, deadline } = attachment;
  // The container has already lost the VF, or the VF was created again.
  if (!ownsVf(attachment)) return undefined;
  const isComplete = record.state === "complete";
  if (isComplete && containerNetns !== undefined && emptyNetns === "used")
    return used(`its namespace ${record.netns} exists`);
  const subject = { node, pci: record.vf.pci, deadline, record, containerNetns };
  // Nothing of the attachment is left on a VF with a foreign driver, and releasing it does not touch the VF.
  const isForeign = foreignDriver(attachment) !== undefined;
  const use = (isForeign ? undefined : deviceUse(subject)) ?? (isComplete ? netnsUse(subject) : undefined);
  const last = use ?? (isForeign ? undefined : openUse(subject));
  if (last === undefined || containerNetns !== undefined || !isComplete) return last;
  return { ...last, why: `its namespace ${record.netns} cannot be found, but ${last.why}` };
}

/** Returns how a VF without an attachment is in use, see {@link useOfAttachment}. */
export function useOfFreeVf(
  { node, deadline }: { readonly node: Node; readonly deadline: number },
  pci: string,
): Use | undefined {
  const subject = { node, pci, deadline, record: undefined, containerNetns: undefined };
  return deviceUse(subject) ?? openUse(subject);
}

/** Returns the use of a VF whose devices are not on the host, whichever program moved them; it reads no process. */
export function useElsewhere(node: Node, pci: string): Use | undefined {
  return awayUse({ node, pci, deadline: 0, record: undefined, containerNetns: undefined });
}

/** @throws {CniError} code 101 if a VF without an attachment is in use, or may be. */
export function requireUnused(pci: string, use: Use | undefined): void {
  if (use === undefined) return;
  throw new CniError(codes.deviceInUse, `VF ${pci} is in use, or may be: ${useText(use)}`);
}

/** Returns why a VF is in use, and what ends the use. */
export function useText({ why, remedy }: Use): string {
  return remedy === undefined ? why : `${why}; ${remedy}`;
}

function used(why: string): Use {
  return { kind: "used", why };
}

/** Returns the use that the VF's devices show. */
function deviceUse(subject: Subject): Use | undefined {
  const { node, pci } = subject;
  if (node.functions.isOpenByVfio(pci)) return used("a virtual machine may have it open (/dev/vfio)");
  return awayUse(subject) ?? onHost(subject) ?? rdmaUse(subject);
}

/** Returns the devices of the VF that are neither on the host nor in the attachment's namespace. */
function awayUse(subject: Subject): Use | undefined {
  const { node, record, containerNetns, deadline } = subject;
  const first = devicesAway(subject);
  if (first.length === 0) return undefined;
  let away: string[] | undefined = first;
  // The kernel returns the devices of a namespace that was just deleted in the background.
  if (record !== undefined && containerNetns === undefined) {
    const watch = propertiesOf(record).hasNetdev
      ? node.links.watch(node.namespaces.host, "links")
      : node.rdma.watch();
    try {
      const end = Math.min(node.clock.now() + netnsTeardownTimeout, deadline);
      const isBack = () => {
        away = devicesAway(subject);
        return away.length === 0 || undefined;
      };
      if (waitFor(watch, end, isBack)) return undefined;
    } finally {
      watch.close();
    }
  }
  return used(`${away.join(" and ")} is in another network namespace`);
}

function devicesAway({ node, pci, containerNetns }: Subject): string[] {
  const { functions, links, namespaces, rdma } = node;
  const isIn = (where: Namespace) => links.ofFunction(where, pci).some(({ child }) => !child);
  const hasNetdev =
    !functions.hasNetdev(pci) ||
    isIn(namespaces.host) ||
    (containerNetns !== undefined && isIn(containerNetns));
  const names = rdmaDevicesAway(node, pci);
  const inContainer =
    names.length === 0 || containerNetns === undefined
      ? []
      : rdma.devices(containerNetns).map(({ name }) => name);
  const missing = names.filter((name) => !inContainer.includes(name));
  return [
    ...(hasNetdev ? [] : ["its netdev"]),
    ...(missing.length === 0 ? [] : [`its RDMA device ${missing.join(", ")}`]),
  ];
}

/** Returns how the host uses the VF's netdev. */
function onHost({ node, pci, record }: Subject): Use | undefined {
  const { host } = node.namespaces;
  // The addresses of an attachment to the plugin's own namespace are those of the attachment.
  if (record?.netnsCookie === host.cookie) return undefined;
  const netdev = netdevOf(node, host, pci);
  if (netdev === undefined) return undefined;
  const use = masterOf(node, netdev) ?? configurationOf(node, netdev) ?? childUse();
  return use && { kind: "used", why: `the host uses it: ${use.why}`, remedy: use.remedy };

  function childUse(): HostUse | undefined {
    if (netdev === undefined) return undefined;
    if (record === undefined) return childrenOf(node, pci, netdev, hostRdmaDevices(node, pci));
    // The children that a container has made come to the host with the VF, without addresses.
    for (const child of pkeyChildrenIn(node, host, netdev)) {
      const found = masterOf(node, child) ?? configurationOf(node, child);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/**
 * Kernel modules whose queue pairs each RDMA device has, or each IPoIB netdev, so that they do not show that the device is
 * in use. Those of `rdma_cm` are connections of others: of NFS, NVMe or iSER.
 */
const OWN_MODULES = /^(ib_core|ib_ipoib|mlx\d_ib)$/;

/** Returns which programs and modules have objects on the VF's RDMA devices. */
function rdmaUse(subject: Subject): Use | undefined {
  const { node, pci, containerNetns } = subject;
  const { host } = node.namespaces;
  const names = node.functions.rdmaDevices(pci);
  const there =
    names.length === 0 ? [] : hostRdmaDevices(node, pci, names).own.map((each) => ({ ...each, where: host }));
  if (containerNetns !== undefined && containerNetns.cookie !== host.cookie)
    there.push(
      ...rdmaDevicesIn(node, pci, containerNetns).map((each) => ({ ...each, where: containerNetns })),
    );
  for (const { index, name, where } of there) {
    const pairs = node.rdma.queuePairs(where, index);
    const pid = pairs.find((pair) => pair.pid !== undefined)?.pid;
    if (pid !== undefined) return used(`process ${pid} has queue pairs on its RDMA device ${name}`);
    const { module } =
      pairs.find((pair) => pair.module !== undefined && !OWN_MODULES.test(pair.module)) ?? {};
    if (module !== undefined) return used(`the kernel module ${module} uses its RDMA device ${name}`);
    if ((node.rdma.contexts(where, index) ?? 0) > 0) {
      const use = openUse(subject);
      return use?.kind === "used" ? use : used(`a process uses its RDMA device ${name}`);
    }
  }
  return undefined;
}

/** Returns the process that runs in the attachment's namespace, wherever the namespace is mounted. */
function netnsUse({ node, record }: Subject): Use | undefined {
  if (record === undefined) return undefined;
  return processUse(node, () => {
    const process = node.namespaces.processIn(record.netnsCookie);
    return process && `${processText(process)} runs in its namespace ${record.netns}`;
  });
}

/** Returns the process that has a device file of the VF open. */
function openUse({ node, pci }: Subject): Use | undefined {
  const files = node.functions.deviceFiles(pci);
  if (files.length === 0) return undefined;
  return processUse(node, () => {
    const [opener] = node.processes.openersOf(files.map(({ number }) => number));
    if (opener === undefined) return undefined;
    const path = files.find(({ number }) => number === opener.number)?.path ?? pci;
    return `${processText(opener)} has ${path} open`;
  });
}

/** Returns the use that a search among all processes finds; "unknown" if it cannot see all of them. */
function processUse({ processes }: Node, search: () => string | undefined): Use | undefined {
  try {
    const why = search();
    if (why !== undefined) return used(why);
    if (processes.seesAll()) return undefined;
    const missing = "this process does not see the processes of the host, of which one may use it";
    return { kind: "unknown", why: missing, remedy: "run it in the host's PID namespace (hostPID: true)" };
  } catch (error) {
    if (!["EACCES", "EPERM"].includes(errnoOf(error) ?? "")) throw error;
    const why = `the processes of the host cannot be examined: ${messageOf(error)}`;
    return { kind: "unknown", why, remedy: "give this process the capability SYS_PTRACE" };
  }
}

function processText({ pid, command }: NodeProcess): string {
  return `process ${pid} (${command})`;
}
