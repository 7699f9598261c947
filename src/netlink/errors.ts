/** What the kernel sent cannot be read as netlink, or does not come to an end. */
export class MalformedReply extends Error {
  override readonly name = "MalformedReply";
  /** @param problem what is wrong, e.g. "a message of 3 bytes where 2 are left". */
  constructor(problem: string) {
    super(`the kernel's netlink reply cannot be understood: ${problem}`);
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
    /** What it was about, e.g. "10.0.0.5/24 on link 3". */
    readonly subject: string,
    /** Why, in words: the kernel's (extended ACK), or ours where it has none. */
    readonly reason: string,
    /** Offset in bytes into the request of the attribute that it did not like, where it tells. */
    readonly offset: number | undefined,
  ) {
    const where = offset === undefined ? "" : `, at byte ${offset} of the request`;
    super(`${call} ${subject}: ${reason}${where} (${code})`);
  }
}
