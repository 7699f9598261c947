import { TimeoutError } from "../../../src/node/clock.ts";
import type { Lock } from "../../../src/node/files.ts";
import type { Gate } from "./gate.ts";
import { sleepUntil } from "./sleep.ts";

/** Size of a lock file, bytes. */
const room = 1024;

/** A lock file that the process has open. */
export function lockOf(gate: Gate, path: string, fd: number): Lock {
  const { machine, process } = gate;
  return {
    share: () => fd,
    acquire: (deadline) =>
      gate.ask(
        "lock.acquire",
        path,
        () => {
          const file = process.file(fd);
          sleepUntil(gate, deadline, `the lock ${path}`, () => file.tryLock());
        },
        {
          "time is up": () => {
            machine.time.pass(Math.max(0, deadline - machine.time.now));
            throw new TimeoutError(`timed out waiting for the lock ${path}`);
          },
        },
      ),
    holders: () => gate.ask("lock.holders", path, () => [...(machine.files.locks.get(path)?.holders ?? [])]),
    read: () => gate.ask("lock.read", path, () => machine.files.texts.get(path) ?? ""),
    write: (text) =>
      gate.change(
        "lock.write",
        path,
        () => {
          if (text.length > room) throw new RangeError(`${text.length} bytes are too many for ${path}`);
          machine.files.texts.set(path, text);
        },
        { nothing() {} },
      ),
    release: () =>
      gate.ask("lock.release", path, () => {
        process.file(fd).unlock();
        process.close(fd);
      }),
  };
}
