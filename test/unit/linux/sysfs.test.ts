import { beforeEach, describe, expect, it, vi } from "vitest";
import { isThere, linkIn, namesIn, numberIn, statusOf, textIn } from "../../../src/linux/sysfs.ts";
import { machine, resetMachine } from "./machine.ts";

vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  ...(await import("./fake-host.ts")),
}));

beforeEach(() => {
  resetMachine();
  machine.files.set("/sys/file", " 5\n");
  machine.files.set("/sys/empty", "\n");
  machine.links.set("/sys/link", "../target");
  machine.directories.set("/sys/directory", ["b", "a"]);
});

/** The calls, their files, the answers if the file exists, and if it is gone. */
const questions = [
  ["a text", textIn, "/sys/file", "5", undefined],
  ["a number", numberIn, "/sys/file", 5, undefined],
  ["a link", linkIn, "/sys/link", "../target", undefined],
  ["a status", statusOf, "/sys/directory", expect.objectContaining({ type: "directory" }), undefined],
  ["existence", isThere, "/sys/directory", true, false],
  ["names", namesIn, "/sys/directory", ["b", "a"], []],
] as const;

describe.each(questions)("%s in sysfs", (_, ask, path, answer, none) => {
  it("is the kernel's answer", () => {
    expect(ask(path)).toEqual(answer);
  });

  it("is `undefined` if the file does not exist, or its device is being removed", () => {
    expect(ask("/sys/nothing")).toEqual(none);
    machine.faults.set("", "ENODEV");
    expect(ask(path)).toEqual(none);
  });

  it("is an error if it cannot be read", () => {
    machine.faults.set("", "EACCES");
    expect(() => ask(path)).toThrow(expect.objectContaining({ code: "EACCES" }));
  });
});

it("a number in sysfs is not read from an empty file", () => {
  expect(() => numberIn("/sys/empty")).toThrow('/sys/empty contains "" instead of a number');
});
