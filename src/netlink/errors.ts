/** A reply of the kernel is not valid netlink, or does not end. */
export class MalformedReply extends Error {
  override readonly name = "MalformedReply";
  /** @param problem what is wrong, e.g. "a message of 3 bytes, but 2 bytes are left". */
  constructor(problem: string) {
    super(`the kernel's netlink reply is malformed: ${problem}`);
  }
}

/** The kernel refused a request. */
export class NetlinkError extends Error {
  override readonly name = "NetlinkError";
  constructor(
    /** Positive errno, e.g. 17. */
    readonly errno: number,
    /** Its name, e.g. "EEXIST". */
    readonly code: string,
    /** The request's name, e.g. "RTM_NEWADDR". */
    readonly call: string,
    /** The object of the request, e.g. "10.0.0.5/24 on link 3". */
    readonly subject: string,
    /** The reason as text: the kernel's (extended ACK), or the plugin's if the kernel sent none. */
    readonly reason: string,
    /** Offset in bytes of the attribute that the kernel refused; `undefined` if the kernel did not report it. */
    readonly offset: number | undefined,
  ) {
    const place = offset === undefined ? "" : `, at byte ${offset} of the request`;
    super(`${call} ${subject}: ${reason}${place} (${code})`);
  }
}
