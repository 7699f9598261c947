/** A process that holds a lock: it took it, or it has inherited it. */
export interface LockHolder {
  readonly pid: number;
  /** Its pid in our pid namespace and in all below that it is in, the innermost last. */
  readonly pids: readonly number[];
  /** Name of its executable, 15 bytes of it. */
  readonly command: string;
}

/** A lock file, open. It says who holds it, and outlives the holder. */
export interface Lock {
  /**
   * Returns the descriptor, for a child that keeps the lock if this process is killed. From then on {@link release}
   * unlocks the file explicitly, because closing the descriptor would leave the lock to the child.
   */
  share(): number;
  /**
   * Takes the lock. It is free again after {@link release}, or when this process and each that inherited it have ended.
   * @throws {TimeoutError} at the deadline.
   */
  acquire(deadline: number): void;
  /** Who has the lock, as far as they can be seen from here. Slow: for the message of an error. */
  holders(): LockHolder[];
  /** What was written last; "" for nothing. */
  read(): string;
  /** Replaces it, in one write that a kill cannot split. */
  write(text: string): void;
  /** Frees the lock, also if a process that inherited the descriptor still runs, and closes the file. */
  release(): void;
}

/** The longest text that {@link Files.read} returns, bytes. */
export const LONGEST_FILE = 1 << 20;

/** State files. Links are never followed; files are 0600, directories 0700. */
export interface Files {
  /** The text, or undefined where there is no such file. Anything but a regular file, or over {@link LONGEST_FILE}, throws. */
  read(path: string): string | undefined;
  /** Whole or not at all. False, and nothing changed, where something has that path already. */
  create(path: string, text: string): boolean;
  /** Writes over what stands at an offset (bytes) of a file that is there. One byte is never torn, by nothing. */
  patch(path: string, offset: number, text: string): void;
  /**
   * Writes a file of somebody else's, whole or not at all (temp + rename), with a mode. The temporary file has a given
   * name, so that whoever comes after a kill can remove it: outside of our own directory nobody else does.
   */
  replaceForeign(path: string, text: string, mode: number, temporary: string): void;
  /** Takes the place of what is at `to`. */
  rename(from: string, to: string): void;
  /** Gone already is success. Of a directory, which does not belong there, as {@link removeDirectory}. */
  remove(path: string): void;
  /** With its parents; there already is success, but for a link (ELOOP) or anything else that is none (ENOTDIR). */
  makeDirectory(path: string): void;
  /** Reports whether a directory is there; throws if a link (ELOOP), or anything else (ENOTDIR), is in its place. */
  hasDirectory(path: string): boolean;
  /** Removes it if it is empty; gone or not empty is success. */
  removeDirectory(path: string): void;
  /**
   * Throws what making a file in a directory would meet (EROFS, EACCES, ENOSPC, …), and changes nothing; false where there
   * is no such directory.
   */
  requireWritable(path: string): boolean;
  /** Names, unsorted; empty where there is no such directory. */
  list(path: string): string[];
  /** Is there a regular file (links followed, as for an IPAM plugin)? */
  isFile(path: string): boolean;
  /** Returns when the file at that path was written last, ms since 1970; `undefined` if there is none. */
  modified(path: string): number | undefined;
  /** Is there anything at that path, as far as we may look? */
  exists(path: string): boolean;
  /**
   * Adds a line to a file that many add to, each while it has the file's lock; made if need be. Its directory must
   * exist. Where the file would become longer than `limit` bytes, what `shorten` makes of all its lines, the new one
   * with them, takes its place, whole or not at all. Who reads it needs no lock: no line is ever missing.
   * @throws {TimeoutError} at the deadline.
   */
  addLine(
    path: string,
    line: string,
    limit: number,
    deadline: number,
    shorten: (text: string) => string,
  ): void;
  /** Opens a lock file, making it if need be. Its directory must exist. */
  lock(path: string): Lock;
}
