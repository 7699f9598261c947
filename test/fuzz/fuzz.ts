import { writeSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { reportFigures } from "../support/figures.ts";
import { Random } from "./random.ts";

/** All cases follow from it: FUZZ_SEED of the message of a failure repeats them. */
const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 0x7fffffff));
/** The one case that is run, where FUZZ_CASE says which. */
const only = process.env.FUZZ_CASE === undefined ? undefined : Number(process.env.FUZZ_CASE);
/** How long the whole suite shall take, s; undefined: a fixed number of cases each. */
const seconds = process.env.FUZZ_SECONDS === undefined ? undefined : Number(process.env.FUZZ_SECONDS);

/** What a target is given. */
export interface Effort {
  /** Number of cases where no time was asked for. */
  readonly cases: number;
  /** Its part of the time where one was, from 0 to 1. */
  readonly share: number;
  /** How many cases run at the same time; the argument of the case says in which of these places. */
  readonly together?: number;
}

/**
 * A test that tries a target with case after case. A case is a function of its random numbers alone, so that it can be
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
          await target(new Random(seed + number * 0x9e3779b1), place);
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
