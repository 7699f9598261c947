import * as host from "host";
import { type Namespace, NamespaceError, type Namespaces } from "../../node/namespaces.ts";
import { errnoOf } from "../../node/node.ts";
import type { NodeProcess } from "../../node/processes.ts";
import { readFile } from "../files/read.ts";
import { ENDED, findThread, netnsKey, seesAllProcesses } from "../procfs.ts";
import { valueUnlessErrno } from "../unless-errno.ts";
import { asLinuxNamespace, LinuxNamespace } from "./namespace.ts";

/** The thread's network namespace. */
const OWN = "/proc/thread-self/ns/net";
/** NSFS_MAGIC and PROC_SUPER_MAGIC of linux/magic.h: the file systems that a namespace's file can be on. */
const NSFS_MAGIC = 0x6e736673;
const PROC_SUPER_MAGIC = 0x9fa0;
/** CLONE_NEWNET of linux/sched.h, which ioctl NS_GET_NSTYPE returns for a network namespace. */
const CLONE_NEWNET = 0x40000000;

/** Network namespaces of this machine. */
export class LinuxNamespaces implements Namespaces {
  /** The error of a failed return to the host namespace; `undefined` if no return has failed. */
  private returnError: unknown;

  readonly host = new LinuxNamespace(
    "",
    () => openNamespace(OWN),
    (_, body) => {
      this.assertHome();
      return body();
    },
  );

  open(path: string): Namespace {
    const magic = unlessGone(path, () => host.statfs(path).type);
    if (magic !== NSFS_MAGIC && magic !== PROC_SUPER_MAGIC) {
      const message = `unknown FS magic on "${path}": ${magic.toString(16)}; it is not a network namespace`;
      throw new NamespaceError("other", path, message);
    }
    const fd = unlessGone(path, () => openNamespace(path));
    if (isNetworkNamespace(fd)) return new LinuxNamespace(path, () => fd, this.within);
    host.close(fd);
    throw new NamespaceError("other", path, `"${path}" is a file of the kernel, but not a network namespace`);
  }

  close(namespace: Namespace): void {
    asLinuxNamespace(namespace).close();
  }

  processIn(cookie: string): NodeProcess | undefined {
    // Thousands of threads are in few namespaces. Each is opened once, because its cookie needs a socket in it.
    const known = new Map<string, boolean>([
      [netnsKey(host.fstat(this.host.fd)), cookie === this.host.cookie],
    ]);
    return findThread((key, file) => {
      const is = known.get(key) ?? this.hasCookie(file, cookie);
      known.set(key, is);
      return is;
    });
  }

  inhabited(namespace: Namespace): boolean {
    const searched = netnsKey(host.fstat(asLinuxNamespace(namespace).fd));
    return !seesAllProcesses() || findThread((key) => key === searched) !== undefined;
  }

  setting(namespace: Namespace, key: string): string | undefined {
    const path = settingPath(key);
    const read = () => this.within(asLinuxNamespace(namespace), () => readFile(path)).trimEnd();
    return valueUnlessErrno(["ENOENT"], undefined, read);
  }

  set(namespace: Namespace, key: string, value: string): void {
    const path = settingPath(key);
    this.within(asLinuxNamespace(namespace), () => host.writeFile(path, value));
  }

  /**
   * Requires that the thread is in the host namespace.
   * @throws if an earlier call left the thread in another namespace: then no further call is safe.
   */
  assertHome(): void {
    if (this.returnError !== undefined) {
      throw new Error("this process is stuck in a container's network namespace and must end", {
        cause: this.returnError,
      });
    }
  }

  /** Runs a function in a namespace, and returns to the host namespace, also if the function throws. */
  readonly within = <T>(namespace: LinuxNamespace, body: () => T): T => {
    this.assertHome();
    if (namespace === this.host) return body();
    // The host namespace is opened before the thread leaves it.
    const hostFd = this.host.fd;
    host.setns(namespace.fd, CLONE_NEWNET);
    try {
      return body();
    } finally {
      this.returnToHost(hostFd);
    }
  };

  /** Reports whether a thread's namespace has a cookie; false if the thread has ended. */
  private hasCookie(file: string, cookie: string): boolean {
    const fd = valueUnlessErrno(ENDED, undefined, () => openNamespace(file));
    if (fd === undefined) return false;
    const opened = new LinuxNamespace(file, () => fd, this.within);
    try {
      return opened.cookie === cookie;
    } finally {
      opened.close();
    }
  }

  private returnToHost(hostFd: number): void {
    try {
      host.setns(hostFd, CLONE_NEWNET);
    } catch (error) {
      this.returnError = error;
      this.assertHome();
    }
  }
}

/** Opens a namespace's file. The caller of the plugin chooses the path, and opening a FIFO or a device must not block. */
export function openNamespace(path: string): number {
  return host.open(path, host.O_RDONLY | host.O_NONBLOCK, 0);
}

/**
 * Reports whether an open file is a network namespace. If it is not a namespace at all, the ioctl fails with ENOTTY.
 */
function isNetworkNamespace(fd: number): boolean {
  return valueUnlessErrno(["ENOTTY"], false, () => host.ioctl(fd, host.NS_GET_NSTYPE) === CLONE_NEWNET);
}

/**
 * Returns the file of a setting, e.g. of "ipv6/conf/ib0/disable_ipv6".
 * @throws {RangeError} if the key leads out of /proc/sys/net.
 */
function settingPath(key: string): string {
  if (key.split("/").some((part) => part === "" || part === "." || part === "..")) {
    throw new RangeError(`"${key}" is not the name of a setting in /proc/sys/net`);
  }
  return `/proc/sys/net/${key}`;
}

/** The errnos of a path that leads to no file: none exists, none can have the path, or its process has ended. */
const NO_FILE = ["ENOENT", "ENOTDIR", "ESRCH", "ELOOP", "ENAMETOOLONG"];

/** @throws {NamespaceError} "gone" if no file is at the path. */
function unlessGone<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    const errno = errnoOf(error) ?? "";
    // The module `host` refuses a path with a NUL byte (EINVAL).
    if (!NO_FILE.includes(errno) && !path.includes("\0")) throw error;
    const reason = error instanceof Error ? error.message : errno;
    throw new NamespaceError("gone", path, `no network namespace at "${path}": ${reason}`, { cause: error });
  }
}
