import { TimeoutError } from "../../../src/node/clock.ts";
import type { Files } from "../../../src/node/files.ts";
import { OpenFile } from "../model/open-file.ts";
import { Refusal } from "../model/refusal.ts";
import { EPOCH } from "./clock.ts";
import type { Gate } from "./gate.ts";
import { lockOf } from "./lock.ts";
import { sleepUntil } from "./sleep.ts";

/** Files of the model. */
export function filesOf(gate: Gate): Files {
  const { machine, process } = gate;
  const tree = machine.files;
  return {
    read: (path) => gate.ask("files.read", path, () => tree.read(path)),
    create: (path, text) => {
      const create = () => {
        if (tree.texts.has(path)) return false;
        tree.write(path, text);
        return true;
      };
      return gate.change("files.create", path, create, { nothing: () => true });
    },
    patch: (path, offset, text) =>
      gate.change("files.patch", path, () => tree.patch(path, offset, text), { nothing() {} }),
    replaceForeign: (path, text, _mode, temporary) => {
      const write = () => tree.write(temporary, text);
      gate.change(
        "files.replaceForeign",
        path,
        () => {
          write();
          tree.rename(temporary, path);
        },
        { nothing() {}, temporary: write },
      );
    },
    rename: (from, to) =>
      gate.change("files.rename", `${from} to ${to}`, () => tree.rename(from, to), { nothing() {} }),
    remove: (path) => gate.change("files.remove", path, () => tree.remove(path), { nothing() {} }),
    makeDirectory: (path) =>
      gate.change("files.makeDirectory", path, () => tree.makeDirectory(path), { nothing() {} }),
    hasDirectory: (path) => gate.ask("files.hasDirectory", path, () => tree.hasDirectory(path)),
    removeDirectory: (path) =>
      gate.change("files.removeDirectory", path, () => tree.removeDirectory(path), { nothing() {} }),
    requireWritable: (path) => gate.ask("files.requireWritable", path, () => tree.directories.has(path)),
    list: (path) => gate.ask("files.list", path, () => tree.list(path)),
    isFile: (path) =>
      gate.ask("files.isFile", path, () => tree.texts.has(path) || machine.programs.has(path)),
    modified: (path) =>
      gate.ask("files.modified", path, () =>
        tree.texts.has(path) || tree.directories.has(path)
          ? (tree.modified.get(path) ?? EPOCH + machine.time.now)
          : undefined,
      ),
    exists: (path) =>
      gate.ask("files.exists", path, () => tree.texts.has(path) || tree.directories.has(path)),
    addLine: (path, line, limit, deadline, shorten) => {
      const longer = () => `${tree.read(path) ?? ""}${line}`;
      const isFull = () => longer().length > limit && longer() !== line;
      gate.change(
        "files.addLine",
        path,
        () => {
          sleepUntil(gate, deadline, `the lock ${path}`, () => !tree.locks.has(path));
          tree.write(path, isFull() ? shorten(longer()) : longer());
        },
        {
          nothing() {},
          // The state after a kill while the shorter file is written.
          temporary: () => (isFull() ? tree.write(`${path}.new`, shorten(longer())) : undefined),
          "time is up": () => {
            machine.time.pass(Math.max(0, deadline - machine.time.now));
            throw new TimeoutError(`timed out waiting for the lock ${path}`);
          },
        },
      );
    },
    lock: (path) =>
      gate.ask("files.lock", path, () => {
        if (tree.directories.has(path)) throw new Refusal("EISDIR", `open ${path}`);
        tree.touch(path);
        return lockOf(gate, path, process.open(new OpenFile(tree, path, process.holder)));
      }),
  };
}
