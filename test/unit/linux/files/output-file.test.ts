// A disk: test/native/output-files.test.ts cannot make one. It has the tests of all other types of files.
import { beforeEach, expect, test, vi } from "vitest";
import { fillOutputFile } from "../../../../src/linux/files/output-file.ts";

const calls = vi.hoisted(() => [] as string[]);

vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  O_WRONLY: 1,
  O_NONBLOCK: 2,
  lstat: () => ({ type: "other" }),
  stat: () => ({ type: "other" }),
  deviceNumber: () => undefined,
  open: (path: string, flags: number) => {
    calls.push(`open ${path} ${flags}`);
    return 7;
  },
  lseek: () => 0,
  close: (fd: number) => calls.push(`close ${fd}`),
}));

beforeEach(() => calls.splice(0));

test("a disk is refused, and not written to", () => {
  const file = { path: "/dev/sda", mode: 0o600, mayExist: true };
  const fill = vi.fn();
  expect(() => fillOutputFile(file, fill)).toThrow("/dev/sda is a disk; name a file");
  expect(fill).not.toHaveBeenCalled();
  expect(calls).toEqual(["open /dev/sda 3", "close 7"]);
});
