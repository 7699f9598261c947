/** A call that the node refuses: it has a `code`, as the real node's errors have (see errnoOf in src/node). */
export class Refusal extends Error {
  override readonly name = "Refusal";
  /**
   * @param code name of the errno, e.g. "EEXIST".
   * @param what the call and its object.
   */
  constructor(
    readonly code: string,
    what: string,
  ) {
    super(`${what}: refused (${code})`);
  }
}
