/** Something that will happen by itself. */
interface Event {
  readonly at: number;
  readonly action: () => void;
}

/** More things than any scenario has to happen: who schedules more never ends. */
const MOST_EVENTS = 10_000;

/**
 * Virtual time in ms, and everything that happens by itself: a namespace that is torn down, a child that goes
 * on, udev. Time passes only when it is told to, so that every run is the same.
 */
export class Timeline {
  #now = 1_000;
  /** How much has happened. */
  happened = 0;
  /** In the order in which they fall due; those of one moment as they were scheduled. */
  readonly #events: Event[] = [];

  get now(): number {
    return this.#now;
  }

  /** Has something happen after some time, ms. */
  after(delay: number, action: () => void): void {
    const event = { at: this.#now + delay, action };
    let place = this.#events.length;
    while (place > 0 && (this.#events[place - 1]?.at ?? 0) > event.at) place--;
    this.#events.splice(place, 0, event);
  }

  /** Lets some time pass, ms, with everything that falls due in it. */
  pass(time: number): void {
    const until = this.#now + time;
    while (this.step(until));
  }

  /**
   * Lets the next thing happen, if it falls due by the deadline; otherwise the deadline has come.
   * @returns whether something happened.
   */
  step(deadline: number): boolean {
    const next = this.#events[0];
    if (next === undefined || next.at > deadline) {
      this.#now = Math.max(this.#now, deadline);
      return false;
    }
    this.#events.shift();
    this.#now = Math.max(this.#now, next.at);
    this.happened++;
    next.action();
    return true;
  }

  /** Lets everything happen that is to come. */
  settle(): void {
    for (let i = 0; this.#events.length > 0; i++) {
      if (i === MOST_EVENTS) throw new Error("the node does not come to rest");
      this.step(Number.POSITIVE_INFINITY);
    }
  }
}
