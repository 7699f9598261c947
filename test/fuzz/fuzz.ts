import { writeSync } from "node:fs";
import { Script } from "node:vm";
import { afterAll, expect, test } from "vitest";
import { reportFigures } from "../support/figures.ts";
import { Random } from "./random.ts";

/** The time of the whole suite, s; `undefined`: each target has a fixed number of cases. */
const seconds = Number(process.env.FUZZ_SECONDS ?? 0) || undefined;
/**
 * All cases follow from this seed: FUZZ_SEED of a failure's message repeats them. `make test` always runs the same cases, so
 * that it has the same result every time; `make fuzz` searches for new ones.
 */
const seed = Number(
  process.env.FUZZ_SEED ?? (seconds === undefined ? 1 : Math.floor(Math.random() * 0x7fffffff)),
);
/** The number of the only case to run, if FUZZ_CASE is set. */
const only = process.env.FUZZ_CASE === undefined ? undefined : Number(process.env.FUZZ_CASE);
/** Time limit of a case, ms: far above the time of any case on a busy machine. */
export const CASE_TIME = 30_000;

/** The options of a target. */
export interface Effort {
  /** Number of cases if no time is set. */
  readonly cases: number;
  /** Its share of the time if a time is set, from 0 to 1. */
  readonly share: number;
  /** How many cases run at the same time; the case gets the number of its slot. */
  readonly together?: number;
}

/** Calls the global function that {@link withinLimit} sets; V8 ends a script at its timeout, also in an endless loop. */
const caller = new Script("fuzzedCase()");

/**
 * Runs a case within a time limit.
 * @throws {Error} if the case does not end, waiting or not.
 */
export async function withinLimit(run: () => void | Promise<void>, limit = CASE_TIME): Promise<void> {
  Object.assign(globalThis, { fuzzedCase: run });
  const running: unknown = caller.runInThisContext({ timeout: limit });
  if (!(running instanceof Promise)) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the case took longer than ${limit} ms`)), limit);
  });
  await Promise.race([running, late]).finally(() => clearTimeout(timer));
}

/**
 * Defines a test that runs case after case of a target. A case depends only on its random numbers, so that it can be
 * repeated: `make fuzz FUZZ_SEED=… FUZZ_CASE=…`.
 */
export function fuzz(
  what: string,
  { cases, share, together = 1 }: Effort,
  target: (random: Random, place: number) => void | Promise<void>,
): void {
  let done = 0;
  afterAll(() => {
    writeSync(2, `fuzz: ${done} cases of ${what}, FUZZ_SEED=${seed}\n`);
    reportFigures(`fuzz-${what}`, { "hostile inputs of the fuzzers": done });
  });
  const limit = seconds === undefined ? 600_000 : (seconds + 600) * 1000;
  test(what, { timeout: limit }, async () => {
    const end = seconds === undefined ? undefined : performance.now() + seconds * share * 1000;
    let next = only ?? 0;
    const last = only ?? (end === undefined ? cases - 1 : Number.POSITIVE_INFINITY);
    const work = async (place: number) => {
      while (next <= last && (end === undefined || performance.now() < end)) {
        const number = next++;
        try {
          await withinLimit(() => target(new Random(seed + number * 0x9e3779b1), place));
        } catch (error) {
          next = Number.POSITIVE_INFINITY;
          if (error instanceof Error)
            error.message += `\n\nFUZZ_SEED=${seed} FUZZ_CASE=${number} repeats this`;
          throw error;
        }
        done++;
      }
    };
    await Promise.all(Array.from({ length: together }, (_, place) => work(place)));
    expect(done).toBeGreaterThan(0);
  });
}
