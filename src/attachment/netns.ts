import { CniError, codes } from "../cni/errors.ts";
import { ownNetnsError } from "../cni/invocation.ts";
import { type Namespace, NamespaceError } from "../node/namespaces.ts";
import type { Node } from "../node/node.ts";
import { attempt } from "./errors.ts";
import type { AttachmentRecord } from "./record/record.ts";

/**
 * Opens the container's namespace for ADD.
 * @param ownAllowed may it be the one that we run in (CNI_NETNS_OVERRIDE)?
 * @throws {CniError} where there is none at that path, or it is our own.
 */
export function openContainerNetns(node: Node, netns: string, ownAllowed: boolean): Namespace {
  const pod = opened(node, netns);
  attempt(`tell the network namespace ${netns} from our own`, () => {
    if (!ownAllowed) requireOtherNetns(node, pod);
  });
  return pod;
}

/**
 * What is meant for a container must not happen to the host.
 * @throws {CniError} where the namespace is the one that we run in.
 */
export function requireOtherNetns(node: Node, namespace: Namespace | undefined): void {
  if (namespace !== undefined && isOwnNetns(node, namespace)) throw ownNetnsError(namespace.path);
}

/** Reports whether a namespace is the one that this process runs in, where the host's VFs are (CNI_NETNS_OVERRIDE). */
export function isOwnNetns(node: Node, namespace: Namespace): boolean {
  return namespace.cookie === node.namespaces.host.cookie;
}

/** The namespace that the record's attachment went to; undefined where it is gone. */
export function recordedNetns(node: Node, record: AttachmentRecord): Namespace | undefined {
  const pod = openNetnsIfPresent(node, record.netns);
  return pod?.cookie === record.netnsCookie ? pod : undefined;
}

/** A namespace, undefined where nothing is at that path, or something that is none (a mount that broke). */
export function openNetnsIfPresent(node: Node, netns: string): Namespace | undefined {
  try {
    return node.namespaces.open(netns);
  } catch (error) {
    if (error instanceof NamespaceError) return undefined;
    throw error;
  }
}

function opened(node: Node, netns: string): Namespace {
  try {
    return attempt(`open the network namespace ${netns}`, () => node.namespaces.open(netns));
  } catch (error) {
    const cause = error instanceof CniError ? error.cause : undefined;
    if (!(cause instanceof NamespaceError)) throw error;
    throw new CniError(codes.internal, `failed to open netns "${netns}": ${cause.message}`, { cause });
  }
}
