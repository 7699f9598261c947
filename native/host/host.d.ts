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
  /** Returns the parent of this process. After the end of the parent, that is another process, such as 1. */
  function getppid(): number;
  /** prctl(2) with one argument. */
  function prctl(option: number, argument: number): void;
  /** Returns the effective user of the process, without a system call. */
  function user(): number;
  /** Returns CLOCK_MONOTONIC in ms, with fractions. */
  function monotonic(): number;
  /** Returns CLOCK_REALTIME in ms since 1970. */
  function realtime(): number;
  /**
   * Writes all of `text` to descriptor 1 or 2; other descriptors are EBADF. Throws EPIPE if the reader has closed the
   * pipe, because SIGPIPE is ignored. If the reader takes nothing, a part of the text can have been written:
   * - stdout: throws ETIMEDOUT at the deadline, by default never, and EINTR when a signal arrives. After a signal, it
   *   waits for a second at most.
   * - stderr: throws ETIMEDOUT at the deadline, or after a second if that is earlier; later calls do not wait again. A
   *   signal does not end the wait.
   */
  function print(fd: 1 | 2, text: string, deadline?: number): void;
  /**
   * Prints a line on stderr while this process waits, if it has not called cancelPrint or printAfter again after a
   * delay, ms. A wait is a call of this file that has a deadline, or writeFileApart.
   */
  function printAfter(delay: number, line: string): void;
  /** Cancels the line of printAfter. Returns whether it has been printed. */
  function cancelPrint(): boolean;
  /** isatty(3). */
  function isTerminal(fd: number): boolean;
  /** Sets the exit status (0 to 255) of the process, which is 0 by default. The process exits when its program ends. */
  function exitStatus(status: number): void;
  /** Evaluates the script of the command line, and returns the exports of src/cli/command-line.ts. In ib-sriov only. */
  function commandLine(): { readonly answerCommandLine: (words: readonly string[]) => number };
  /**
   * Evaluates the script of one command, and returns its exports. Only scripts/bundle.mjs, which numbers the scripts from
   * 1 on, makes calls of it.
   */
  function commandScript(number: number): unknown;
  /** Returns NOTICE and THIRD_PARTY_NOTICES of the executable. In ib-sriov only; "" with the sanitizers. */
  function notices(): string;
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

  // ---- text: pure ------------------------------------------------------------------------------------
  /** Returns the bytes of a text. The half surrogates of {@link utf8Decode} become the original bytes again. */
  function utf8Encode(text: string): Uint8Array;
  /**
   * Returns the text of bytes without loss: each byte that is not valid UTF-8 becomes half a surrogate pair, U+DC80 to
   * U+DCFF. A netdev's name can have any bytes.
   */
  function utf8Decode(bytes: Uint8Array): string;
  /** Returns the text of bytes; invalid UTF-8 becomes U+FFFD. */
  function decodeText(bytes: Uint8Array): string;
  /** Returns the name of an errno, e.g. "ENOENT" for 2; `undefined` if it has no name. */
  function errnoName(errno: number): string | undefined;

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
    /** The user and the group that own the file. */
    readonly user: number;
    readonly group: number;
    /** How many names the file has. */
    readonly names: number;
  }
  /**
   * Errnos for which a function returns `undefined` instead of throwing, e.g. "ENOENT". Throwing an error takes as long
   * as ten calls.
   */
  type Expected = readonly string[];
  /** The end of a descriptor: read(2) returns 0. */
  const TO_EOF: number;
  /** read(2) returns less than a page: an attribute of sysfs, or a value of sysctl. */
  const TO_SHORT_READ: number;
  /** As TO_EOF, but a read can block before. */
  const OF_STREAM: number;
  /**
   * Reads a descriptor to its end, as UTF-8 text. More than `limit` bytes is EFBIG.
   * @param size the file's size if it is known; with it, the read that would find the end is not needed. Else 0.
   */
  function readText(fd: number, limit: number, end: number, size: number, subject: string): string;
  function readText(
    fd: number,
    limit: number,
    end: number,
    size: number,
    subject: string,
    expected: Expected | undefined,
  ): string | undefined;
  /** Returns more names of an open directory, "." and ".." included; an empty list at its end. */
  function readNames(fd: number, expected: Expected | undefined, path: string): string[] | undefined;
  /** Writes to a file that exists (sysfs, procfs) with one write(2). A short write is EIO. */
  function writeFile(path: string, text: string): void;
  /**
   * As writeFile, but the write happens in a child, which has all descriptors of this process open, and which completes
   * the write also if this process is killed. This is for writes that the kernel does not complete for a process that
   * is being killed: a driver's probe starts kernel threads, and then fails half-way (kthread_create(), EINTR). If the
   * child cannot be created, the process itself writes.
   */
  function writeFileApart(path: string, text: string): void;
  /** stat(2). */
  function stat(path: string): FileStatus;
  function stat(path: string, expected: Expected): FileStatus | undefined;
  /** lstat(2). */
  function lstat(path: string): FileStatus;
  function lstat(path: string, expected: Expected): FileStatus | undefined;
  /** fstat(2). */
  function fstat(fd: number): FileStatus;
  /**
   * Returns the number of a character device, "major:minor"; `undefined` for any other file, or if the errno is expected.
   * Links are followed. It does not wait for a file server.
   */
  function deviceNumber(path: string, expected: Expected): string | undefined;
  /** statfs(2), and fstatfs(2) of a descriptor. */
  function statfs(file: string | number): FileSystemStatus;
  interface FileSystemStatus {
    /** f_type, e.g. 0x6e736673. */
    readonly type: number;
    /** 0 if the file system does not count its blocks, or its files. */
    readonly blocks: number;
    readonly freeBlocks: number;
    readonly files: number;
    readonly freeFiles: number;
  }

  // ---- system calls without separate code --------------------------------------------------------------
  /** Flags of open(2), whose numbers differ between architectures. */
  const O_RDONLY: number;
  const O_WRONLY: number;
  const O_RDWR: number;
  const O_CREAT: number;
  const O_EXCL: number;
  const O_APPEND: number;
  const O_NOFOLLOW: number;
  const O_NONBLOCK: number;
  const O_TMPFILE: number;
  const O_DIRECTORY: number;
  /** A request of ioctl(2), whose number differs between architectures, too. */
  const NS_GET_NSTYPE: number;
  /** The subject of an error, instead of the path or the descriptor. */
  type Subject = string;
  /** `flags` without O_CLOEXEC and O_NOCTTY, which are always set; a mode is required also without O_CREAT. */
  function open(path: string, flags: number, mode: number): number;
  function open(
    path: string,
    flags: number,
    mode: number,
    expected: Expected | undefined,
  ): number | undefined;
  function close(fd: number, subject?: Subject): void;
  /** Returns `undefined` if all bytes were written, else the number of those that were. So does pwrite. */
  function write(fd: number, bytes: Uint8Array, subject?: Subject): number | undefined;
  function pwrite(fd: number, bytes: Uint8Array, offset: number, subject?: Subject): number | undefined;
  /** Returns what one read(2) returns, or `undefined` if the errno is expected; `limit` is at most 64 KiB. */
  function read(fd: number, limit: number): Uint8Array;
  function read(fd: number, limit: number, expected: Expected): Uint8Array | undefined;
  /** Returns the text of up to `limit` bytes (at most 64 KiB) at offset 0. */
  function pread(fd: number, limit: number): string;
  function readLink(path: string): string;
  function readLink(path: string, expected: Expected): string | undefined;
  function lseek(fd: number, offset: number, whence: number): number;
  function ftruncate(fd: number, length: number, subject?: Subject): void;
  function fsync(fd: number, subject?: Subject): void;
  /** close_range(2). Returns 0, or `undefined` if the errno is expected. */
  function closeRange(first: number, last: number, flags: number, expected: Expected): 0 | undefined;
  /** fcntl(2). Returns its result, or `undefined` if the errno is expected. */
  function fcntl(fd: number, command: number, argument: number, expected?: Expected): number | undefined;
  function fchmod(fd: number, mode: number, subject?: Subject): void;
  function mkdir(path: string, mode: number): void;
  function rmdir(path: string): void;
  function unlink(path: string): void;
  /** renameat2(2). */
  function rename(from: string, to: string, flags: number): void;
  /** linkat(2); `from` is relative to `directory`, which can be AT_FDCWD (-100). */
  function link(directory: number, from: string, to: string, flags: number): void;
  /** faccessat(2). Returns 0, or `undefined` if the errno is expected. */
  function access(path: string, mode: number, expected: Expected): 0 | undefined;
  /** flock(2). Returns 0, or `undefined` if the errno is expected. {@link lock} waits until a deadline. */
  function flock(fd: number, operation: number, expected?: Expected): 0 | undefined;
  function inotifyInit(flags: number): number;
  function inotifyAdd(fd: number, path: string, mask: number): number;
  function memfd(name: string, flags: number): number;
  /** Returns the ends of a pipe: the one to read from, and the one to write to. */
  function pipe(): readonly [number, number];
  function ioctl(fd: number, request: number): number;
  function setns(fd: number, type: number): void;
  function unshare(flags: number): void;
  function socket(family: number, type: number, protocol: number, subject?: Subject): number;
  function bind(fd: number, address: Uint8Array): void;
  function listen(fd: number, backlog: number): void;
  /** accept4(2). Returns the descriptor, or `undefined` if the errno is expected. */
  function accept(fd: number, flags: number, expected: Expected): number | undefined;
  /** shutdown(2). Returns 0, or `undefined` if the errno is expected. */
  function shutdown(fd: number, how: number, expected: Expected): 0 | undefined;
  function epollCreate(flags: number): number;
  /** epoll_ctl(2). @param event struct epoll_event; its events are a u32 in host order at its beginning. */
  function epollControl(epoll: number, operation: number, fd: number, event: Uint8Array): void;
  /** setsockopt(2) of an int. Returns 0, or `undefined` if the errno is expected. */
  function setsockopt(
    fd: number,
    level: number,
    option: number,
    value: number,
    expected?: Expected,
  ): 0 | undefined;
  function send(fd: number, bytes: Uint8Array, flags: number): void;
  /** Returns the number of bytes, or `undefined` if the errno is expected. */
  function sendTo(
    fd: number,
    bytes: Uint8Array,
    flags: number,
    address: Uint8Array,
    expected?: Expected,
  ): number | undefined;
  /** kill(2); a negative number is a process group. Returns 0, or `undefined` if the errno is expected. */
  function kill(pid: number, signal: number, expected?: Expected): 0 | undefined;
  /** Throws the {@link HostError} that a system call would throw, e.g. fail("EINVAL", "open", path). */
  function fail(code: string, call: string, subject: string): never;

  // ---- waits ------------------------------------------------------------------------------------------
  /**
   * flock(2) LOCK_EX. Waits until the deadline if the file is locked; waiting processes get the lock in order of
   * arrival.
   */
  function lock(fd: number, deadline: number, subject?: Subject): void;
  /**
   * Waits until the first or the second descriptor can be read; -1 stands for no descriptor. With the deadline
   * -Infinity, it does not wait.
   * @param children also end the wait if a child may have ended.
   * @returns 1 and 2 for the first and the second descriptor, or their sum; 0 if a child may have ended, or if none can
   * be read and the deadline is -Infinity.
   */
  function poll(first: number, second: number, deadline: number, children?: boolean): number;

  // ---- network ------------------------------------------------------------------------------------------
  /**
   * ioctl(2) SIOCETHTOOL: a command of linux/ethtool.h, for a netdev of the socket's namespace.
   * @param structure the structure of the command, which begins with its number; at most 256 bytes.
   * @returns the words of 32 bits of the structure as the kernel has filled it, up to the last that is not 0.
   */
  function ethtool(socket: number, netdev: string, structure: Uint8Array): Uint8Array;
  function ethtool(
    socket: number,
    netdev: string,
    structure: Uint8Array,
    expected: Expected,
  ): Uint8Array | undefined;
  /**
   * bpf(2) BPF_PROG_QUERY: returns the IDs, of 32 bits each, of the programs that are attached to a netdev of the
   * current namespace.
   * @param attachType of enum bpf_attach_type; EINVAL if the kernel does not know it, or does not support it for
   * netdevs.
   */
  function bpfPrograms(
    index: number,
    attachType: number,
    expected: Expected,
  ): Uint8Array<ArrayBuffer> | undefined;

  /** Returns SO_NETNS_COOKIE of a socket, decimal; `undefined` on kernels before 5.14 (ENOPROTOOPT). */
  function netnsCookie(fd: number): string | undefined;
  /**
   * Waits for a datagram of the kernel, and receives the queued datagrams, up to 64. Datagrams from other processes
   * (nl_pid is not 0) are ignored. A datagram of more than 256 KiB, which the kernel has no use for, is EMSGSIZE.
   */
  function netlinkReceive(fd: number, deadline: number): Uint8Array[];
  /** The value of an attribute. */
  type AttributeValue = Uint8Array | string | number | undefined;
  /**
   * Returns the values of attributes (struct nlattr of linux/netlink.h) in `bytes` from `start` on; `undefined` for an
   * attribute that is missing, and the last value if a type occurs several times. Flags of types are ignored. This
   * makes no system call, but is in C because it is by far the most frequent loop: a netdev has sixty attributes. In
   * TypeScript, ADD takes 10 % more instructions.
   * @param wanted two numbers for each attribute: its type, and how to read its value. 0: as a view of `bytes`; 255: as
   * text ({@link utf8Decode}) up to its NUL byte or its end; 1 to 4: as an unsigned number of so many bytes, in host
   * order; 5 to 254: as a view of so many bytes. Without it, the result is the type of every attribute, each followed by
   * a view of its value.
   * @returns `undefined` if a length does not fit.
   */
  function netlinkAttributes(
    bytes: Uint8Array,
    start: number,
    wanted?: Uint8Array,
  ): AttributeValue[] | undefined;

  // ---- processes --------------------------------------------------------------------------------------
  /**
   * posix_spawn(3). Returns the child's pid. ETXTBSY if a process has the executable open for writing. The child leads a
   * separate process group, so that Ctrl-C at a terminal does not reach it, and has the default handling of all signals.
   * @param path absolute path of the executable.
   * @param environment texts such as "A=b", each with a NUL byte at its end.
   * @param descriptors numbers of type int: the child's stdin, stdout and stderr, and others, which it gets under the
   * same numbers. It gets no others that are close-on-exec.
   * @param words argv, in the form of the environment; without it, the path alone.
   */
  function spawn(path: string, environment: Uint8Array, descriptors: Uint8Array, words?: Uint8Array): number;
  /**
   * Waits until a child ends, and reaps it. No signal ends the wait.
   * @returns the status as waitpid(2) encodes it; `undefined` if the child has not ended at the deadline. With the
   * deadline -Infinity, it does not wait.
   */
  function waitpid(pid: number, deadline: number): number | undefined;
}
