import { fromJson, isObject } from "../cni/document.ts";
import { codes } from "../cni/errors.ts";
import { utf8Length } from "../cni/utf8-length.ts";

/** The verbs that are counted. A runtime asks for STATUS and VERSION every few seconds, and they shall write nothing. */
export const COUNTED = ["ADD", "DEL", "CHECK", "GC"];

/** Upper bounds of the buckets for a call's duration, s; one more has none. From an ADD without a rebind to the longest waits. */
export const BUCKETS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Bytes of the file, at the most: some seventy calls. The one that would exceed it adds all up, in some 1.5 ms. */
export const COUNTERS_BYTES = 32 << 10;
/** How long the file is waited for, ms: others have it for the time of two system calls, or for those 1.5 ms. */
export const COUNTERS_PATIENCE = 20;
/** Bytes of a sum. All that can be counted has room in it; only by other hands can there be more. */
export const SUM_BYTES = 4096;

/**
 * What is counted of one call. The file has a line for each call, and says the sum of its lines: a call only adds its
 * own, which is cheap, and now and then one puts the sum in the place of all. A line is a JSON object with lists of
 * numbers, of which zeros at the end can be missing, under these names:
 *
 * - "ADD": how long all of them took, µs, and how many of them took as long as a bucket of {@link BUCKETS} says
 * - "ADD 11": how many ended with that error code; "ADD other" for codes that only IPAM plugins have
 * - "apply GUID": how often that was done, how often in vain, and how long it took in all, µs. A call's line has its
 *   steps as the log has them instead, under "steps"
 */
export interface CountedCall {
  readonly command: string;
  readonly ms: number;
  /** Of its error; undefined where it succeeded. */
  readonly code: number | undefined;
  /** As {@link stepsJson} has them. */
  readonly steps: string;
}

/** The line of one call. */
export function lineOf({ command, ms, code, steps }: CountedCall): string {
  const bucket = BUCKETS.findIndex((bound) => ms <= bound * 1000);
  const zeros = "0,".repeat(bucket < 0 ? BUCKETS.length : bucket);
  const failed = code === undefined ? "" : `,"${command} ${isOurs(code) ? code : "other"}":[1]`;
  const done = steps === "" ? "" : `,"steps":${steps}`;
  return `{"${command}":[${Math.round(ms * 1000)},${zeros}1]${failed}${done}}\n`;
}

/** The numbers that stand in the file, by name. What is none of ours, or was torn, is left out. */
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

/** One line in the place of all; none where they are too much for one. */
export function summed(text: string): string {
  const members = [...sumOf(text)].map(([name, numbers]) => `${JSON.stringify(name)}:[${numbers.join()}]`);
  const line = `{${members.join()}}\n`;
  return utf8Length(line) <= SUM_BYTES ? line : "";
}

function addSteps(sum: Map<string, number[]>, steps: unknown): void {
  if (!Array.isArray(steps)) return;
  for (const each of steps) {
    if (!isObject(each)) continue;
    const { action, step, ms, times = 1, failed = 0 } = each;
    // What is waited for has as many names as the node has VFs.
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
