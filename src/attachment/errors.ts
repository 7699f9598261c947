import { messageOf } from "../cni/error-document.ts";
import { CniError, codes } from "../cni/errors.ts";
import { InterruptedError, TimeoutError } from "../node/clock.ts";

/**
 * Does one thing on the node, and says what it was where it fails: `what` completes "cannot …", with its
 * object, e.g. "set the GUIDs of VF 0000:03:00.2 to 02:…". `remedy` is a sentence for the operator.
 * @throws {CniError} code 11 where time ran out or a signal came, code {@link codes.node} otherwise; one that
 * is a CniError already passes through.
 */
export function attempt<T>(what: string, action: () => T, remedy?: string): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof CniError) throw error;
    const again = error instanceof TimeoutError || error instanceof InterruptedError;
    const advice = remedy === undefined ? "" : `; ${remedy}`;
    const message = `cannot ${what}: ${messageOf(error)}${advice}`;
    throw new CniError(again ? codes.tryAgain : codes.node, message, { cause: error });
  }
}

/**
 * Does several things, each of them whatever becomes of the others.
 * @returns what went wrong, in order.
 */
export function attemptAll(actions: readonly (() => void)[]): unknown[] {
  const failures: unknown[] = [];
  for (const action of actions) {
    try {
      action();
    } catch (error) {
      failures.push(error);
    }
  }
  return failures;
}
