import { messageOf } from "../cni/error-document.ts";
import { CniError, codes } from "../cni/errors.ts";
import { InterruptedError, TimeoutError } from "../node/clock.ts";

/**
 * Runs an action on the node, and adds to its error what was attempted.
 * @param what completes "cannot …", with its object, e.g. "set the GUIDs of VF 0000:03:00.2 to 02:…".
 * @param remedy a clause for the operator.
 * @throws {CniError} code 11 if time ran out or a signal came, otherwise code {@link codes.node}. A CniError passes
 *   through unchanged.
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
 * Runs several actions, each of them even if others fail.
 * @returns the errors, in order.
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
