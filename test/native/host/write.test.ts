import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { describe, expect, test } from "vitest";
import { evaluate, failure, fileWith, freshPath, start, withFailing } from "../harness.ts";

describe("writeFile", () => {
  test("overwrites the beginning, in one call, without truncating the rest", () => {
    const path = fileWith("123456");
    evaluate("host.writeFile(input, 'ab');", path);
    expect(readFileSync(path, "utf8")).toBe("ab3456");
  });

  test("does not create a file", () => {
    const path = freshPath("absent");
    expect(failure("host.writeFile(input, '');", path)).toMatchObject({ code: "ENOENT" });
    expect(existsSync(path)).toBe(false);
  });

  test("reports the kernel's error", () => {
    // The kernel refuses this value.
    expect(failure("host.writeFile('/proc/self/oom_score_adj', 'x');")).toMatchObject({
      code: "EINVAL",
      call: "write",
    });
    expect(failure("host.writeFile('/dev/full', 'x');")).toMatchObject({ code: "ENOSPC", call: "write" });
  });
});

describe("writeFileApart", () => {
  test("writes and reports errors, as writeFile does", () => {
    const path = fileWith("123456");
    evaluate("host.writeFileApart(input, 'ab');", path);
    expect(readFileSync(path, "utf8")).toBe("ab3456");
    expect(failure("host.writeFileApart(input, '');", freshPath("absent"))).toMatchObject({ code: "ENOENT" });
    expect(failure("host.writeFileApart('/dev/full', 'x');")).toMatchObject({
      code: "ENOSPC",
      call: "write",
    });
  });

  test("does it in the same process if no child can be started", () => {
    const path = fileWith("123456");
    evaluate("host.writeFileApart(input, 'ab');", path, withFailing("vfork", "EAGAIN"));
    expect(readFileSync(path, "utf8")).toBe("ab3456");
  });

  test("completes when its caller is killed, because its process group is separate", async () => {
    const fifo = freshPath("fifo");
    execFileSync("mkfifo", [fifo]);
    // The write waits for a reader.
    const full = "x".repeat(1 << 20);
    const { process: plugin } = start('host.print(2, "now"); host.writeFileApart(input[0], input[1]);', [
      fifo,
      full,
    ]);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    await once(plugin.stderr ?? plugin, "data");
    let read = 0;
    const buffer = Buffer.alloc(1 << 16);
    const take = () => {
      try {
        return readSync(reader, buffer);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EAGAIN") return -1;
        throw error;
      }
    };
    // After the first byte the child is in its write.
    while (read === 0) read += Math.max(0, take());
    plugin.kill("SIGKILL");
    await once(plugin, "exit");
    for (let got = take(); got !== 0; got = take()) {
      if (got > 0) read += got;
      else await new Promise((resolve) => setTimeout(resolve, 5));
    }
    closeSync(reader);
    expect(read).toBe(full.length);
  });
});

describe.each(["createFile", "createWhole"])("%s", (create) => {
  test("creates a file with its mode and text", () => {
    const path = freshPath("new");
    evaluate(`linux.${create}(input, 'text é', 0o600);`, path);
    expect(readFileSync(path, "utf8")).toBe("text é");
    expect(statSync(path).mode & 0o7777).toBe(0o600);
  });

  test("does not change an existing file, or a link, even if its target does not exist", () => {
    const path = fileWith("mine");
    expect(failure(`linux.${create}(input, 'theirs', 0o600);`, path)).toMatchObject({ code: "EEXIST" });
    expect(readFileSync(path, "utf8")).toBe("mine");
    const link = freshPath("link");
    symlinkSync(freshPath("absent"), link);
    expect(failure(`linux.${create}(input, 'x', 0o600);`, link)).toMatchObject({ code: "EEXIST" });
  });

  test("writes either the whole text or nothing", () => {
    const directory = freshPath("directory");
    mkdirSync(directory);
    // 64 blocks of 1 KiB, and SIGXFSZ ignored: the write fails with EFBIG half-way.
    const under = ["sh", "-c", 'ulimit -f 64; exec "$@"', "sh"];
    const body = `linux.${create}(input + "/new", 'a'.repeat(1 << 20), 0o600);`;
    expect(failure(body, directory, { under })).toMatchObject({ code: "EFBIG", call: "write" });
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe("createWhole", () => {
  test("reports a missing directory, and a file system without O_TMPFILE", () => {
    const directory = freshPath("absent");
    expect(failure("linux.createWhole(input + '/new', '', 0o600);", directory)).toMatchObject({
      code: "ENOENT",
      subject: directory,
    });
    // procfs does not support O_TMPFILE.
    expect(failure("linux.createWhole('/proc/new', '', 0o600);")).toMatchObject({
      code: "EOPNOTSUPP",
      call: "open",
    });
    const long = `/${"a/".repeat(3000)}new`;
    expect(failure("linux.createWhole(input, '', 0o600);", long)).toMatchObject({ code: "ENAMETOOLONG" });
  });
});

describe("patch", () => {
  test("overwrites the given place only", () => {
    const path = fileWith("123456");
    evaluate("linux.patch(input, 2, 'x');", path);
    expect(readFileSync(path, "utf8")).toBe("12x456");
  });

  test("does not create a file, follow a link, or wait for a FIFO", () => {
    const [absent, link, fifo] = [freshPath("absent"), freshPath("link"), freshPath("fifo")];
    symlinkSync(fileWith("text"), link);
    execFileSync("mkfifo", [fifo]);
    for (const [path, code] of [
      [absent, "ENOENT"],
      [link, "ELOOP"],
      [fifo, "ENXIO"],
      ["/tmp", "EISDIR"],
    ]) {
      expect(failure("linux.patch(input, 0, 'x');", path)).toMatchObject({ code, subject: path });
    }
    expect(existsSync(absent)).toBe(false);
  });

  test("reports the kernel's error", () => {
    expect(failure("linux.patch('/dev/full', 0, 'x');")).toMatchObject({ code: "ENOSPC", call: "pwrite" });
  });
});
