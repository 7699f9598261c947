// The files below /dev/infiniband that the SR-IOV device plugin gives to a pod: those that the VF has when kubelet
// allocates it, before the first ADD for the pod. The pod keeps them as long as it exists.
import type { Machine } from "./machine.ts";

/** The attachment of a pod, or of a container without a pod. */
interface Pod {
  readonly uid?: string;
  readonly containerId: string;
  readonly ifname: string;
}

const given = new WeakMap<Machine, Map<string, readonly string[]>>();

/** Returns the numbered files of a VF below /dev/infiniband. */
export function filesOf({ bus }: Machine, pci: string): readonly string[] {
  return (bus.vfs.get(pci)?.probed?.devices ?? []).flatMap(({ files }) => files);
}

/** Gives a pod the files of a VF, before its first ADD. Kubelet does not give them to a pod whose VF has no files. */
export function giveFiles(machine: Machine, pod: Pod, pci: string): void {
  const pods = given.get(machine) ?? new Map<string, readonly string[]>();
  given.set(machine, pods);
  const files = filesOf(machine, pci);
  if (!pods.has(keyOf(pod)) && files.length > 0) pods.set(keyOf(pod), files);
}

/** Returns the files that a pod has been given; `undefined` if it has been given none. */
export function givenFiles(machine: Machine, pod: Pod): readonly string[] | undefined {
  return given.get(machine)?.get(keyOf(pod));
}

/** Forgets the files of a container without a pod after its DEL: its next ADD is that of a new container. */
export function forgetFiles(machine: Machine, pod: Pod): void {
  if (pod.uid === undefined) given.get(machine)?.delete(keyOf(pod));
}

/** A container can get several VFs. */
function keyOf({ uid, containerId, ifname }: Pod): string {
  return `${uid ?? containerId} ${ifname}`;
}
