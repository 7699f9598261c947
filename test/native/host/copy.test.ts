import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { evaluate, failure, freshPath, withFailing } from "../harness.ts";

const copy = "linux.copyFile(input[0], input[1], 0o755);";

function fileWith(content: string | Uint8Array): string {
  const path = freshPath();
  writeFileSync(path, content);
  return path;
}

describe("copyFile", () => {
  test("copies every byte, of files of any length", () => {
    for (const length of [0, 1, 65_535, 65_536, 65_537, 3_000_000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * i) >> 3);
      const to = freshPath("copy");
      evaluate(copy, [fileWith(bytes), to]);
      expect(readFileSync(to).equals(bytes)).toBe(true);
    }
  });

  test("gives the copy its mode, whatever the umask", () => {
    const to = freshPath("copy");
    evaluate(copy, [fileWith("x"), to], { under: ["sh", "-c", 'umask 077; exec "$@"', "sh"] });
    expect(statSync(to).mode & 0o7777).toBe(0o755);
  });

  test("follows a link at the source, but not at the target", () => {
    const link = freshPath("link");
    symlinkSync(fileWith("text"), link);
    const to = freshPath("copy");
    evaluate(copy, [link, to]);
    expect(readFileSync(to, "utf8")).toBe("text");
    const elsewhere = freshPath("absent");
    const dangling = freshPath("dangling");
    symlinkSync(elsewhere, dangling);
    expect(failure(copy, [link, dangling])).toMatchObject({
      code: "EEXIST",
      call: "open",
      subject: dangling,
    });
    expect(existsSync(elsewhere)).toBe(false);
  });

  test("does not change an existing file", () => {
    const to = fileWith("mine");
    expect(failure(copy, [fileWith("theirs"), to])).toMatchObject({ code: "EEXIST", subject: to });
    expect(readFileSync(to, "utf8")).toBe("mine");
  });

  test("copies only regular files, and does not wait for a FIFO", () => {
    const fifo = freshPath("fifo");
    execFileSync("mkfifo", [fifo]);
    const to = freshPath("copy");
    for (const from of [fifo, "/dev/zero", "/tmp"])
      expect(failure(copy, [from, to])).toMatchObject({ code: "EINVAL", subject: from });
    expect(failure(copy, [freshPath("absent"), to])).toMatchObject({ code: "ENOENT" });
    expect(existsSync(to)).toBe(false);
  });

  test("writes either the whole file or nothing", () => {
    const to = freshPath("copy");
    // 64 blocks of 1 KiB, and SIGXFSZ ignored: the write fails with EFBIG half-way.
    const under = ["sh", "-c", 'ulimit -f 64; exec "$@"', "sh"];
    expect(failure(copy, [fileWith("a".repeat(1 << 20)), to], { under })).toMatchObject({
      code: "EFBIG",
      call: "write",
      subject: to,
    });
    expect(existsSync(to)).toBe(false);
  });

  test.each([
    ["read", "EIO", "read"],
    ["fchmod", "EPERM", "fchmod"],
    ["fsync", "EIO", "fsync"],
  ])("leaves no file if %s fails", (call, code, told) => {
    const from = fileWith("text");
    const to = freshPath("copy");
    const surroundings = withFailing(call, code);
    // Only for this file, because the script is read as well.
    const under = [...(surroundings.under ?? []), "-P", from, "-P", to];
    expect(failure(copy, [from, to], { ...surroundings, under })).toMatchObject({ code, call: told });
    expect(existsSync(to)).toBe(false);
  });

  test("no descriptor stays open, whatever fails", () => {
    const script = `
      const before = linux.readDirectory("/proc/self/fd").length;
      for (const from of [input, "/dev/null", "/absent"]) {
        try { linux.copyFile(from, input, 0o600); } catch { /* as it should be */ }
      }
      linux.copyFile(input, input + ".copy", 0o600);
      return linux.readDirectory("/proc/self/fd").length - before;`;
    expect(evaluate(script, fileWith("text"))).toBe(0);
  });
});
