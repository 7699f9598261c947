import { messageOf } from "../cni/error-document.ts";
import { CniError, codes } from "../cni/errors.ts";
import { InterruptedError, TimeoutError } from "../node/clock.ts";

/**
 * Runs a verb, a step, or another part of a call, and adds to its error what was attempted. The errors of the node name
 * the call and its object themselves, so that parts of a step do not need this.
 * @param what completes "cannot …", with its object, e.g. "apply the GUID of VF 0000:03:00.2".
 * @throws {CniError} see {@link cniErrorOf}.
 */
export function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw cniErrorOf(what, error);
  }
}

/**
 * Returns the error for the runtime: code 11 if time ran out or a signal came, otherwise code {@link codes.node}. A
 * CniError is returned unchanged.
 * @param what as in {@link attempt}.
 */
export function cniErrorOf(what: string, error: unknown): CniError {
  if (error instanceof CniError) return error;
  const again = error instanceof TimeoutError || error instanceof InterruptedError;
  const message = `cannot ${what}: ${messageOf(error)}`;
  return new CniError(again ? codes.tryAgain : codes.node, message, { cause: error });
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

/** Combines several errors into one; returns `undefined` if the list is empty. */
export function combineErrors(what: string, failures: readonly unknown[]): CniError | undefined {
  const [first, ...others] = failures;
  if (first === undefined) return undefined;
  const code = first instanceof CniError ? first.code : codes.internal;
  const cause = others.length === 0 ? first : new AggregateError(failures, "several things failed");
  return new CniError(code, `${what}: ${messageOf(first)}`, { cause });
}
