import { expect, test } from "vitest";
import { Locks, withVfLock } from "../../../../src/attachment/lock/locks.ts";
import { openSession } from "../../../../src/attachment/lock/session.ts";
import { STATE_DIRECTORY } from "../../../../src/attachment/record/state-directory.ts";
import { TimeoutError } from "../../../../src/node/clock.ts";
import type { Lock } from "../../../../src/node/files.ts";
import { ModelFiles } from "../../../simulator/model/files.ts";
import { Machine } from "../../../simulator/model/machine.ts";
import { Refusal } from "../../../simulator/model/refusal.ts";
import { partialNode } from "../../../support/partial-node.ts";
import { unobserved } from "../../../support/unobserved.ts";

const directory = "/var/run/cni/ib-sriov";
const theirs = `${directory}/cni.lock`;

/** Files for which opening the Go plugin's lock, or making its directory, fails as a test requires. */
class Files extends ModelFiles {
  readonly locked: string[] = [];
  readonly made: string[] = [];
  mkdir: string | undefined;
  open: string | undefined;

  constructor(machine = new Machine()) {
    super(machine, machine.startProcess());
    machine.files.makeDirectory(STATE_DIRECTORY);
  }

  override makeDirectory(path: string): void {
    this.made.push(path);
    if (path === directory && this.mkdir !== undefined) throw new Refusal(this.mkdir, `mkdir ${path}`);
    super.makeDirectory(path);
  }

  override lock(path: string): Lock {
    if (path === theirs) {
      if (this.open !== undefined) throw new Refusal(this.open, `open ${path}`);
      if (!this.hasDirectory(directory)) throw new Refusal("ENOENT", `open ${path}`);
    }
    return { ...super.lock(path), acquire: () => void this.locked.push(path) };
  }
}

/** Runs an action under the node's lock; `files` determines the kernel's answers. */
function rebindWith(files: Files): void {
  const limits = { deadline: 1000, warn() {}, observe: unobserved };
  const node = partialNode({ files, clock: { pid: 1, wall: () => 0 } });
  const locks = new Locks(openSession(node, limits), "test");
  locks.whileNodeIsLocked(1000, () => files.locked.push("rebind"));
}

test("a rebind holds the node's lock and the Go plugin's, whose directory is made if it is missing", () => {
  const files = new Files();
  rebindWith(files);
  expect(files.locked).toEqual(["/var/lib/cni/ib-sriov/.node", theirs, "rebind"]);
  expect(files.made).toContain(directory);
});

test.each<[string, Partial<Lock>]>([
  ["is taken, but its file", {}],
  [
    "another call holds, and whose file",
    {
      acquire() {
        throw new TimeoutError("timed out");
      },
    },
  ],
])("the lock of a VF that %s cannot be read is released", (_, more) => {
  let released = 0;
  class Unreadable extends Files {
    override lock(path: string): Lock {
      const read = () => {
        throw new Refusal("EIO", `pread ${path}`);
      };
      return { ...super.lock(path), read, release: () => void released++, ...more };
    }
  }
  const session = openSession(partialNode({ files: new Unreadable(), clock: { pid: 1, wall: () => 0 } }), {
    deadline: 1000,
    warn() {},
    observe: unobserved,
  });
  expect(() => withVfLock(session, "0000:03:00.2", "test", () => {})).toThrow(/EIO/);
  expect(released).toBe(1);
});

test("the directory of the Go plugin's lock is not made if it exists", () => {
  const files = new Files();
  files.makeDirectory(directory);
  files.made.length = 0;
  rebindWith(files);
  expect(files.locked).toEqual(["/var/lib/cni/ib-sriov/.node", theirs, "rebind"]);
  expect(files.made).not.toContain(directory);
});

const unmakeable = ["ENOENT", "EROFS", "ENOTDIR", "EACCES", "EPERM"];

test.each(unmakeable.flatMap((mkdir) => unmakeable.map((open) => [mkdir, open] as const)))(
  "if the directory of the Go plugin's lock cannot exist, that lock is skipped: mkdir fails with %s, open with %s",
  (mkdir, open) => {
    const files = new Files();
    Object.assign(files, { mkdir, open });
    rebindWith(files);
    expect(files.locked).toEqual(["/var/lib/cni/ib-sriov/.node", "rebind"]);
  },
);

test.each([
  ["mkdir", "ENOSPC"],
  ["mkdir", "EIO"],
  ["mkdir", "ENOMEM"],
  ["open", "EMFILE"],
  ["open", "ENFILE"],
  ["open", "EACCES"],
  ["open", "EROFS"],
  ["open", "EPERM"],
  ["open", "ENOTDIR"],
  ["open", "ELOOP"],
  ["open", "ENOENT"],
] as const)(
  "without the Go plugin's lock nothing is rebound, and the error names it: %s fails with %s",
  (call, code) => {
    const files = new Files();
    files[call] = code;
    expect(() => rebindWith(files)).toThrow(
      expect.objectContaining({
        code: 100,
        message: expect.stringMatching(`cannot open the Go plugin's lock ${theirs}: ${call} .*${code}`),
      }),
    );
    expect(files.locked).not.toContain("rebind");
    // If the failure does not concern the directory, making the directory does not help.
    const isOfDirectory = call === "mkdir" || unmakeable.includes(code);
    expect(files.made.includes(directory)).toBe(isOfDirectory);
  },
);
