import { fromJson, isObject } from "../cni/document.ts";
import { codes } from "../cni/errors.ts";
import { utf8Length } from "../cni/utf8-length.ts";

/** The verbs that are counted. A runtime asks for STATUS and VERSION every few seconds, and they shall write nothing. */
export const COUNTED = ["ADD", "DEL", "CHECK", "GC"];

/** Upper bounds of the buckets for a call's duration, s; one more has none. From an ADD without a rebind to the longest waits. */
export const BUCKETS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Bytes of the file: native/locks.c reads no more. */
export const COUNTERS_BYTES = 4096;

/**
 * What is counted of one call. The file is a JSON object with numbers under these names:
 *
 * - "ADD": how long all of them took, µs, and how many of them took as long as a bucket of {@link BUCKETS} says
 * - "ADD 11": how many ended with that error code; "ADD other" for codes that only IPAM plugins have
 * - "apply GUID": how often that was done, how often in vain, and how long it took in all, µs
 */
export interface CountedCall {
  readonly command: string;
  readonly ms: number;
  /** Of its error; undefined where it succeeded. */
  readonly code: number | undefined;
  readonly steps: readonly {
    readonly action: string;
    readonly step: string;
    readonly times?: number;
    readonly failed?: number;
    readonly ms: number;
  }[];
}

/**
 * The text of the file after one more call. Of what cannot be read it begins anew.
 * @param text the file's before.
 */
export function counted(text: string, { command, ms, code, steps }: CountedCall): string {
  const known = fromJson(text);
  const counters: Record<string, unknown> = isObject(known) ? known : {};
  const add = (name: string, numbers: readonly number[]) => {
    const before = counters[name];
    counters[name] = numbers.map((number, index) => {
      const count: unknown = Array.isArray(before) ? before[index] : 0;
      return Math.round(number) + (Number.isSafeInteger(count) ? Math.max(0, Number(count)) : 0);
    });
  };
  const bucket = BUCKETS.filter((bound) => bound * 1000 < ms).length;
  add(command, [ms * 1000, ...[...BUCKETS, 0].map((_, index) => (index === bucket ? 1 : 0))]);
  if (code !== undefined)
    add(`${command} ${Object.values<number>(codes).includes(code) ? code : "other"}`, [1]);
  for (const { action, step, times = 1, failed = 0, ms } of steps) {
    // What is waited for has as many names as the node has VFs.
    if (action !== "wait") add(`${action} ${step}`, [times, failed, ms * 1000]);
  }
  const next = JSON.stringify(counters);
  // Only by other hands can it become too long.
  return utf8Length(next) <= COUNTERS_BYTES ? next : "";
}
