import { parentOf } from "./path.ts";

/** A process that holds a lock: it has taken the lock, or has inherited it. */
export interface LockHolder {
  readonly pid: number;
  /** Its PID in the PID namespace of this process, and in each PID namespace below that contains it, innermost last. */
  readonly pids: readonly number[];
  /** Name of its executable, cut to 15 bytes. */
  readonly command: string;
  /** Whether a signal (SIGSTOP) has stopped it, so that it does not even notice its time limit. */
  readonly isStopped?: boolean;
}

/** An open lock file. Its text names the owner, and stays when the process that holds the lock ends. */
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
  /** Returns the processes that hold the lock, as far as this process can see them. Slow: only for error messages. */
  holders(): LockHolder[];
  /** Returns the text that was written last; "" if the file is empty. */
  read(): string;
  /**
   * Replaces the text, in one write(2), which a kill cannot split.
   * @throws {Error} if it has more than {@link LONGEST_LOCK_TEXT} bytes.
   */
  write(text: string): void;
  /** Frees the lock, also if a process that inherited the descriptor still runs, and closes the file. */
  release(): void;
}

/** The longest text of a {@link Lock}, bytes: two names of maximum length, GUIDs, and the description of a call. */
export const LONGEST_LOCK_TEXT = 1280;

/** Owner and permissions of a file or directory. */
export interface Permissions {
  readonly user: number;
  readonly group: number;
  /** Permission bits. */
  readonly mode: number;
}

/** The longest text that {@link Files.read} returns, bytes. */
export const LONGEST_FILE = 1 << 20;

/** State files. Symbolic links are never followed; files have mode 0600, directories 0700. */
export interface Files {
  /**
   * Returns the text of a file; `undefined` if the path does not exist. Throws if it is not a regular file, or is
   * longer than {@link LONGEST_FILE}.
   */
  read(path: string): string | undefined;
  /** Creates a file, completely or not at all. Returns false, and changes nothing, if the path exists. */
  create(path: string, text: string): boolean;
  /**
   * Gives a file a further name (a hard link). Returns false, and changes nothing, if `to` exists.
   * @throws ENOENT if the file, or the directory of `to`, does not exist; another error if the file system has no links.
   */
  link(from: string, to: string): boolean;
  /** Returns a number that all names of one file have in common; `undefined` if the path does not exist. */
  inode(path: string): string | undefined;
  /** Overwrites bytes of an existing file from an offset on. A write of one byte is atomic. */
  patch(path: string, offset: number, text: string): void;
  /**
   * Writes a file outside of the state directory, completely or not at all (temporary file and rename), with a mode.
   * The caller chooses the name of the temporary file, so that a later call can remove it after a kill: outside of the
   * state directory nothing else removes it.
   */
  replaceForeign(path: string, text: string, mode: number, temporary: string): void;
  /** Renames a file. A file at `to` is replaced. */
  rename(from: string, to: string): void;
  /** Removes a file; succeeds if it does not exist. A directory is treated as by {@link removeDirectory}. */
  remove(path: string): void;
  /** Creates a directory and its parents; succeeds if it exists. Throws for a link (ELOOP) or a file (ENOTDIR). */
  makeDirectory(path: string): void;
  /** Reports whether a directory exists. Throws if the path is a link (ELOOP) or another kind of file (ENOTDIR). */
  hasDirectory(path: string): boolean;
  /** Removes a directory if it is empty; succeeds also if it is not empty or does not exist. */
  removeDirectory(path: string): void;
  /**
   * Throws the error that the creation of a file in a directory would meet (EROFS, EACCES, ENOSPC, …), and changes
   * nothing. Returns false if the directory does not exist.
   */
  requireWritable(path: string): boolean;
  /** Returns the names in a directory, unsorted; none if it does not exist. */
  list(path: string): string[];
  /** Reports whether the path is a regular file. Links are followed, because IPAM plugins can be links. */
  isFile(path: string): boolean;
  /** Returns the modification time of a file, ms since 1970; `undefined` if it does not exist. */
  modified(path: string): number | undefined;
  /** Returns who can change a file or directory; `undefined` if it does not exist. Links are followed. */
  permissions(path: string): Permissions | undefined;
  /** Reports whether the path exists, as far as this process may see it. */
  exists(path: string): boolean;
  /**
   * Appends a line to a file to which several processes append, under the file's lock. Creates the file if necessary,
   * but not its directory, without which it does nothing. If the file would become longer than `limit` bytes, its
   * content and the new line are replaced, completely or not at all, by what `shorten` returns for them. Readers need no
   * lock: a line is never missing.
   * @throws {TimeoutError} at the deadline.
   */
  addLine(
    path: string,
    line: string,
    limit: number,
    deadline: number,
    shorten: (text: string) => string,
  ): void;
  /** Opens a lock file, and creates it if necessary. Its directory must exist. */
  lock(path: string): Lock;
}

/**
 * Requires that files can be created in a directory, or if it does not exist, in its nearest existing parent.
 * @throws {Error} as {@link Files.requireWritable}.
 */
export function requireCreatable(files: Pick<Files, "requireWritable">, path: string): void {
  if (!files.requireWritable(path) && path !== "") requireCreatable(files, parentOf(path));
}
