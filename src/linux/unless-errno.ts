import { errnoOf } from "../node/node.ts";

/** What the call returns; `otherwise` where it fails with one of these, e.g. "ENOENT". */
export function valueUnlessErrno<T>(errnos: readonly string[], otherwise: T, call: () => T): T {
  try {
    return call();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== undefined && errnos.includes(errno)) return otherwise;
    throw error;
  }
}
