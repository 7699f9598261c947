import { showValue } from "./document.ts";
import { CniError, codes } from "./errors.ts";
import { NEWEST_VERSION } from "./versions.ts";

/** Most causes that are collected. No real chain is that long. */
const MAX_CAUSES = 32;

/** Returns the error object of CNI for stdout: JSON indented by four, without a newline at its end. */
export function errorDocument(error: unknown, cniVersion?: string): string {
  return JSON.stringify(errorObject(error, cniVersion), null, 4);
}

/** The error object of CNI. */
export interface ErrorObject {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details: string | undefined;
}

/**
 * Returns the error object of CNI.
 *
 * The code is that of the outermost {@link CniError} among the error and its causes. If none of them is a CniError, the
 * error was not expected: its code is 999, and `details` contains the stack. No cause is dropped: `msg` is the message
 * of the error itself, and `details` contains all its causes (`cause`, and the `errors` of an AggregateError).
 * @param cniVersion of the configuration; the newest if it is not known yet.
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
    // The message of an error often already contains the message of its cause.
    if (!msg.includes(text)) details.push(`caused by: ${text}`);
  }
  if (typed === undefined) details.push(stacks([error, ...causes]));
  return {
    cniVersion: cniVersion === "" ? NEWEST_VERSION : cniVersion,
    code: typed instanceof CniError ? typed.code : codes.internal,
    msg,
    // JSON.stringify omits undefined members.
    details: details.filter((each) => each !== "").join("\n") || undefined,
  };
}

/** Returns an error's message, or its name if the message is empty; a thrown value of another type as text. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message === "" ? error.name : error.message;
  return typeof error === "string" && error !== "" ? error : `unexpected failure: ${showValue(error)}`;
}

/** Collects causes depth-first, so that each follows the error that it caused. */
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

/** Returns the stacks of all errors: the innermost shows the origin, and the outermost always exists. */
function stacks(errors: readonly unknown[]): string {
  const lines: string[] = [];
  for (const error of errors) {
    if (!(error instanceof Error) || error.stack === undefined) continue;
    lines.push(error.stack.trimEnd());
  }
  return lines.join("\n");
}
