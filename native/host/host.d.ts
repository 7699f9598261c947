/**
 * The `host` module: system calls, without policy, implemented in C (`native/`).
 *
 * Every function throws a {@link HostError} if its system call fails. Every descriptor is close-on-exec. An argument of
 * a wrong type is a TypeError.
 *
 * Strings are UTF-8 in the kernel. A path or an argument with a NUL byte is EINVAL, because it would name another file,
 * and so is half a surrogate pair. The exception are half surrogates from U+DC80 to U+DCFF: they represent bytes of the
 * kernel's names and variables that are not valid UTF-8, and become these bytes again when a function gets them back.
 *
 * Times are milliseconds on CLOCK_MONOTONIC. A `deadline` is a point on that clock, not a duration; Infinity means no
 * deadline. A call that reaches its deadline throws ETIMEDOUT. A call that waits throws EINTR when a signal has arrived
 * that {@link deferSignals} holds back. A signal does so only once, so that the rollback afterwards can wait.
 *
 * JSON.parse is guarded: a text that is nested more than 512 levels deep, or that has more than 8,192 members in all
 * its objects, is a SyntaxError. The engine's parser would overflow the stack, or search tables of colliding keys.
 */
declare module "host" {
  /** The error of a failed call. Its message is `call subject: text (ENAME)`. */
  interface HostError extends Error {
    /** Positive errno of the kernel, e.g. 2. */
    readonly errno: number;
    /** The name of the errno, e.g. "ENOENT"; "E123" if it has no name. */
    readonly code: string;
    /** The system call, e.g. "openat". */
    readonly call: string;
    /** The path or object of the call, or "". */
    readonly subject: string;
  }

  // ---- process ----------------------------------------------------------------------------------------
  /** Returns argv, the program's name first. */
  function args(): string[];
  /** Returns a variable of the environment; `undefined` if it is not set. */
  function getenv(name: string): string | undefined;
  /** Returns the whole environment as `NAME=value`, in its original order. */
  function environ(): string[];
  function getpid(): number;
  /** Returns CLOCK_MONOTONIC in ms, with fractions. */
  function monotonic(): number;
  /** Returns CLOCK_REALTIME in ms since 1970. */
  function realtime(): number;
  /**
   * Writes all of `text` to descriptor 1 or 2; other descriptors are EBADF. Waits if the descriptor is not ready
   * (EAGAIN). Throws EPIPE if the reader has closed the pipe, because SIGPIPE is ignored.
   */
  function print(fd: 1 | 2, text: string): void;
  /** isatty(3). */
  function isTerminal(fd: number): boolean;
  /** Formats a time of {@link realtime}, whole ms, in UTC: "2026-11-24T21:46:04Z". Up to the year 9999. */
  function formatTime(milliseconds: number): string;
  /** Reads all of stdin as UTF-8 text. More than `limit` bytes is EFBIG. */
  function readStdin(limit: number): string;
  /** Sets the exit status (0 to 255) of the process, which is 0 by default. The process exits when its program ends. */
  function exitStatus(status: number): void;
  /**
   * Evaluates the script of the command line (src/cli/command-line.ts), and returns its function, which takes argv and
   * returns the exit status. In the executable ib-sriov only.
   */
  function commandLine(): (words: readonly string[]) => number;
  /** Version, commit and build date, set at build time. */
  const build: { readonly version: string; readonly commit: string; readonly date: string };
  /**
   * Holds back SIGTERM, SIGINT and SIGHUP. The first of them is stored, and the call that waits, or the next call that
   * waits, ends with EINTR. SIGKILL cannot be held back. A signal that the caller of the process ignored stays ignored.
   */
  function deferSignals(): void;
  /**
   * Returns the first signal that was stored, e.g. "SIGTERM"; `undefined` if none was. After that, the signal does not
   * interrupt any call.
   */
  function pendingSignal(): string | undefined;

  // ---- text, addresses: pure --------------------------------------------------------------------------
  /** Returns the bytes of a text. The half surrogates of {@link utf8Decode} become the original bytes again. */
  function utf8Encode(text: string): Uint8Array;
  /** Words of 32 bits, signed or not, and bytes, padded with zeros to whole words. Nested up to 16 levels deep. */
  type Words = readonly (number | Uint8Array | Words)[];
  /** Returns the bytes of all words, one after another, in host order. */
  function packU32(words: Words): Uint8Array;
  /**
   * Returns the text of bytes without loss: each byte that is not valid UTF-8 becomes half a surrogate pair, U+DC80 to
   * U+DCFF. A netdev's name can have any bytes.
   */
  function utf8Decode(bytes: Uint8Array): string;
  /** inet_pton(3): 4 or 16 bytes in network order; `undefined` if the text is not an address of the family. */
  function inetPton(family: 4 | 6, text: string): Uint8Array | undefined;
  /** inet_ntop(3) of 4 or 16 bytes. Other lengths are EINVAL. */
  function inetNtop(bytes: Uint8Array): string;

  // ---- files ------------------------------------------------------------------------------------------
  interface FileStatus {
    readonly type: "file" | "directory" | "link" | "other";
    /** Decimal, because `device` and `inode` can be above 2^53. */
    readonly device: string;
    readonly inode: string;
    readonly size: number;
    /** The time of the last write, ms since 1970. */
    readonly modified: number;
    /** Permission bits. */
    readonly mode: number;
  }
  /**
   * Errnos for which a function returns `undefined` instead of throwing, e.g. "ENOENT". Throwing an error takes as long
   * as ten calls.
   */
  type Expected = readonly string[];
  /** Reads a whole file as text. More than `limit` bytes (default 1 MiB) is EFBIG. Follows links. */
  function readFile(path: string, limit?: number): string;
  function readFile(path: string, limit: number | undefined, expected: Expected): string | undefined;
  /** As readFile, but a symbolic link as the last part is ELOOP, and any file that is not regular is EINVAL. */
  function readRegularFile(path: string, limit?: number): string;
  function readRegularFile(path: string, limit: number | undefined, expected: Expected): string | undefined;
  /** Writes to a file that exists (sysfs, procfs) with one write(2). A short write is EIO. */
  function writeFile(path: string, text: string): void;
  /**
   * As writeFile, but the write happens in a child, which has all descriptors of this process open, and which completes
   * the write also if this process is killed. This is for writes that the kernel does not complete for a process that
   * is being killed: a driver's probe starts kernel threads, and then fails half-way (kthread_create(), EINTR). If the
   * child cannot be created, the process itself writes.
   */
  function writeFileApart(path: string, text: string): void;
  /** Creates a file (O_EXCL, O_NOFOLLOW), writes it, and closes it. After a failure no file is left. */
  function createFile(path: string, text: string, mode: number): void;
  /**
   * Creates a file, which gets its name (an absolute path) only when all of `text` is in it: O_TMPFILE, write, linkat.
   * A kill leaves no file. EEXIST if the name is taken, EOPNOTSUPP if the file system does not have O_TMPFILE.
   */
  function createWhole(path: string, text: string, mode: number): void;
  /** Writes into a file that exists with one pwrite(2), without following a link. A short write is EIO. */
  function patchFile(path: string, offset: number, text: string): void;
  /**
   * renameat2(2). With `noReplace`, EEXIST if `to` exists (link and unlink if the file system lacks RENAME_NOREPLACE).
   */
  function rename(from: string, to: string, noReplace?: boolean): void;
  function unlink(path: string): void;
  function mkdir(path: string, mode: number): void;
  function rmdir(path: string): void;
  /**
   * Throws the error that creating a file in a directory would throw, without creating it: access(2) and statvfs(2).
   */
  function requireWritable(path: string, expected: Expected): true | undefined;
  /** Returns the names in a directory without "." and "..", unsorted. */
  function readDirectory(path: string): string[];
  function readDirectory(path: string, expected: Expected): string[] | undefined;
  function readLink(path: string): string;
  function readLink(path: string, expected: Expected): string | undefined;
  /** stat(2), or lstat(2) if `follow` is false. */
  function stat(path: string, follow?: boolean): FileStatus;
  function stat(path: string, follow: boolean, expected: Expected): FileStatus | undefined;
  function close(fd: number): void;
  /**
   * Copies a file to a new file (O_EXCL, O_NOFOLLOW) with a mode, regardless of the umask, and syncs it to the disk.
   * After a failure no file is left. `from` must be a regular file (EINVAL); its links are followed.
   */
  function copyFile(from: string, to: string, mode: number): void;
  /** Watches a directory, and the files in it, for creation, changes, renames and removal: inotify(7). */
  function watchDirectory(path: string): number;
  /** Waits for a change since the last call, or since {@link watchDirectory}. With -1, only waits for the deadline. */
  function waitForChange(watch: number, deadline: number): void;

  // ---- logs -------------------------------------------------------------------------------------------
  /**
   * Appends `text` to a file (O_APPEND, one write(2)), and creates the file if it does not exist. If the text cannot be
   * written completely, for example because the disk is full, no part of it stays in the file. Never waits, and opens
   * only regular files: a link as the last part is ELOOP, another kind of file EISDIR or EINVAL, a file of another user
   * EPERM, and a file that does not begin with `mark` (at most 64 bytes) EEXIST. If the file would become longer than
   * `limit` bytes, it is first renamed to `path`.1, which replaces an older file of that name, and a new file is
   * created.
   */
  function appendFile(path: string, text: string, mark: string, mode: number, limit: number): void;
  /**
   * Sends a datagram to the AF_UNIX socket at a path. Returns false if no process listens there (ENOENT, ECONNREFUSED).
   * Throws EAGAIN if the receiver does not read.
   */
  function sendDatagram(path: string, text: string): boolean;

  // ---- locks ------------------------------------------------------------------------------------------
  /**
   * Opens a lock file for reading and writing, and creates it if needed (O_NOFOLLOW, regular files only). Does not
   * lock.
   */
  function openLock(path: string, mode: number): number;
  /**
   * flock(2) LOCK_EX. Waits until the deadline if the file is locked; waiting processes get the lock in order of
   * arrival.
   */
  function lock(fd: number, deadline: number): void;
  /** flock(2) LOCK_UN: releases the lock for every process that shares the open file, not only for this process. */
  function unlock(fd: number): void;
  /** Reads up to `limit` bytes (at most 4096) from offset 0 with pread(2), and removes spaces at the end. */
  function readAt0(fd: number, limit: number): string;
  /**
   * Writes a text at offset 0 with one pwrite(2), padded with spaces to `length` bytes (at most 4096). Does not
   * truncate the file. A longer text is EFBIG, a short write EIO.
   */
  function writeAt0(fd: number, text: string, length: number): void;
  /**
   * Opens a file as {@link openLock} does, locks it as {@link lock} does, and appends `text` (O_APPEND, one write(2)).
   * If the text cannot be written completely, no part of it stays in the file. If the file would become longer than
   * `limit` bytes, nothing is written.
   * @returns in that case the descriptor of the locked file, so that the caller can replace the file: processes that
   * wait for the lock then use the new file. The caller must close the descriptor.
   */
  function appendLocked(
    path: string,
    text: string,
    mode: number,
    limit: number,
    deadline: number,
  ): number | undefined;

  // ---- network namespaces -----------------------------------------------------------------------------
  /** Opens a namespace file, O_RDONLY. */
  function openFile(path: string): number;
  /** Returns f_type of statfs(2), e.g. 0x6e736673. */
  function statfsType(path: string): number;
  /** fstat(2). */
  function fstat(fd: number): FileStatus;
  /** ioctl NS_GET_NSTYPE, e.g. 0x40000000 (CLONE_NEWNET); ENOTTY if the file is not a namespace. */
  function namespaceType(fd: number): number;
  /** setns(2) CLONE_NEWNET of this thread, the only thread of the process. */
  function enterNetworkNamespace(fd: number): void;

  /**
   * bpf(2) BPF_PROG_QUERY: returns the IDs of the programs that are attached to a netdev of the current namespace.
   * @param attachType of enum bpf_attach_type; EINVAL if the kernel does not know it, or does not support it for
   * netdevs.
   */
  function bpfPrograms(index: number, attachType: number, expected: Expected): number[] | undefined;

  // ---- netlink ----------------------------------------------------------------------------------------
  /** Opens a socket of a protocol (0 NETLINK_ROUTE, 20 NETLINK_RDMA) with EXT_ACK and, for ROUTE, GET_STRICT_CHK. */
  function netlinkSocket(protocol: number): number;
  /**
   * Opens a socket that receives the events of multicast groups, one bit each (RTMGRP_LINK is 1; the bit of group N of
   * linux/rtnetlink.h is N - 1).
   */
  function netlinkEvents(protocol: number, groups: number): number;
  /** Returns SO_NETNS_COOKIE of a socket, decimal; `undefined` on kernels before 5.14 (ENOPROTOOPT). */
  function netnsCookie(fd: number): string | undefined;
  /** Sends the whole buffer with one send(2). */
  function netlinkSend(fd: number, message: Uint8Array): void;
  /**
   * Waits for a datagram of the kernel, and receives the queued datagrams: as many as fit in 256 KiB if each has
   * `largest` bytes. Datagrams from other processes (nl_pid is not 0) are ignored.
   * @param largest bytes of the longest datagram, 4 KiB to 256 KiB; a longer datagram is EMSGSIZE. The kernel also
   * fills the datagrams of a list only up to this size (nlk->max_recvmsg_len of net/netlink/af_netlink.c).
   */
  function netlinkReceive(fd: number, deadline: number, largest: number): Uint8Array[];
  /**
   * Returns the values of attributes (struct nlattr of linux/netlink.h) in `bytes` from `start` on; `undefined` for an
   * attribute that is missing, and the last value if a type occurs several times. Flags of types are ignored. This
   * makes no system call, but is in C because it is by far the most frequent loop: a netdev has sixty attributes.
   * @param wanted two numbers for each attribute: its type, and how to read its value. 0: as a view of `bytes`; 255: as
   * text ({@link utf8Decode}) up to its NUL byte or its end; 1 to 4: as an unsigned number of so many bytes, in host
   * order.
   * @returns `undefined` if a length does not fit.
   */
  function netlinkAttributes(
    bytes: Uint8Array,
    start: number,
    wanted: Uint8Array,
  ): (Uint8Array | string | number | undefined)[] | undefined;

  // ---- processes --------------------------------------------------------------------------------------
  interface ChildStart {
    /** Absolute path of the executable; argv[0] is the same. */
    readonly path: string;
    readonly environment: readonly string[];
    /**
     * The text on the child's stdin. It is a memfd, so that the child can read it also after this process has ended.
     */
    readonly stdin: string;
    /** Descriptors that the child inherits, with the same numbers; all others are close-on-exec. */
    readonly inherit: readonly number[];
  }
  interface ChildOutcome {
    /** Exit status; -1 if a signal ended the child. */
    readonly status: number;
    /** The number of the signal that ended the child, or 0. */
    readonly signal: number;
    readonly stdout: string;
    readonly stderr: string;
  }
  /**
   * posix_spawn(3). Returns an opaque handle. ETXTBSY if a process has the executable open for writing. The child leads
   * a separate process group, so that Ctrl-C at a terminal does not reach it, and has the default handling of all
   * signals.
   */
  function spawn(start: ChildStart): number;
  /**
   * Reads a child's output until the child ends, and reaps it. If the output has more than `limit` bytes in all, kills
   * and reaps the child, and throws EFBIG. At the deadline throws ETIMEDOUT; the child continues to run, and can be
   * waited for again or killed. Does not wait for a grandchild that keeps the pipes open.
   */
  function wait(child: number, deadline: number, limit: number): ChildOutcome;
  /**
   * Sends SIGKILL to a child and its process group, and reaps the child. Does nothing if the child is already reaped.
   */
  function kill(child: number): void;
}
