import type { Observe } from "./observe.ts";

/** What bounds a call, and whom it tells what it does. */
export interface Limits {
  /** Point on the node's clock where waiting ends. */
  readonly deadline: number;
  /** Says something that the operator should know and that fails nothing. */
  readonly warn: (message: string) => void;
  /** Hears how long the parts of the call take. */
  readonly observe: Observe;
}
