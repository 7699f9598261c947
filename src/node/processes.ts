/** What a child is started with. */
export interface ChildCommand {
  /** Absolute path. */
  readonly path: string;
  /** Whole environment, `NAME=value` each. */
  readonly environment: readonly string[];
  readonly stdin: string;
  /** Descriptors (of locks) that the child keeps. */
  readonly inherit: readonly number[];
  /** Point on the node's clock until which an executable that is just being written is tried again. */
  readonly deadline: number;
}

/** How a child ended. */
export interface ChildOutcome {
  /** Exit status, -1 where a signal ended it. */
  readonly status: number;
  /** That signal's number, 0 for none. */
  readonly signal: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A child process. It is not killed with its parent. */
export interface Child {
  /**
   * Waits for its end and reaps it.
   * @throws {TimeoutError} at the deadline; it can be waited for again.
   * @throws {Error} where it printed more than 1 MiB: it is dead then.
   */
  wait(deadline: number): ChildOutcome;
  /** Ends it (SIGKILL) and reaps it; ended already is success. */
  kill(): void;
}

/** Child processes, started in the host's network namespace. */
export interface Processes {
  /** Our own environment, `NAME=value` each. */
  environment(): readonly string[];
  /** Starts a child. An executable that is just being written (ETXTBSY) is tried again for 5 s, or until the deadline. */
  start(command: ChildCommand): Child;
}
