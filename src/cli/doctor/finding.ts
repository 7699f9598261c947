/**
 * How something is.
 * - "ok": as it should be.
 * - "warning": pods can be attached, but somebody will run into it.
 * - "error": a pod cannot be attached, or what it gets does not work.
 * - "unknown": it cannot be seen from here.
 */
export type Level = "ok" | "warning" | "error" | "unknown";

/** How something is mended. */
export interface Remedy {
  /** What mends it, for a shell of root's, as it stands. */
  readonly command?: string | undefined;
  /** What else there is to do or to know, or what to do where no command does it. */
  readonly advice?: string | undefined;
}

/** What was found, and how it is mended. */
export interface Finding extends Remedy {
  readonly level: Level;
  readonly found: string;
}

/** {@link warning} or {@link error}, as the case may be. */
export type MissingTool = (found: string, remedy: Remedy) => Finding[];

/** As it should be. */
export function ok(found: string): Finding[] {
  return [{ level: "ok", found }];
}

/** Something that somebody will run into. */
export function warning(found: string, remedy: Remedy): Finding[] {
  return [{ level: "warning", found, ...remedy }];
}

/** Something that keeps a pod from being attached, or from a network that works. */
export function error(found: string, remedy: Remedy = {}): Finding[] {
  return [{ level: "error", found, ...remedy }];
}

/** What cannot be seen from here. */
export function unknown(found: string): Finding[] {
  return [{ level: "unknown", found }];
}
