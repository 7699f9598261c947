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

/** How output beyond the limit is treated: the child is killed, and the wait fails (EFBIG), or the rest is dropped. */
export type Excess = "refused" | "dropped";

/** A child process. It continues if this process is killed. */
export interface Child {
  /**
   * Waits until the process ends, and reaps it.
   * @throws {TimeoutError} at the deadline; the caller can wait again.
   * @param excess what becomes of output beyond 1 MiB; by default, it is refused.
   */
  wait(deadline: number, excess?: Excess): ChildOutcome;
  /**
   * Kills the process (SIGKILL) and reaps it; succeeds also if it has ended already. A process that the kernel does not
   * let end (state D) is left after a second.
   */
  kill(): void;
}

/** A process of the node. */
export interface NodeProcess {
  readonly pid: number;
  /** Name of its executable, cut to 15 bytes; "" if the process has ended. */
  readonly command: string;
}

/** A process that has a device file open. */
export interface DeviceOpener extends NodeProcess {
  /** The number of the file, see {@link DeviceFile}. */
  readonly number: string;
}

/** The processes of the node, and child processes, which start in the host namespace. */
export interface Processes {
  /**
   * Reports whether this process can see all processes of the node. It cannot in another PID namespace than the initial one: in a
   * container without `hostPID`.
   */
  seesAll(): boolean;
  /**
   * Returns the processes that have some device files open, by the numbers of the files: a container has its own /dev,
   * with other names. It reads the descriptors of all processes that this process can see.
   */
  openersOf(numbers: readonly string[]): DeviceOpener[];
  /** Returns the environment of this process, `NAME=value` each. */
  environment(): readonly string[];
  /** Starts a child. While the executable is open for writing (ETXTBSY), tries again for 5 s or until the deadline. */
  start(command: ChildCommand): Child;
}
