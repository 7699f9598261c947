// The files below /dev/infiniband that the SR-IOV device plugin gives to a pod: those that the VF has when kubelet
// allocates it, before the first ADD for the pod. The pod keeps them as long as it exists.
import type { Machine } from "./machine.ts";

/** A pod, or a container without a pod. */
interface Pod {
  readonly uid?: string;
  readonly containerId: string;
}

/** The files of each VF of a pod. */
type Files = Map<string, readonly string[]>;

const given = new WeakMap<Machine, Map<string, Files>>();

/** Returns the numbered files of a VF below /dev/infiniband. */
export function filesOf({ bus }: Machine, pci: string): readonly string[] {
  return (bus.vfs.get(pci)?.probed?.devices ?? []).flatMap(({ files }) => files);
}

/** Gives a pod the files of a VF, before its first ADD for the VF. A VF without files gives none. */
export function giveFiles(machine: Machine, pod: Pod, pci: string): void {
  const pods = given.get(machine) ?? new Map<string, Files>();
  given.set(machine, pods);
  const ofPod: Files = pods.get(keyOf(pod)) ?? new Map();
  pods.set(keyOf(pod), ofPod);
  const files = filesOf(machine, pci);
  if (!ofPod.has(pci) && files.length > 0) ofPod.set(pci, files);
}

/** Returns the files of a VF that a pod has been given; `undefined` if it has been given none. */
export function givenFiles(machine: Machine, pod: Pod, pci: string): readonly string[] | undefined {
  return given.get(machine)?.get(keyOf(pod))?.get(pci);
}

/** Forgets the files of a container without a pod after its DEL: its next ADD is that of a new container. */
export function forgetFiles(machine: Machine, pod: Pod): void {
  if (pod.uid === undefined) given.get(machine)?.delete(keyOf(pod));
}

function keyOf({ uid, containerId }: Pod): string {
  return uid ?? containerId;
}
