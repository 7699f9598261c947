/**
 * Severity of a finding.
 * - "ok": nothing needs to be fixed.
 * - "warning": pods can be attached, but something will fail later.
 * - "error": a pod cannot be attached, or its network does not work.
 * - "unknown": it cannot be checked from here.
 */
export type Level = "ok" | "warning" | "error" | "unknown";

/** The way to fix a problem. */
export interface Remedy {
  /** The command that fixes it, complete, for a root shell. */
  readonly command?: string | undefined;
  /** Further steps and information, or the steps to take if no command fixes it. */
  readonly advice?: string | undefined;
  /** The same remedy for `doctor --fix`; `undefined` if it must be a decision of the administrator. */
  readonly fix?: SafeFix | undefined;
}

/** A remedy that is safe: `doctor --fix` carries it out, and it never affects a running pod. */
export type SafeFix =
  | { readonly kind: "bind" | "provision"; readonly vfs: readonly string[] }
  | { readonly kind: "load module"; readonly module: string }
  | { readonly kind: "gc" };

/** A result of a check, and the way to fix it. */
export interface Finding extends Remedy {
  readonly level: Level;
  readonly found: string;
}

/** {@link warning} or {@link error}: a function that returns a problem. */
export type ReportProblem = (found: string, remedy: Remedy) => Finding[];

/** Returns a finding without a problem. */
export function ok(found: string): Finding[] {
  return [{ level: "ok", found }];
}

/** Returns a problem that will cause a failure later. */
export function warning(found: string, remedy: Remedy): Finding[] {
  return [{ level: "warning", found, ...remedy }];
}

/** Returns a problem that prevents a pod from being attached, or its network from working. */
export function error(found: string, remedy: Remedy = {}): Finding[] {
  return [{ level: "error", found, ...remedy }];
}

/** Returns a finding about something that this process cannot check, for lack of permission or in a container. */
export function unknown(found: string): Finding[] {
  return [{ level: "unknown", found }];
}
