import * as host from "host";
import { closeOnError } from "../../linux/close-on-error.ts";
import { errnoOf } from "../../node/node.ts";

/** All events of linux/inotify.h after which a name can lead to another file, or a file can have become executable. */
const IN_ATTRIB = 0x4;
const IN_CLOSE_WRITE = 0x8;
const IN_MOVED_FROM = 0x40;
const IN_MOVED_TO = 0x80;
const IN_CREATE = 0x100;
const IN_DELETE = 0x200;
const IN_DELETE_SELF = 0x400;
const IN_MOVE_SELF = 0x800;
const CHANGES =
  IN_ATTRIB |
  IN_CLOSE_WRITE |
  IN_MOVED_FROM |
  IN_MOVED_TO |
  IN_CREATE |
  IN_DELETE |
  IN_DELETE_SELF |
  IN_MOVE_SELF;
const IN_ONLYDIR = 0x1000000;
/** IN_CLOEXEC. */
const IN_CLOEXEC = 0o2000000;

/** Maximum bytes of one read. */
const LONGEST_READ = 1 << 16;

/** Watches a directory, and the files in it, for creation, changes, renames and removal: inotify(7). */
export function watchDirectory(path: string): number {
  return closeOnError(host.inotifyInit(IN_CLOEXEC), (fd) => {
    host.inotifyAdd(fd, path, CHANGES | IN_ONLYDIR);
    return fd;
  });
}

/**
 * Waits for a change since the last call, or since {@link watchDirectory}. With -1, only waits for the deadline.
 * @returns the events. One read returns thousands of them; others end the next wait at once.
 */
export function waitForChange(watch: number, deadline: number): Uint8Array {
  host.poll(watch, -1, deadline);
  return host.read(watch, LONGEST_READ);
}

/** The errors of a path that does not lead to a directory, or not now. */
const UNREACHABLE = ["ENOENT", "ENOTDIR", "ELOOP", "EACCES", "EIO", "ESTALE"];
/** Interval at which the path is compared with the watched directory, ms: inotify watches a directory, not a path. */
const PATH_CHECK_TIME = 1000;

/**
 * Watches the directory to which a path leads. If the path leads to another directory, because the directory or a
 * parent was renamed and created again, or was mounted over, the watch continues there.
 */
export class DirectoryWatch {
  /** The inotify instance; -1 if the directory does not exist, or the kernel has no more watches. */
  private fd = -1;
  private identity = "";

  /** @param report gets the error of a directory that cannot be watched, for which waits only time out. */
  constructor(
    private readonly path: string,
    private readonly report: (error: unknown) => void,
  ) {
    this.follow();
  }

  /**
   * Waits for a change since the last call, or for the deadline.
   * @throws {Error} if the directory was moved, and the path still leads to it: in a container, the path is a mount.
   */
  wait(deadline: number): void {
    for (;;) {
      const end = Math.min(deadline, host.monotonic() + PATH_CHECK_TIME);
      const events = eventsUntil(this.fd, end);
      if (this.follow()) return;
      if (movesSelf(events))
        throw new Error(`the directory at ${this.path} was moved; only a new container has another one`);
      if (events.length > 0 || end === deadline) return;
    }
  }

  /** Watches the directory to which the path leads. Returns whether it is another than before. */
  private follow(): boolean {
    const { device, inode } = host.stat(this.path, UNREACHABLE) ?? {};
    const identity = `${device} ${inode}`;
    if (identity === this.identity) return false;
    this.identity = identity;
    if (this.fd >= 0) host.close(this.fd);
    this.fd = -1;
    if (inode === undefined) return true;
    try {
      this.fd = watchDirectory(this.path);
    } catch (error) {
      this.report(error);
    }
    return true;
  }
}

/** Returns the events until a deadline. */
function eventsUntil(watch: number, deadline: number): Uint8Array {
  try {
    return waitForChange(watch, deadline);
  } catch (error) {
    if (errnoOf(error) !== "ETIMEDOUT") throw error;
    return new Uint8Array();
  }
}

/** Reports whether events (struct inotify_event of linux/inotify.h) contain the move of the watched directory itself. */
function movesSelf(events: Uint8Array): boolean {
  const view = new DataView(events.buffer, events.byteOffset, events.length);
  for (let at = 0; at < events.length; at += 16 + view.getUint32(at + 12, true))
    if ((view.getUint32(at + 4, true) & IN_MOVE_SELF) !== 0) return true;
  return false;
}
