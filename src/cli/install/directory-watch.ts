import * as host from "host";
import { closeOnError } from "../../linux/close-on-error.ts";

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

/** Waits for a change since the last call, or since {@link watchDirectory}. With -1, only waits for the deadline. */
export function waitForChange(watch: number, deadline: number): void {
  host.poll(watch, -1, deadline);
  // The content of the events is not needed. One read returns thousands of them; others end the next wait at once.
  host.read(watch, LONGEST_READ);
}
