/** The error codes of CNI (specification 1.1.0, section 5, "Error"), and those that are ours (from 100 on). */
export const codes = {
  /** libcni's "unknown": a delegated plugin failed and gave no code of its own. */
  unknown: 0,
  /** The configuration's cniVersion is none that the plugin speaks. */
  incompatibleVersion: 1,
  /** A field of the configuration asks for what the plugin cannot do. The message names key and value. */
  unsupportedField: 2,
  /** The container is not known; the runtime need not clean up. */
  unknownContainer: 3,
  /** A CNI_* variable is missing or bad. The message names the variables. */
  badEnvironment: 4,
  /** Reading stdin failed. */
  io: 5,
  /** JSON that is none, or a version that is none. */
  decode: 6,
  /** The network configuration is wrong. */
  badConfiguration: 7,
  /** CNI_NETNS is not usable, e.g. the plugin's own. Known to the Go libraries, not to the specification. */
  badNamespace: 8,
  /** A condition that passes; the runtime should call again. */
  tryAgain: 11,
  /** STATUS: ADD cannot be served. */
  notAvailable: 50,
  /** STATUS: ADD cannot be served, and containers that run may have limited connectivity. */
  notAvailableLimited: 51,
  /** Ours: the node refused what was asked of it. */
  node: 100,
  /** Ours: the VF belongs to another attachment that is alive. */
  deviceInUse: 101,
  /** Everything that has no code of its own, as Go plugins use it. */
  internal: 999,
} as const;

/** A failure in the terms of CNI. */
export class CniError extends Error {
  override readonly name = "CniError";
  /** More of the message for whoever debugs; "" for none. */
  readonly details: string;

  /**
   * @param code one of {@link codes}, or what a delegated plugin answered.
   * @param message what failed, on what, why, and what to do about it.
   * @param options `cause`: what led to it; its message is printed too, unless `message` holds it already.
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
