/** An open network namespace. */
export interface Namespace {
  /** The path it was opened by; "" for the host's own. */
  readonly path: string;
  /**
   * Names the namespace for as long as the machine runs: SO_NETNS_COOKIE, decimal (inodes of namespaces are
   * used again at once). On kernels before 5.14, which have no cookie, "dev:ino" of the namespace file.
   */
  readonly cookie: string;
}

/** Network namespaces. The plugin's thread is always back in the host's when a call returns. */
export interface Namespaces {
  /** The namespace that the plugin was started in. */
  readonly host: Namespace;
  /**
   * Opens the namespace at a path.
   * @throws {NamespaceError} where there is none: no such path, or something else stands there.
   */
  open(path: string): Namespace;
  /**
   * Does any process live in a namespace? True also where we cannot see all processes of the node (from a PID
   * namespace of our own). It walks over all of them.
   */
  inhabited(namespace: Namespace): boolean;
  /**
   * Reads a setting under /proc/sys/net of a namespace, without its newline.
   * `key` is relative, e.g. "ipv6/conf/net1/disable_ipv6". Undefined where it does not exist.
   */
  setting(namespace: Namespace, key: string): string | undefined;
  /** Writes such a setting. */
  set(namespace: Namespace, key: string, value: string): void;
}

/** Why a path cannot be opened as a network namespace. */
export class NamespaceError extends Error {
  override readonly name = "NamespaceError";
  constructor(
    /** "gone": nothing is there. "other": something is there that is no network namespace. */
    readonly reason: "gone" | "other",
    readonly path: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
