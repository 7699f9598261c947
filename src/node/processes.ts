/** The parameters of a child process. */
export interface ChildCommand {
  /** Absolute path. */
  readonly path: string;
  /** Complete environment, `NAME=value` each. */
  readonly environment: readonly string[];
  readonly stdin: string;
  /** Descriptors (of locks) that the child inherits. */
  readonly inherit: readonly number[];
  /** Time on the node's clock until which starting is tried again while the executable is open for writing. */
  readonly deadline: number;
}

/** The outcome of a child process. */
export interface ChildOutcome {
  /** Exit status; -1 if a signal ended the process. */
  readonly status: number;
  /** Number of that signal; 0 if the process ended by itself. */
  readonly signal: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A child process. It continues if this process is killed. */
export interface Child {
  /**
   * Waits until the process ends, and reaps it.
   * @throws {TimeoutError} at the deadline; the caller can wait again.
   * @throws {Error} if the process printed more than 1 MiB; it has been killed then.
   */
  wait(deadline: number): ChildOutcome;
  /**
   * Kills the process (SIGKILL) and reaps it; succeeds also if it has ended already. A process that the kernel does not
   * let end (state D) is left after a second.
   */
  kill(): void;
}

/** Child processes, which start in the host namespace. */
export interface Processes {
  /** Returns the environment of this process, `NAME=value` each. */
  environment(): readonly string[];
  /** Starts a child. While the executable is open for writing (ETXTBSY), tries again for 5 s or until the deadline. */
  start(command: ChildCommand): Child;
}
