import type { NodeProcess } from "./processes.ts";

/** An open network namespace. */
export interface Namespace {
  /** The path from which it was opened; "" for the host namespace. */
  readonly path: string;
  /**
   * Identifies the namespace until the machine reboots: SO_NETNS_COOKIE, decimal (the kernel reuses the inodes of
   * namespaces at once). On kernels before 5.14, which have no cookie, "dev:ino" of the namespace file.
   */
  readonly cookie: string;
}

/**
 * Reports whether the kernel reports the PCI function of a netdev (IFLA_PARENT_DEV_NAME). It came with the cookie, in
 * Linux 5.14. The version number is not compared, because distributions backport features to older kernels.
 */
export function tellsParents({ cookie }: Namespace): boolean {
  return !cookie.includes(":");
}

/** Network namespaces. When a function returns, the plugin's thread is always in the host namespace again. */
export interface Namespaces {
  /** The namespace in which the plugin was started. */
  readonly host: Namespace;
  /**
   * Opens the namespace at a path.
   * @throws {NamespaceError} if no file is at the path, or no network namespace.
   */
  open(path: string): Namespace;
  /**
   * Closes a namespace, for a process that looks at all namespaces of a node: an open one uses up to three descriptors,
   * and keeps the namespace of a container that has ended. A call for one container need not do this, because it ends.
   */
  close(namespace: Namespace): void;
  /**
   * Returns a process that has a thread in the namespace with a cookie; `undefined` if none is there that this process
   * can see. It reads the entries of all threads, and opens every namespace that they are in.
   */
  processIn(cookie: string): NodeProcess | undefined;
  /**
   * Reports whether any thread of a process is in a namespace. Also true if this process cannot see all processes of the node,
   * because it is in another PID namespace. It reads the entries of all threads.
   */
  inhabited(namespace: Namespace): boolean;
  /**
   * Reads a setting under /proc/sys/net of a namespace, without its newline.
   * `key` is relative, e.g. "ipv6/conf/net1/disable_ipv6". `undefined` if it does not exist.
   */
  setting(namespace: Namespace, key: string): string | undefined;
  /** Writes such a setting. */
  set(namespace: Namespace, key: string, value: string): void;
}

/** A path cannot be opened as a network namespace. */
export class NamespaceError extends Error {
  override readonly name = "NamespaceError";
  constructor(
    /** "gone": no file is at the path, or can be. "other": it is not a network namespace. */
    readonly reason: "gone" | "other",
    readonly path: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
