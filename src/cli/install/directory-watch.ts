import * as host from "host";
import { closeOnError } from "../../linux/close-on-error.ts";
import { viewOf } from "../../netlink/attributes.ts";
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

/** The errors of a path that does not lead to a directory, or not now. */
const UNREACHABLE = ["ENOENT", "ENOTDIR", "ELOOP", "EACCES", "EIO", "ESTALE"];
/** Interval at which the path is compared with the watched directory, ms: inotify watches a directory, not a path. */
const PATH_CHECK_TIME = 1000;

/**
 * Watches a directory, and the files in it, for creation, changes, renames and removal: inotify(7). If the path leads to
 * another directory, because the directory or one of its parents was renamed and created again, or was mounted over, the
 * watch continues there.
 */
export class DirectoryWatch {
  /** The inotify instance; -1 if there is no directory, or the kernel has no more watches. */
  private fd = -1;
  private identity = "";

  /** @param report is told the error of a directory that cannot be watched, for which waits only time out. */
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
      const isChanged = waitForEvent(this.fd, end);
      // The content of the events is needed only for a move. Other events than those of this read end the next wait.
      const isMoved = isChanged && movesSelf(host.read(this.fd, LONGEST_READ));
      if (this.follow()) return;
      if (isMoved)
        throw new Error(`the directory at ${this.path} was moved; only a new container has another one`);
      if (isChanged || end === deadline) return;
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
      this.fd = watched(this.path);
    } catch (error) {
      this.report(error);
    }
    return true;
  }
}

function watched(path: string): number {
  return closeOnError(host.inotifyInit(IN_CLOEXEC), (fd) => {
    host.inotifyAdd(fd, path, CHANGES | IN_ONLYDIR);
    return fd;
  });
}

/** Waits for an event; returns false at the deadline. With -1, it only waits for the deadline. */
function waitForEvent(fd: number, deadline: number): boolean {
  try {
    host.poll(fd, -1, deadline);
    return true;
  } catch (error) {
    if (errnoOf(error) !== "ETIMEDOUT") throw error;
    return false;
  }
}

/** Reports whether events (struct inotify_event of linux/inotify.h) contain the move of the watched directory itself. */
function movesSelf(events: Uint8Array): boolean {
  const view = viewOf(events);
  for (let at = 0; at < events.length; at += 16 + view.getUint32(at + 12, true))
    if ((view.getUint32(at + 4, true) & IN_MOVE_SELF) !== 0) return true;
  return false;
}
