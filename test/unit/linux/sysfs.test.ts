import { beforeEach, describe, expect, it, vi } from "vitest";
import { isThere, linkIn, namesIn, numberIn, statusOf, textIn } from "../../../src/linux/sysfs.ts";
import { machine, resetMachine } from "./fake-host.ts";

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

/** What is asked, of what, the answer where it is there, and where it is gone. */
const questions = [
  ["a text", textIn, "/sys/file", "5", undefined],
  ["a number", numberIn, "/sys/file", 5, undefined],
  ["a link", linkIn, "/sys/link", "../target", undefined],
  ["a status", statusOf, "/sys/directory", expect.objectContaining({ type: "directory" }), undefined],
  ["a look", isThere, "/sys/directory", true, false],
  ["names", namesIn, "/sys/directory", ["b", "a"], []],
] as const;

describe.each(questions)("%s in sysfs", (_, ask, path, answer, none) => {
  it("is what the kernel says", () => {
    expect(ask(path)).toEqual(answer);
  });

  it("is nothing where there is no such file, or its device is being removed", () => {
    expect(ask("/sys/nothing")).toEqual(none);
    machine.faults.set("", "ENODEV");
    expect(ask(path)).toEqual(none);
  });

  it("is an error where it cannot be had", () => {
    machine.faults.set("", "EACCES");
    expect(() => ask(path)).toThrow(expect.objectContaining({ code: "EACCES" }));
  });
});

it("a number in sysfs is not made of nothing", () => {
  expect(() => numberIn("/sys/empty")).toThrow('/sys/empty holds no number but ""');
});
