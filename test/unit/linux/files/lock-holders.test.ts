import { beforeEach, describe, expect, it, vi } from "vitest";
import { lockHolders } from "../../../../src/linux/files/lock-holders.ts";
import { machine, newDescriptor, resetMachine } from "../machine.ts";

vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  ...(await import("../fake-host.ts")),
}));

const path = "/var/lib/cni/ib-sriov/.vf/0000:03:00.2";
/** The inode of every file of the double. */
const inode = 4026532008;
const held = (number: number) =>
  `pos:\t0\nflags:\t02100002\nmnt_id:\t24\nino:\t${number}\nlock:\t1: FLOCK  ADVISORY  WRITE 100 00:18:${number} 0 EOF\n`;
let fd: number;

/** A process with one open file. */
function process(
  pid: number,
  target: string,
  info: string,
  status = `Name:\tcommand${pid}\nNSpid:\t${pid}\n`,
) {
  machine.directories.set(`/proc/${pid}/fd`, ["0", "7"]);
  machine.links.set(`/proc/${pid}/fd/0`, "pipe:[77]");
  machine.links.set(`/proc/${pid}/fd/7`, target);
  machine.files.set(`/proc/${pid}/fdinfo/7`, info);
  machine.files.set(`/proc/${pid}/status`, status);
}

beforeEach(() => {
  resetMachine();
  machine.directories.set("/proc", ["self", "100", "uptime", "105", "110", "111", "sys"]);
  machine.namespaces.set(path, { name: "host", magic: 0, type: 0 });
  fd = newDescriptor(path, "host");
});

describe("the holders of a lock", () => {
  it("are all processes that have the locked file open, whichever took the lock, and no others", () => {
    process(105, path, held(inode));
    process(
      110,
      "/mnt/.vf/0000:03:00.2",
      held(inode),
      "Name:\tmy plugin\nState:\tT (stopped)\nNSpid:\t110\t12\t3\n",
    );
    // It waits for the lock.
    process(100, path, "pos:\t0\nflags:\t02100002\n");
    // Another file with the same name.
    process(111, "/srv/.vf/0000:03:00.2", held(12));
    expect(lockHolders(path, fd)).toEqual([
      { pid: 105, pids: [105], command: "command105", isStopped: false },
      { pid: 110, pids: [110, 12, 3], command: "my plugin", isStopped: true },
    ]);
  });

  it("are found although others end in between, or may not be examined", () => {
    process(100, path, held(inode));
    machine.faults.set("readDirectory /proc/105/fd", "EACCES");
    process(110, path, held(inode));
    machine.faults.set("readLink /proc/110/fd/7", "ENOENT");
    process(111, path, held(inode));
    machine.faults.set("readFile /proc/111/status", "ESRCH");
    expect(lockHolders(path, fd)).toEqual([
      { pid: 100, pids: [100], command: "command100", isStopped: false },
      { pid: 111, pids: [111], command: "", isStopped: false },
    ]);
  });

  it("are an error, not an empty list, if another call fails", () => {
    machine.faults.set("readDirectory /proc", "EMFILE");
    expect(() => lockHolders(path, fd)).toThrow(expect.objectContaining({ code: "EMFILE" }));
  });
});
