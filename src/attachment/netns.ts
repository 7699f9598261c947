import { CniError, codes } from "../cni/errors.ts";
import { ownNetnsError } from "../cni/invocation.ts";
import { type Namespace, NamespaceError } from "../node/namespaces.ts";
import type { Node } from "../node/node.ts";
import { attempt } from "./errors.ts";
import type { AttachmentRecord } from "./record/record.ts";
import type { AddRequest } from "./requests.ts";

/**
 * Opens the container's namespace for ADD.
 * @throws {CniError} if the path is not a network namespace, or is this process's own.
 */
export function openContainerNetns(node: Node, { netns, ownNetnsAllowed }: AddRequest): Namespace {
  return attempt(`open the network namespace ${netns}`, () => {
    const containerNetns = opened(node, netns);
    if (!ownNetnsAllowed) requireOtherNetns(node, containerNetns);
    return containerNetns;
  });
}

/**
 * Requires that a namespace is not that of this process, so that no change for a container affects the host.
 * @throws {CniError} if it is.
 */
export function requireOtherNetns(node: Node, namespace: Namespace | undefined): void {
  if (namespace !== undefined && isOwnNetns(node, namespace)) throw ownNetnsError(namespace.path);
}

/** Reports whether a namespace is that of this process, which has the host's VFs (CNI_NETNS_OVERRIDE). */
export function isOwnNetns(node: Node, namespace: Namespace): boolean {
  return namespace.cookie === node.namespaces.host.cookie;
}

/** Returns the namespace that the record's attachment was made for; `undefined` if it is gone. */
export function recordedNetns(node: Node, record: AttachmentRecord): Namespace | undefined {
  const containerNetns = openNetnsIfPresent(node, record.netns);
  return containerNetns?.cookie === record.netnsCookie ? containerNetns : undefined;
}

/**
 * Calls a function with the namespace that the record's attachment was made for. Unlike {@link recordedNetns}, it leaves
 * nothing open, for a process that looks at all records of the node, or looks again and again.
 * @returns the result of the function; `undefined` if the namespace is gone.
 */
export function withRecordedNetns<T>(
  node: Node,
  record: AttachmentRecord,
  action: (netns: Namespace) => T,
): T | undefined {
  const found = openNetnsIfPresent(node, record.netns);
  if (found === undefined) return undefined;
  try {
    return found.cookie === record.netnsCookie ? action(found) : undefined;
  } finally {
    node.namespaces.close(found);
  }
}

/** Reports whether the namespace that the record's attachment was made for exists, and leaves nothing open. */
export function hasRecordedNetns(node: Node, record: AttachmentRecord): boolean {
  return withRecordedNetns(node, record, () => true) ?? false;
}

/** Opens a namespace; returns `undefined` if nothing is at the path, or no network namespace (a mount that broke). */
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
    return node.namespaces.open(netns);
  } catch (cause) {
    if (!(cause instanceof NamespaceError)) throw cause;
    throw new CniError(codes.internal, `failed to open netns "${netns}": ${cause.message}`, { cause });
  }
}
