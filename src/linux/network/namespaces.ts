import * as host from "host";
import { type Namespace, NamespaceError, type Namespaces } from "../../node/namespaces.ts";
import { errnoOf } from "../../node/node.ts";
import { ENDED, processIds } from "../processes.ts";
import { valueUnlessErrno } from "../unless-errno.ts";
import { asLinuxNamespace, LinuxNamespace } from "./namespace.ts";

/** The thread's own namespace. */
const OWN = "/proc/thread-self/ns/net";
/** The PID namespace that the thread is in, and the inode of the one in which all of the node's processes are seen. */
const OWN_PIDS = "/proc/thread-self/ns/pid";
/** PROC_PID_INIT_INO of linux/proc_ns.h. */
const INITIAL_PIDS = String(0xeffffffc);
/** NSFS_MAGIC and PROC_SUPER_MAGIC of linux/magic.h: what a namespace's file can be on. */
const NSFS_MAGIC = 0x6e736673;
const PROC_SUPER_MAGIC = 0x9fa0;
/** CLONE_NEWNET of linux/sched.h, which ioctl NS_GET_NSTYPE answers for a network namespace. */
const CLONE_NEWNET = 0x40000000;

/** Network namespaces of this machine. */
export class LinuxNamespaces implements Namespaces {
  /** Why the thread could not come back to the host's namespace. */
  private stranded: unknown;

  readonly host = new LinuxNamespace(
    "",
    () => host.openFile(OWN),
    (_, body) => {
      this.assertHome();
      return body();
    },
  );

  open(path: string): Namespace {
    const magic = unlessGone(path, () => host.statfsType(path));
    if (magic !== NSFS_MAGIC && magic !== PROC_SUPER_MAGIC) {
      const message = `unknown FS magic on "${path}": ${magic.toString(16)}; it is no network namespace`;
      throw new NamespaceError("other", path, message);
    }
    const fd = unlessGone(path, () => host.openFile(path));
    if (isNetworkNamespace(fd)) return new LinuxNamespace(path, () => fd, this.within);
    host.close(fd);
    throw new NamespaceError("other", path, `"${path}" is a file of the kernel, but no network namespace`);
  }

  inhabited(namespace: Namespace): boolean {
    const { device, inode } = host.fstat(asLinuxNamespace(namespace).fd);
    if (host.stat(OWN_PIDS).inode !== INITIAL_PIDS) return true;
    return processIds().some((pid) => {
      const its = valueUnlessErrno(ENDED, undefined, () => host.stat(`/proc/${pid}/ns/net`));
      return its?.inode === inode && its.device === device;
    });
  }

  setting(namespace: Namespace, key: string): string | undefined {
    const path = settingPath(key);
    const read = () => this.within(asLinuxNamespace(namespace), () => host.readFile(path)).trimEnd();
    return valueUnlessErrno(["ENOENT"], undefined, read);
  }

  set(namespace: Namespace, key: string, value: string): void {
    const path = settingPath(key);
    this.within(asLinuxNamespace(namespace), () => host.writeFile(path, value));
  }

  /** @throws where an earlier call left the thread in another namespace: nothing is safe to do then. */
  assertHome(): void {
    if (this.stranded !== undefined) {
      throw new Error("this process is stuck in a container's network namespace and must end", {
        cause: this.stranded,
      });
    }
  }

  /** Runs something in a namespace and comes back, whatever happens. */
  readonly within = <T>(namespace: LinuxNamespace, body: () => T): T => {
    this.assertHome();
    if (namespace === this.host) return body();
    // The way back is opened before we leave.
    const home = this.host.fd;
    host.enterNetworkNamespace(namespace.fd);
    try {
      return body();
    } finally {
      this.comeHome(home);
    }
  };

  private comeHome(home: number): void {
    try {
      host.enterNetworkNamespace(home);
    } catch (error) {
      this.stranded = error;
      this.assertHome();
    }
  }
}

/** Is the open file one? Anything but a namespace answers ENOTTY. */
function isNetworkNamespace(fd: number): boolean {
  return valueUnlessErrno(["ENOTTY"], false, () => host.namespaceType(fd) === CLONE_NEWNET);
}

/** @throws {RangeError} where the key would leave /proc/sys/net. */
function settingPath(key: string): string {
  if (key.split("/").some((part) => part === "" || part === "." || part === "..")) {
    throw new RangeError(`"${key}" is no setting`);
  }
  return `/proc/sys/net/${key}`;
}

/** @throws {NamespaceError} "gone" where the kernel says that nothing is there. */
function unlessGone<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "ENOENT" && errno !== "ENOTDIR" && errno !== "ESRCH") throw error;
    const why = error instanceof Error ? error.message : errno;
    throw new NamespaceError("gone", path, `no network namespace at "${path}": ${why}`, { cause: error });
  }
}
