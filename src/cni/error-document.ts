import { showValue } from "./document.ts";
import { CniError, codes } from "./errors.ts";
import { NEWEST_VERSION } from "./versions.ts";

/** No chain of causes is that long, unless it bites its own tail. */
const MAX_CAUSES = 32;

/** The error object of CNI, for stdout: JSON indented by four, without a newline at its end. */
export function errorDocument(error: unknown, cniVersion?: string): string {
  return JSON.stringify(errorObject(error, cniVersion), null, 4);
}

/** What the error object of CNI holds. */
export interface ErrorObject {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details: string | undefined;
}

/**
 * The error object of CNI.
 *
 * The code is that of the outermost {@link CniError} among the error and its causes. An error that is none,
 * and has none as a cause, was not expected: it is 999 and `details` has its stack. No cause is dropped:
 * `msg` is the error's own message, `details` everything that led to it (`cause`, and the `errors` of an
 * AggregateError).
 * @param cniVersion of the configuration; the newest where it is not known (yet).
 */
export function errorObject(error: unknown, cniVersion: string = NEWEST_VERSION): ErrorObject {
  const causes: unknown[] = [];
  collectCauses(error, causes);
  const typed = [error, ...causes].find((each) => each instanceof CniError);
  const msg = messageOf(error);
  const details: string[] = [];
  if (error instanceof CniError && error.details !== "") details.push(error.details);
  for (const cause of causes) {
    const text = describe(cause);
    // Who wraps an error often repeats what it says.
    if (!msg.includes(text)) details.push(`caused by: ${text}`);
  }
  if (typed === undefined) details.push(stacks([error, ...causes]));
  return {
    cniVersion: cniVersion === "" ? NEWEST_VERSION : cniVersion,
    code: typed instanceof CniError ? typed.code : codes.internal,
    msg,
    // JSON.stringify leaves out what is undefined.
    details: details.filter((each) => each !== "").join("\n") || undefined,
  };
}

/** What an error says: its message, or its name where it has none; anything else that was thrown, as text. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message === "" ? error.name : error.message;
  return typeof error === "string" && error !== "" ? error : `unexpected failure: ${showValue(error)}`;
}

/** Depth first, so that each cause stands behind what it caused. */
function collectCauses(error: unknown, into: unknown[]): void {
  if (!(error instanceof Error)) return;
  const direct: unknown[] = "errors" in error && Array.isArray(error.errors) ? [...error.errors] : [];
  if (error.cause !== undefined) direct.push(error.cause);
  for (const cause of direct) {
    if (into.includes(cause) || into.length >= MAX_CAUSES) continue;
    into.push(cause);
    collectCauses(cause, into);
  }
}

function describe(error: unknown): string {
  const details = error instanceof CniError ? error.details : "";
  return details === "" ? messageOf(error) : `${messageOf(error)} (${details})`;
}

/** The stack of the innermost error is the one that tells where it began, the outermost is always there. */
function stacks(errors: readonly unknown[]): string {
  const lines: string[] = [];
  for (const error of errors) {
    if (!(error instanceof Error) || error.stack === undefined) continue;
    lines.push(error.stack.trimEnd());
  }
  return lines.join("\n");
}
