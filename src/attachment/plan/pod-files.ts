import { argument, parseArgs } from "../../cni/args.ts";
import { containerKey } from "../lock/lock-contents.ts";
import { describeDifference, namesChangedError } from "../vf/rdma-names.ts";
import type { AddSession } from "./add-session.ts";
import { filesFromKubelet } from "./kubelet-checkpoint.ts";

/** A UID as Kubernetes has them. The lock file of a VF has no room for a longer text. */
const UID = /^[\w.-]{1,64}$/;

/**
 * Notes the files below /dev/infiniband that the VF has, as those that the pod has been given, if this is the first ADD
 * for the pod. It must be called before the orphan of the VF is restored, which can change them.
 */
export function notePodFiles({ node, vf, request, locks }: AddSession): void {
  const { key } = podOf(request);
  if (locks.podFiles?.pod !== key) locks.notePodFiles({ pod: key, files: node.functions.rdmaFiles(vf.pci) });
}

/**
 * Requires that the pod has been given the VF's files below /dev/infiniband. The kernel assigns their numbers with each
 * rebind, and a pod keeps the files that the device plugin has allocated to it as long as the pod exists, in each sandbox
 * that kubelet makes for it.
 *
 * The files of the pod are those that kubelet has noted. If kubelet has noted none, they are those that the VF had when
 * the first ADD for the pod began: the lock file of the VF keeps them until the ADD of another pod. `provision` has no
 * pod.
 * @param files the files that the VF has now.
 * @throws {CniError} code 100 if the pod has been given others, whatever has changed the numbers since.
 */
export function requirePodFiles(session: AddSession, files: readonly string[]): void {
  const { vf, request, locks } = session;
  if (request.netns === "") return;
  const { key, uid } = podOf(request);
  const given = uid === undefined ? undefined : filesFromKubelet(session, uid);
  const changed =
    given === undefined
      ? locks.podFiles?.pod === key && describeDifference(vf.pci, locks.podFiles.files, files)
      : describeForeign(vf.pci, given, files);
  if (changed) throw namesChangedError(changed, "the pod was given its files");
  locks.podFiles = { pod: key, files };
}

/** Returns the UID of the pod, and the key of the pod in the lock file: without a UID, that of the container. */
function podOf({ args, name }: AddSession["request"]): { readonly key: string; readonly uid?: string } {
  const uid = argument(parseArgs(args), "K8S_POD_UID");
  return uid !== undefined && UID.test(uid) ? { key: uid, uid } : { key: containerKey(name.containerId) };
}

/**
 * Describes the files of a VF that a pod has not been given; `undefined` if it has been given all. A kind of file that
 * the pod has not at all does not count: for example, ib_umad may have been loaded later.
 * @param given the files of all devices of the pod.
 */
function describeForeign(
  pci: string,
  given: readonly string[],
  files: readonly string[],
): string | undefined {
  const kindOf = (file: string) => file.replace(/\d+$/, "");
  const isForeign = (file: string) =>
    !given.includes(file) && given.some((other) => kindOf(other) === kindOf(file));
  if (!files.some(isForeign)) return undefined;
  return `kubelet gives the pod ${given.join(", ")}, and VF ${pci} has ${files.join(", ")}`;
}
