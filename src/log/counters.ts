import { fromJson, isObject } from "../cni/document.ts";
import { codes } from "../cni/errors.ts";
import { utf8Length } from "../cni/utf8-length.ts";

/**
 * The verbs that are counted. A runtime calls STATUS and VERSION every few seconds, so these must not write to the
 * disk.
 */
export const COUNTED = ["ADD", "DEL", "CHECK", "GC"];

/**
 * Upper bounds of the buckets for the duration of a call, s; one more bucket has no bound. They reach from an ADD
 * without a rebind to the longest waits.
 */
export const BUCKETS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/**
 * Largest size of the file, bytes: some seventy calls. The call that would exceed it adds up all lines, in some 1.5 ms.
 */
export const COUNTERS_BYTES = 32 << 10;
/** Time limit for the file's lock, ms: another call holds it for two system calls, or for those 1.5 ms. */
export const COUNTERS_LOCK_TIMEOUT = 20;
/** Largest size of a sum, bytes. Everything that the plugin counts fits; only another program can write more. */
export const SUM_BYTES = 4096;

/**
 * The counted properties of one call. The file of the counters has a line for each call, and its value is the sum of
 * all lines: a call only appends its own line, which is cheap, and from time to time a call replaces all lines by their
 * sum. A line is a JSON object with lists of numbers, whose trailing zeros can be missing, under these names:
 *
 * - "ADD": the duration of all ADDs, µs, and the number of ADDs in each bucket of {@link BUCKETS}
 * - "ADD 11": the number of ADDs that failed with that error code; "ADD other" for codes that only IPAM plugins have
 * - "apply GUID": the number of times that the step was applied, how many of these failed, and their duration, µs. The
 *   line of a call contains its steps as in the log instead, under "steps"
 */
export interface CountedCall {
  readonly command: string;
  readonly ms: number;
  /** Code of its error; `undefined` if it succeeded. */
  readonly code: number | undefined;
  /** The result of stepsJson (entry.ts). */
  readonly steps: string;
}

/** Returns the line of one call. Every call writes one, and JSON.stringify would take ten times as long. */
export function lineOf({ command, ms, code, steps }: CountedCall): string {
  const bucket = BUCKETS.findIndex((bound) => ms <= bound * 1000);
  const zeros = "0,".repeat(bucket < 0 ? BUCKETS.length : bucket);
  const failed = code === undefined ? "" : `,"${command} ${isOurs(code) ? code : "other"}":[1]`;
  const done = steps === "" ? "" : `,"steps":${steps}`;
  return `{"${command}":[${Math.round(ms * 1000)},${zeros}1]${failed}${done}}\n`;
}

/** Returns the sums of the numbers in the file, by name. Lines of other programs, and incomplete lines, are skipped. */
export function sumOf(text: string): Map<string, number[]> {
  const sum = new Map<string, number[]>();
  for (const line of text.split("\n")) {
    const counters = line === "" ? undefined : fromJson(line);
    if (!isObject(counters)) continue;
    for (const [name, numbers] of Object.entries(counters)) {
      if (name === "steps") addSteps(sum, numbers);
      else add(sum, name, numbers);
    }
  }
  return sum;
}

/** Returns one line that replaces all lines; "" if it would be too long. */
export function summed(text: string): string {
  const line = `${JSON.stringify(Object.fromEntries(sumOf(text)))}\n`;
  return utf8Length(line) <= SUM_BYTES ? line : "";
}

function addSteps(sum: Map<string, number[]>, steps: unknown): void {
  if (!Array.isArray(steps)) return;
  for (const each of steps) {
    if (!isObject(each)) continue;
    const { action, step, ms, times = 1, failed = 0 } = each;
    // Waits are not counted: there would be a name for each VF of the node.
    if (action !== "wait") add(sum, `${action} ${step}`, [times, failed, Math.round(Number(ms) * 1000)]);
  }
}

function add(sum: Map<string, number[]>, name: string, numbers: unknown): void {
  if (!areCounts(numbers)) return;
  const before = sum.get(name);
  if (before === undefined) {
    sum.set(name, numbers);
    return;
  }
  for (let i = 0; i < numbers.length; i++) before[i] = (before[i] ?? 0) + (numbers[i] ?? 0);
}

function areCounts(value: unknown): value is number[] {
  if (!Array.isArray(value)) return false;
  for (const each of value) {
    if (!Number.isSafeInteger(each) || each < 0) return false;
  }
  return true;
}

function isOurs(code: number): boolean {
  return Object.values<number>(codes).includes(code);
}
