/** An event that will occur by itself. */
interface Event {
  readonly at: number;
  readonly action: () => void;
}

/** The model's first moment, ms since 1970. */
export const EPOCH = 1_795_000_000_000;
/** More events than any scenario has: a larger number means that the events never end. */
const MOST_EVENTS = 10_000;

/**
 * Virtual time in ms, and all events that occur by themselves: the teardown of a namespace, the next step of a child,
 * udev. Time passes only on request, so that every run is the same.
 */
export class Timeline {
  #now = 1_000;
  /** Number of events that have occurred. */
  eventCount = 0;
  /** In the order of their times; events of the same time in the order in which they were scheduled. */
  readonly #events: Event[] = [];

  get now(): number {
    return this.#now;
  }

  /** Schedules an event, after some time in ms. */
  after(delay: number, action: () => void): void {
    const event = { at: this.#now + delay, action };
    let place = this.#events.length;
    while (place > 0 && (this.#events[place - 1]?.at ?? 0) > event.at) place--;
    this.#events.splice(place, 0, event);
  }

  /** Lets some time pass, ms, with all events in it. */
  pass(time: number): void {
    const until = this.#now + time;
    while (this.step(until));
  }

  /**
   * Lets the next event occur if it is due by the deadline; otherwise lets the time pass until the deadline.
   * @returns whether an event occurred.
   */
  step(deadline: number): boolean {
    const next = this.#events[0];
    if (next === undefined || next.at > deadline) {
      this.#now = Math.max(this.#now, deadline);
      return false;
    }
    this.#events.shift();
    this.#now = Math.max(this.#now, next.at);
    this.eventCount++;
    next.action();
    return true;
  }

  /** Lets all events occur. */
  settle(): void {
    for (let i = 0; this.#events.length > 0; i++) {
      if (i === MOST_EVENTS) throw new Error("the events of the model do not end");
      this.step(Number.POSITIVE_INFINITY);
    }
  }
}
