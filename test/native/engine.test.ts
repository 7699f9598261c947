import { spawnSync } from "node:child_process";
import { statSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { evaluate, executable, failure, freshPath, hostTest, isSanitized } from "./harness.ts";

/** Runs a script as the whole program, so that nothing catches its exceptions. */
function program(code: string, under: readonly string[] = []) {
  const path = freshPath("program");
  writeFileSync(path, code);
  const [command, ...args] = [...under, hostTest, path];
  return spawnSync(command ?? "", args, { encoding: "utf8", env: process.env, maxBuffer: 1 << 26 });
}

describe("an uncaught exception is answered with a CNI error object", () => {
  test("an exception, with its place", () => {
    const { status, stdout, stderr } = program(
      'function f() {\n  throw new TypeError("an \\"ö\\"\\u0001\\n");\n}\nf();\n',
    );
    expect([status, stderr]).toEqual([1, ""]);
    const { details, ...rest } = JSON.parse(stdout);
    expect(rest).toEqual({ cniVersion: "1.1.0", code: 999, msg: 'TypeError: an "ö"\u0001\n' });
    expect(details).toMatch(/^ {4}at f \(.*program-\d+:2:22\)\n {4}at <eval> \(.*:4:2\)\n$/);
    // As Go prints it: four spaces, no line break at the end.
    expect(stdout).toBe(JSON.stringify(JSON.parse(stdout), undefined, 4).replaceAll("\\n", "\\u000a"));
  });

  test.each([
    ["a string", 'throw "text";', "text"],
    ["null", "throw null;", "InternalError: out of memory"],
    [
      "an object that cannot be converted to a text",
      "throw { toString() { throw 1; } };",
      "InternalError: out of memory",
    ],
    ["a symbol", 'throw Symbol("s");', expect.any(String)],
    [
      "a failed system call",
      'host.open("/absent", 0, 0);',
      "Error: open /absent: No such file or directory (ENOENT)",
    ],
    ["a script with a syntax error", "}", expect.stringMatching(/^SyntaxError/)],
  ])("%s", (_what, code, msg) => {
    const { status, stdout } = program(code);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ cniVersion: "1.1.0", code: 999, msg });
  });

  test("a long text, cut, and still JSON", () => {
    const { stdout } = program('throw new Error("é\\u0001".repeat(100000));');
    expect(JSON.parse(stdout).msg.length).toBeGreaterThan(500);
    const long = "function f(n) { if (n === 0) throw new Error('deep'); f(n - 1); }\nf(200);";
    expect(JSON.parse(program(long).stdout).details.length).toBeGreaterThan(3000);
  });

  test("endless recursion", () => {
    const { status, stdout } = program("function f() { return f() + 1; } f();");
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ code: 999, msg: "InternalError: stack overflow" });
  });

  test("all memory is used", () => {
    const { status, stdout } = program(
      'const kept = []; for (;;) kept.push("x".repeat(1000000) + kept.length);',
    );
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ code: 999, msg: "InternalError: out of memory" });
  });

  test("all memory is used by many small things", () => {
    const { status, stdout } = program("let last = null; for (;;) last = { last };");
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ code: 999, msg: "InternalError: out of memory" });
  });

  // The sanitizers need terabytes of address space.
  const underLimits = isSanitized ? [] : ["with any memory limit of the caller"];
  test.each(underLimits)("%s", () => {
    // From too little to start, to enough for everything. The kernel needs room for the segments (the file's content,
    // and 0.4 MB of .bss) and for the beginning of the stack, 0.13 MB; with less, the process ends in execve(2).
    const inFile = Math.ceil(statSync(executable).size / 1024);
    const outcomes = new Set<string>();
    let started = 0;
    const env = {
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: "c",
      CNI_NETNS: "/absent",
      CNI_IFNAME: "net1",
      CNI_PATH: "/absent",
    };
    const input = JSON.stringify({
      cniVersion: "1.0.0",
      name: "n",
      type: "ib-sriov",
      deviceID: "0000:00:00.0",
    });
    for (let kilobytes = inFile + 200; kilobytes < 25_500; kilobytes += 100) {
      const under = ["--core=0", `--as=${kilobytes * 1024}`, executable];
      const { status, signal, stdout } = spawnSync("prlimit", under, { encoding: "utf8", env, input });
      // Up to here the process ended before its first instruction.
      if (stdout === "" && outcomes.size === 0) continue;
      started ||= kilobytes;
      const { code, msg } = stdout === "" ? {} : JSON.parse(stdout);
      outcomes.add(`${status} ${signal} ${code === 999 ? msg : `code ${code} at ${kilobytes} KiB`}`);
    }
    expect(started).toBeLessThan(inFile + 1000);
    expect([...outcomes]).toEqual([
      expect.stringMatching(
        /^1 null start ib-sriov: the limit of its address space .* is below 24 MiB; raise it/,
      ),
      expect.stringMatching(/^1 null failed to open netns "\/absent"/),
    ]);
  });

  test("beside the result, not after it, if the result has been printed", () => {
    const { status, stdout, stderr } = program('host.print(1, "{}"); throw new Error("late");');
    expect([status, stdout]).toEqual([1, "{}"]);
    expect(JSON.parse(stderr)).toMatchObject({ code: 999, msg: "Error: late" });
  });
});

test("a program ends with the last status that it sets", () => {
  expect(program("0;").status).toBe(0);
  expect(program("host.exitStatus(7); host.exitStatus(3);").status).toBe(3);
  expect(failure("host.exitStatus(256);")).toMatchObject({ name: "TypeError" });
});

describe("parseJson", () => {
  test("refuses deep nesting of any kind, and does not crash", () => {
    for (const text of [
      '"[".repeat(1000000)',
      "'{\"a\":'.repeat(300000)",
      '"[".repeat(513) + "]".repeat(513)',
      '"[{\\"a\\":".repeat(400)',
    ]) {
      expect(failure(`linux.parseJson(${text});`)).toMatchObject({
        name: "SyntaxError",
        message: "JSON is nested more than 512 levels deep",
      });
    }
  });

  test("accepts 512 levels, and brackets in strings", () => {
    const body = `
      const deep = JSON.stringify(linux.parseJson("[".repeat(512) + "]".repeat(512))).length;
      const text = JSON.stringify({ a: "[".repeat(1000) + '"\\\\' + "{".repeat(1000), "[[": "]" });
      const wide = JSON.stringify(Array.from({ length: 1000 }, () => [{}]));
      return [deep, JSON.stringify(linux.parseJson(text)) === text, JSON.stringify(linux.parseJson(wide)) === wide];`;
    expect(evaluate(body)).toEqual([1024, true, true]);
  });

  test.each([
    ["in one object", "JSON.stringify(Object.fromEntries(keys(count).map((key) => [key, 0])))"],
    ["in as many objects", "JSON.stringify(keys(count).map((key) => ({ [key]: 0 })))"],
    ["of one name", "'[' + '{\"a\":0},'.repeat(count - 1) + '{\"a\":0}]'"],
    [
      "one in another",
      "keys(count / 256).map((key) => '{\"' + key + '\":[' + '{\"a\":0},'.repeat(255) + '0]}').join().replace(/^.*$/, '[$&]')",
    ],
  ])("refuses more than 8,192 members, because keys can collide: %s", (_, text) => {
    const make = (count: number) => `
      const count = ${count};
      const keys = (count) => Array.from({ length: count }, (_, i) => "k" + i);
      const text = ${text};`;
    expect(evaluate(`${make(8192)} return JSON.stringify(linux.parseJson(text)) === text;`)).toBe(true);
    expect(failure(`${make(8448)} linux.parseJson(text);`)).toMatchObject({
      name: "SyntaxError",
      message: "JSON has more than 8192 members",
    });
  });

  test("does not count colons in strings as members", () => {
    const body = `
      const text = JSON.stringify({ a: ":".repeat(20000), ":": ['"\\":', ":"] });
      return JSON.stringify(linux.parseJson(text)) === text;`;
    expect(evaluate(body)).toBe(true);
  });
});

test("clocks, arguments and environment", () => {
  const body =
    "return [host.monotonic(), host.realtime(), host.args().length, host.getenv('A'), host.getenv('B') === undefined, host.environ().includes('A=b=c'), host.getpid()];";
  const begin = Date.now();
  const [monotonic, realtime, args, a, noB, listed, pid] = evaluate(body, null, {
    env: { A: "b=c" },
  }) as unknown[];
  expect([args, a, noB, listed]).toEqual([2, "b=c", true, true]);
  expect(Number(realtime)).toBeGreaterThanOrEqual(begin);
  expect(Number(realtime)).toBeLessThanOrEqual(Date.now() + 1);
  // Both count from the machine's start.
  expect(Math.abs(Number(monotonic) - Number(process.hrtime.bigint() / 1_000_000n))).toBeLessThan(30_000);
  expect(Number(pid)).toBeGreaterThan(1);
});
