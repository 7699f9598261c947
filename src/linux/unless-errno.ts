import { errnoOf } from "../node/node.ts";

/** Returns the result of a call; `otherwise` if it fails with an errno of the list, e.g. "ENOENT". */
export function valueUnlessErrno<T>(errnos: readonly string[], otherwise: T, call: () => T): T {
  try {
    return call();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== undefined && errnos.includes(errno)) return otherwise;
    throw error;
  }
}
