/** The error codes of CNI (specification 1.1.0, section 5, "Error"), and this plugin's own codes (from 100 on). */
export const codes = {
  /** libcni's "unknown": a delegated plugin failed without an error code. */
  unknown: 0,
  /** The plugin does not support the configuration's cniVersion. */
  incompatibleVersion: 1,
  /** The plugin does not support a value in the configuration. The message names key and value. */
  unsupportedField: 2,
  /** The container is not known; the runtime does not need to clean up. */
  unknownContainer: 3,
  /** A CNI_* variable is missing or invalid. The message names the variables. */
  badEnvironment: 4,
  /** Reading stdin failed. */
  io: 5,
  /** A document is not JSON, or a version is not a version number. */
  decode: 6,
  /** The network configuration is wrong. */
  badConfiguration: 7,
  /**
   * CNI_NETNS is not usable, e.g. it is the plugin's own. The Go libraries define this code, the specification does
   * not.
   */
  badNamespace: 8,
  /** A temporary condition; the runtime should try again. */
  tryAgain: 11,
  /** STATUS: ADD cannot be served. */
  notAvailable: 50,
  /** STATUS: ADD cannot be served, and running containers may have limited connectivity. */
  notAvailableLimited: 51,
  /** This plugin's own code: the node refused a request. */
  node: 100,
  /** This plugin's own code: the VF belongs to another attachment, whose container is running. */
  deviceInUse: 101,
  /** Every other error, as in Go plugins. */
  internal: 999,
} as const;

/** An error with a CNI error code. */
export class CniError extends Error {
  override readonly name = "CniError";
  /** More information, for debugging; "" if there is nothing to add. */
  readonly details: string;

  /**
   * @param code a member of {@link codes}, or the code that a delegated plugin answered.
   * @param message the operation and its object, the reason, and what to do about it.
   * @param options `cause`: the error that led to this one; its message is printed, too, unless `message` contains it.
   */
  constructor(
    readonly code: number,
    message: string,
    options?: { readonly details?: string; readonly cause?: unknown },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.details = options?.details ?? "";
  }
}
