import { mkdirSync } from "node:fs";
import { expect, test } from "vitest";
import { evaluate, failure, freshPath, start } from "../harness.ts";

function freshDirectory(): string {
  const path = freshPath("directory");
  mkdirSync(path);
  return path;
}

/** Reports whether a change ends the wait at once, and nothing before it does. */
const sees = (change: string) => `
  const file = input + "/file";
  linux.createFile(file, "x", 0o600);
  const watch = linux.watchDirectory(input);
  const quiet = () => {
    try { linux.waitForChange(watch, host.monotonic() + 50); return false; }
    catch (error) { return error.code === "ETIMEDOUT"; }
  };
  const before = quiet();
  ${change}
  linux.waitForChange(watch, host.monotonic() + 120000);
  // All events of the change have been read.
  return [before, quiet()];`;

test.each([
  ["a new file", 'linux.createFile(input + "/new", "", 0o600);'],
  ["a file that is changed in place", 'host.writeFile(file, "y");'],
  ["a renamed file", "host.rename(file, input + '/other', 0);"],
  ["a file that is removed", "host.unlink(file);"],
  ["its own removal", "host.unlink(file); host.rmdir(input);"],
  ["a hundred new files", 'for (let i = 0; i < 100; i++) linux.createFile(file + i, "", 0o600);'],
])("a watch reports %s, once", (_what, change) => {
  expect(evaluate(sees(change), freshDirectory())).toEqual([true, true]);
});

test("an event between two waits is not lost", () => {
  const script = `
    const watch = linux.watchDirectory(input);
    linux.createFile(input + "/a", "", 0o600);
    linux.waitForChange(watch, Infinity);
    linux.createFile(input + "/b", "", 0o600);
    linux.waitForChange(watch, Infinity);
    return true;`;
  expect(evaluate(script, freshDirectory())).toBe(true);
});

test("-1 only waits for the deadline", () => {
  const script = `
    const begin = host.monotonic();
    try { linux.waitForChange(-1, begin + 30); } catch (error) { return [error.code, host.monotonic() >= begin + 30]; }`;
  expect(evaluate(script)).toEqual(["ETIMEDOUT", true]);
});

test("a deferred signal ends the wait", async () => {
  for (const watch of ["linux.watchDirectory(input)", "-1"]) {
    const script = start(
      `host.deferSignals(); const watch = ${watch}; host.print(2, "now"); linux.waitForChange(watch, Infinity);`,
      freshDirectory(),
    );
    await script.printed("now");
    script.process.kill("SIGTERM");
    expect(await script.result()).toMatchObject({ failure: { code: "EINTR" } });
  }
});

test("only a directory can be watched", () => {
  expect(failure("linux.watchDirectory(input);", freshPath("absent"))).toMatchObject({
    code: "ENOENT",
    call: "inotify_add_watch",
  });
  expect(failure("linux.watchDirectory('/dev/null');")).toMatchObject({ code: "ENOTDIR" });
  expect(failure("linux.waitForChange(-2, 0);")).toMatchObject({ name: "TypeError" });
  expect(failure("linux.waitForChange(0);")).toMatchObject({ name: "TypeError" });
});
