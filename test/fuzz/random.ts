/** Random numbers that depend only on the seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Returns an integer from 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * limit);
  }

  /** Returns true once in `inSoMany` calls on average. */
  once(inSoMany: number): boolean {
    return this.below(inSoMany) === 0;
  }

  /** Returns one element of a list. */
  pick<T>(choices: readonly T[]): T {
    if (choices.length === 0) throw new RangeError("the list is empty");
    return choices[this.below(choices.length)] as T;
  }
}
