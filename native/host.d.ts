/**
 * The `host` module: system calls, without policy, implemented in C (`native/`).
 *
 * Every function throws a {@link HostError} when the kernel says no. Every descriptor that is made here is
 * close-on-exec. Strings are UTF-8 at the kernel's side; a string with a NUL byte given as a path or an
 * argument throws EINVAL (it would name something else), and so does half a surrogate pair. (Names and
 * variables that come from the kernel and are no UTF-8 have half surrogates, U+DC80 to U+DCFF, for the bytes
 * in question; given back, they are those bytes again.) Times are milliseconds on CLOCK_MONOTONIC; a
 * `deadline` is a point on that clock, not a duration (Infinity: none), and a call that reaches it throws
 * ETIMEDOUT. A call that has to wait ends with EINTR when a signal that {@link deferSignals} holds back has
 * arrived, once: whoever undoes things afterwards can wait again. Arguments of a wrong type are TypeErrors.
 *
 * JSON.parse is guarded as well: what is nested more than 512 levels deep, or has more than 8,192 members in all its
 * objects, is a SyntaxError (the engine's own parser would overflow the stack, or search tables of colliding keys).
 */
declare module "host" {
  /** What a failed call throws: an Error whose message is `call subject: text (ENAME)`. */
  interface HostError extends Error {
    /** Positive errno of the kernel, e.g. 2. */
    readonly errno: number;
    /** Its name, e.g. "ENOENT"; "E123" where libc has none. */
    readonly code: string;
    /** The system call, e.g. "openat". */
    readonly call: string;
    /** The path or object that it was about, "" where there is none. */
    readonly subject: string;
  }

  // ---- process ----------------------------------------------------------------------------------------
  /** argv, the program's name first. */
  function args(): string[];
  /** One variable of the environment, undefined where it is not set. */
  function getenv(name: string): string | undefined;
  /** The whole environment as `NAME=value`, in its own order. */
  function environ(): string[];
  function getpid(): number;
  /** CLOCK_MONOTONIC in ms (fractions kept). */
  function monotonic(): number;
  /** CLOCK_REALTIME in ms since 1970. */
  function realtime(): number;
  /**
   * Writes all of `text` to descriptor 1 or 2 (other descriptors are refused, EBADF).
   * EAGAIN is waited out; EPIPE is thrown (SIGPIPE is ignored).
   */
  function print(fd: 1 | 2, text: string): void;
  /** isatty(3). */
  function isTerminal(fd: number): boolean;
  /** A time as {@link realtime} gives it, whole, in UTC: "2026-11-24T21:46:04Z". Up to the year 9999. */
  function formatTime(milliseconds: number): string;
  /** Everything on stdin, as UTF-8 text. More than `limit` bytes: EFBIG. */
  function readStdin(limit: number): string;
  /** The status (0 to 255) that the process ends with when its program has run to its end; 0 until it is set. */
  function exitStatus(status: number): void;
  /**
   * What answers the command line (src/cli/command-line.ts), which is evaluated now: it is called with argv, and gives
   * the exit status. In the executable ib-sriov only.
   */
  function commandLine(): (words: readonly string[]) => number;
  /** Version, commit and build date, baked in at build time. */
  const build: { readonly version: string; readonly commit: string; readonly date: string };
  /**
   * From now on SIGTERM, SIGINT and SIGHUP do not kill: the first one is remembered, and the call that waits or
   * is the next to wait ends with EINTR. SIGKILL cannot be held back. A signal that our caller has set to be
   * ignored stays ignored.
   */
  function deferSignals(): void;
  /**
   * The first signal that was remembered, e.g. "SIGTERM"; undefined if none. Once it has been told here, no call
   * is interrupted by it any more.
   */
  function pendingSignal(): string | undefined;

  // ---- text, addresses: pure --------------------------------------------------------------------------
  /** The bytes of a text. What {@link utf8Decode} made of bytes that are no UTF-8 becomes these bytes again. */
  function utf8Encode(text: string): Uint8Array;
  /** Words of 32 bits, signed or not, and bytes, which end with zeros up to the next word. Nested up to 16 deep. */
  type Words = readonly (number | Uint8Array | Words)[];
  /** All of them, one after another, in host order. */
  function packU32(words: Words): Uint8Array;
  /**
   * The text of bytes, with nothing lost: each byte that is no UTF-8 becomes half a surrogate pair, U+DC80 to U+DCFF. A
   * netdev's name can have any bytes.
   */
  function utf8Decode(bytes: Uint8Array): string;
  /** inet_pton(3): 4 or 16 bytes in network order; undefined where the text is no address of that family. */
  function inetPton(family: 4 | 6, text: string): Uint8Array | undefined;
  /** inet_ntop(3) of 4 or 16 bytes. Other lengths: EINVAL. */
  function inetNtop(bytes: Uint8Array): string;

  // ---- files ------------------------------------------------------------------------------------------
  interface FileStatus {
    readonly type: "file" | "directory" | "link" | "other";
    /** Decimal, since both can pass 2^53. */
    readonly device: string;
    readonly inode: string;
    readonly size: number;
    /** When it was written last, ms since 1970. */
    readonly modified: number;
    /** Permission bits. */
    readonly mode: number;
  }
  /**
   * Errnos that are an answer, e.g. "ENOENT": a function that takes them returns undefined then. To make an error and throw
   * it takes as long as ten calls.
   */
  type Expected = readonly string[];
  /** The whole file as text. More than `limit` bytes (default 1 MiB): EFBIG. Follows links. */
  function readFile(path: string, limit?: number): string;
  function readFile(path: string, limit: number | undefined, expected: Expected): string | undefined;
  /** Like readFile, but a symbolic link as the last part is ELOOP and anything but a regular file EINVAL. */
  function readRegularFile(path: string, limit?: number): string;
  function readRegularFile(path: string, limit: number | undefined, expected: Expected): string | undefined;
  /** One write(2) into a file that exists (sysfs, procfs); a short write throws EIO. */
  function writeFile(path: string, text: string): void;
  /**
   * The same by a child, which holds all that we have open and comes to its end also where we are killed meanwhile.
   * For what the kernel cannot do for a process that is to die: a driver's probe starts kernel threads, for which it
   * fails then, half-way (kthread_create(), EINTR). Where no child can be had it is done without.
   */
  function writeFileApart(path: string, text: string): void;
  /** Makes a new file (O_EXCL, O_NOFOLLOW), writes it, closes it; on failure nothing is left. */
  function createFile(path: string, text: string, mode: number): void;
  /**
   * Makes a new file that has its name (an absolute path) only once all of `text` is in it: O_TMPFILE, write, linkat.
   * A kill leaves nothing. EEXIST where that name is taken, EOPNOTSUPP where the file system has no nameless files.
   */
  function createWhole(path: string, text: string, mode: number): void;
  /** One pwrite(2) into a file that exists, following no link; a short write throws EIO. */
  function patchFile(path: string, offset: number, text: string): void;
  /** renameat2(2). With `noReplace`, EEXIST if `to` exists (link + unlink where the file system cannot). */
  function rename(from: string, to: string, noReplace?: boolean): void;
  function unlink(path: string): void;
  function mkdir(path: string, mode: number): void;
  function rmdir(path: string): void;
  /** access(2) for writing and statvfs(2): throws what making a file in a directory would meet, and makes none. */
  function requireWritable(path: string, expected: Expected): true | undefined;
  /** Names in a directory without "." and "..", unsorted. */
  function readDirectory(path: string): string[];
  function readDirectory(path: string, expected: Expected): string[] | undefined;
  function readLink(path: string): string;
  function readLink(path: string, expected: Expected): string | undefined;
  /** lstat(2) with `follow` false (default true: stat(2)). */
  function stat(path: string, follow?: boolean): FileStatus;
  function stat(path: string, follow: boolean, expected: Expected): FileStatus | undefined;
  function close(fd: number): void;
  /**
   * Makes a new file (O_EXCL, O_NOFOLLOW) with what is in another, its mode (whatever the umask), and on the disk
   * (fsync); on failure nothing is left. `from` follows links, and must be a regular file (EINVAL).
   */
  function copyFile(from: string, to: string, mode: number): void;
  /** Watches what is made, changed, renamed or removed in a directory, and the directory itself: inotify(7). */
  function watchDirectory(path: string): number;
  /** Returns once something has changed since the last call, or since {@link watchDirectory}. -1: only waits. */
  function waitForChange(watch: number, deadline: number): void;

  // ---- logs -------------------------------------------------------------------------------------------
  /**
   * Appends `text` (O_APPEND, one write(2)) to a file, which is made if need be. Where it cannot be written whole, as on
   * a disk that is full, nothing of it is there. Never waits, and opens nothing but regular files: a link as the last
   * part is ELOOP, anything else that stands there EISDIR or EINVAL, a file of another user EPERM, and one that does not
   * begin with `mark` (64 bytes at the most) EEXIST. Where the file would become longer than `limit` bytes, it is called `path`.1 from then
   * on, in the place of what had that name, and a new one is begun.
   */
  function appendFile(path: string, text: string, mark: string, mode: number, limit: number): void;
  /**
   * Sends a datagram to the AF_UNIX socket at a path. False: nobody listens there (ENOENT, ECONNREFUSED). EAGAIN: who
   * does does not read.
   */
  function sendDatagram(path: string, text: string): boolean;

  // ---- locks ------------------------------------------------------------------------------------------
  /** Opens (makes if need be, O_NOFOLLOW, regular files only) a lock file for reading and writing; not locked yet. */
  function openLock(path: string, mode: number): number;
  /** flock(2) LOCK_EX. Already locked by someone: waits until the deadline; first come, first served. */
  function lock(fd: number, deadline: number): void;
  /** flock(2) LOCK_UN: frees the lock for every process that shares the open file, not only for this one. */
  function unlock(fd: number): void;
  /** pread(2) from offset 0, up to `limit` bytes, 4096 at the most; without the spaces at their end. */
  function readAt0(fd: number, limit: number): string;
  /**
   * One pwrite(2) at offset 0 of `length` bytes, 4096 at the most, which are spaces behind the text. Does not truncate.
   * A text that is longer throws EFBIG, a short write EIO.
   */
  function writeAt0(fd: number, text: string, length: number): void;
  /**
   * Appends `text` (O_APPEND, one write(2)) to the file that has that path while its lock is held, as {@link lock} takes
   * it; opened as {@link openLock} does. Where it cannot be written whole nothing of it is there. Where the file would
   * become longer than `limit` bytes nothing is written.
   * @returns in that case the file's descriptor, locked, for whoever puts another file in its place: who waits for the
   * lock then takes that one. It is to be closed.
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
  /** f_type of statfs(2) of the path, e.g. 0x6e736673. */
  function statfsType(path: string): number;
  /** fstat(2). */
  function fstat(fd: number): FileStatus;
  /** ioctl NS_GET_NSTYPE, e.g. 0x40000000 (CLONE_NEWNET); ENOTTY where it is no namespace. */
  function namespaceType(fd: number): number;
  /** setns(2) of this (the only) thread, CLONE_NEWNET. */
  function enterNetworkNamespace(fd: number): void;

  /**
   * bpf(2) BPF_PROG_QUERY: IDs of the programs that are attached to a netdev of the namespace that this process is in.
   * @param attachType of enum bpf_attach_type; EINVAL if the kernel does not know it, or not for netdevs.
   */
  function bpfPrograms(index: number, attachType: number, expected: Expected): number[] | undefined;

  // ---- netlink ----------------------------------------------------------------------------------------
  /** AF_NETLINK socket of a protocol (0 NETLINK_ROUTE, 20 NETLINK_RDMA) with EXT_ACK and (route) GET_STRICT_CHK set. */
  function netlinkSocket(protocol: number): number;
  /**
   * AF_NETLINK socket that only receives: the events of these groups, one bit each (RTMGRP_LINK is 1; the bit of
   * group N of linux/rtnetlink.h is N - 1).
   */
  function netlinkEvents(protocol: number, groups: number): number;
  /** SO_NETNS_COOKIE of a socket, decimal; undefined on kernels before 5.14 (ENOPROTOOPT). */
  function netnsCookie(fd: number): string | undefined;
  /** One send(2) of the whole buffer. */
  function netlinkSend(fd: number, message: Uint8Array): void;
  /**
   * Waits for a datagram of the kernel, and takes those that are there: as many as fit in 512 KiB if each has `largest`
   * bytes. What other processes send (nl_pid is not 0) is passed over.
   * @param largest bytes of the longest datagram, 8 KiB to 512 KiB; a longer one is EMSGSIZE. It also bounds the datagrams in
   * which the kernel lists things (nlk->max_recvmsg_len of net/netlink/af_netlink.c).
   */
  function netlinkReceive(fd: number, deadline: number, largest: number): Uint8Array[];
  /**
   * The values of attributes (struct nlattr of linux/netlink.h) in `bytes` from `start` on: undefined where there is none,
   * of several of a type the last one; flags of types do not count. No system call, but by far the most frequent loop: a
   * netdev has sixty attributes.
   * @param wanted two numbers for each: its type, and how its value is read. 0: as it is, a view of `bytes`; 255: as text
   * ({@link utf8Decode}), up to its NUL byte or to its end; 1 to 4: as a number of so many bytes, in host order, without a sign.
   * @returns undefined where a length does not fit.
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
    /** What the child finds on its stdin: a memfd, so that it can be read also when we are dead. */
    readonly stdin: string;
    /** Descriptors that the child keeps, under the same numbers; all others are close-on-exec. */
    readonly inherit: readonly number[];
  }
  interface ChildOutcome {
    /** Exit status; -1 where a signal ended it. */
    readonly status: number;
    /** The number of that signal, 0 for none. */
    readonly signal: number;
    readonly stdout: string;
    readonly stderr: string;
  }
  /**
   * posix_spawn(3). Returns an opaque handle. Text file busy: ETXTBSY. The child is the leader of a process group
   * of its own (Ctrl-C at a terminal is not for it), with all signals as they are by default.
   */
  function spawn(start: ChildStart): number;
  /**
   * Reads its output until it ends, and reaps it. Output over `limit` bytes in all: it is killed, reaped,
   * EFBIG. At the deadline: ETIMEDOUT, the child lives on and can be waited for again or killed. A
   * grandchild that holds the pipes open is not waited for.
   */
  function wait(child: number, deadline: number, limit: number): ChildOutcome;
  /** SIGKILL to it and to those that it has started; then reaps it. Already reaped: nothing happens. */
  function kill(child: number): void;
}
