import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { evaluate, failure, freshPath, hostTest, linux, shellScript, withFailing } from "../harness.ts";

/** Starts `input.path` (or the given expression) and waits for it. */
const run = `
  const PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  function start(path, options) {
    return linux.ChildProcess.start(Object.assign({ path, environment: [PATH], stdin: "", inherit: [] }, options));
  }
  function run(path, options, limit) {
    return start(path, options).wait(host.monotonic() + 120000, limit ?? 1 << 20);
  }`;

describe("a child", () => {
  test("gets the environment and stdin, and returns its output and status", () => {
    const path = shellScript('read -r line; echo "$0 $# $A $line"; echo oops >&2; exit 7');
    const body = `${run} return run(input, { environment: ["A=ü b", PATH], stdin: "first\\nsecond\\n" });`;
    expect(evaluate(body, path)).toEqual({
      status: 7,
      signal: 0,
      stdout: `${path} 0 ü b first\n`,
      stderr: "oops\n",
    });
  });

  test("gets a stdin that is larger than a pipe, and can print as much", () => {
    const body = `${run}
      const text = "0123456789abcdef".repeat(60000);
      const { stdout, stderr } = run(input, { stdin: text });
      return [stdout === text, stderr];`;
    expect(evaluate(body, shellScript("cat; wc -c >&2"))).toEqual([true, "0\n"]);
  });

  test("can print to stdout and stderr at the same time", () => {
    const path = shellScript(
      "i=0; while [ $i -lt 200 ]; do head -c 1500 /dev/zero | tr '\\0' o; head -c 1500 /dev/zero | tr '\\0' e >&2; i=$((i+1)); done",
    );
    const body = `${run} const { stdout, stderr, status } = run(input); return [status, stdout.length, stderr.length];`;
    expect(evaluate(body, path)).toEqual([0, 300_000, 300_000]);
  });

  test("that is ended by a signal reports the signal", () => {
    const body = `${run} return run(input);`;
    expect(evaluate(body, shellScript("kill -KILL $$"))).toMatchObject({ status: -1, signal: 9 });
  });

  test("has the parent's environment byte for byte, if it is passed on", () => {
    const body = `${run} return run(input, { environment: host.environ() }).stdout;`;
    const path = shellScript('printf %s "$RAW" | od -An -tx1');
    const out = spawnSync(
      "bash",
      ["-c", `RAW=$'a\\xff\\xfe\\xc3\\xa9' exec "$0" "$1"`, hostTest, hostScript(body, path)],
      {
        encoding: "utf8",
      },
    );
    expect(JSON.parse(out.stdout)).toBe(" 61 ff fe c3 a9\n");
  });

  test("cannot be started if the file does not exist or cannot run", () => {
    expect(failure(`${run} start("/absent/plugin");`)).toMatchObject({
      code: "ENOENT",
      call: "posix_spawn",
      subject: "/absent/plugin",
    });
    const text = freshPath();
    writeFileSync(text, "text");
    expect(failure(`${run} start(input);`, text)).toMatchObject({ code: "EACCES" });
    // A copy of an executable that is open for writing.
    const busy = freshPath("busy");
    execFileSync("cp", ["/bin/true", busy]);
    const body = `${run} const fd = linux.openLockFile(input, 0o755); start(input);`;
    expect(failure(body, busy)).toMatchObject({ code: "ETXTBSY" });
  });

  test("that could not be started leaves no descriptors and processes behind", () => {
    const body = `${run}
      const before = linux.readDirectory("/proc/self/fd").length;
      for (let i = 0; i < 5; i++) try { start("/absent"); } catch { /* as it should */ }
      return [linux.readDirectory("/proc/self/fd").length - before, linux.readFile("/proc/self/task/" + host.getpid() + "/children")];`;
    expect(evaluate(body)).toEqual([0, ""]);
  });

  test("is not started with an environment or descriptors that cannot be passed on", () => {
    expect(failure(`${run} start("/bin/true", { environment: ["A=b\\0c"] });`)).toMatchObject({
      code: "EINVAL",
    });
    expect(failure(`${run} start("/bin/true", { inherit: [1] });`)).toMatchObject({ name: "TypeError" });
    expect(failure(`${run} start("/bin/true", { inherit: [99] });`)).toMatchObject({ code: "EBADF" });
    expect(failure(`${run} start("/bin/true", { environment: undefined });`)).toMatchObject({
      name: "TypeError",
    });
  });
});

/** Returns a script for host-test that prints what a function's body returns. */
function hostScript(body: string, input: unknown): string {
  const path = freshPath("script");
  writeFileSync(
    path,
    `${linux} const input = ${JSON.stringify(input)}; host.print(1, JSON.stringify((function () { ${body} })()));`,
  );
  return path;
}

describe("a child inherits", () => {
  test.each([
    ["and no others", {}],
    ["and no others, on kernels before 5.9", withFailing("close_range", "ENOSYS")],
    ["and no others, on kernels before 5.11", withFailing("close_range", "EINVAL")],
  ])("its stdio and the descriptors it was given, under their numbers, %s", (_what, surroundings) => {
    const path = shellScript("for fd in $(seq 0 30); do if [ -e /proc/$$/fd/$fd ]; then echo $fd; fi; done");
    const body = `${run}
      probe.openInheritable("/dev/null");
      const mine = linux.openLockFile(input.lock, 0o600);
      const kept = linux.openLockFile(input.lock + "2", 0o600);
      probe.openInheritable("/dev/zero");
      const list = (inherit) => run(input.path, { inherit }).stdout.split("\\n").filter((fd) => fd !== "" && fd !== "10");
      return [list([]), list([kept]), kept];`;
    // 10: dash keeps the script that it reads under this number.
    const [none, one, kept] = evaluate(body, { path, lock: freshPath("lock") }, surroundings) as [
      string[],
      string[],
      number,
    ];
    expect(none).toEqual(["0", "1", "2"]);
    expect(one).toEqual(["0", "1", "2", `${kept}`]);
  });

  test("no signal dispositions and no signal mask", () => {
    const path = shellScript("grep -E '^Sig(Blk|Ign)' /proc/self/status");
    const body = `${run} host.deferSignals(); return run(input).stdout;`;
    const zero = "0000000000000000";
    expect(evaluate(body, path)).toBe(`SigBlk:\t${zero}\nSigIgn:\t${zero}\n`);
  });

  test("a separate process group", () => {
    const body = `${run} return run(input).stdout;`;
    const [pid, group] = (evaluate(body, shellScript("ps -o pid=,pgid= -p $$")) as string).trim().split(/ +/);
    expect(group).toBe(pid);
  });
});

describe("wait", () => {
  test("ends at the deadline, and can be repeated without losing output", () => {
    const fifo = freshPath("fifo");
    execFileSync("mkfifo", [fifo]);
    const body = `${run}
      const child = start(input.path);
      let code;
      try { child.wait(host.monotonic() + 100, 1000); } catch (error) { code = error.code; }
      host.writeFile(input.fifo, "go\\n");
      return [code, child.wait(host.monotonic() + 120000, 1000)];`;
    const path = shellScript(`echo before; read -r line <${fifo}; echo "after $line"`);
    expect(evaluate(body, { path, fifo })).toEqual([
      "ETIMEDOUT",
      { status: 0, signal: 0, stdout: "before\nafter go\n", stderr: "" },
    ]);
  });

  test("accepts a child once", () => {
    const body = `${run} const child = start("/bin/true"); child.wait(Infinity, 10); child.kill(); child.wait(Infinity, 10);`;
    expect(failure(body)).toMatchObject({ code: "ECHILD" });
  });

  test("separates several children, in any order", () => {
    const [a, b] = [shellScript("echo a; exit 1"), shellScript("echo b; exit 2")];
    const body = `${run}
      const children = [start(input[0]), start(input[1]), start(input[0])];
      return children.reverse().map((child) => { const { status, stdout } = child.wait(Infinity, 10); return status + stdout; });`;
    expect(evaluate(body, [a, b])).toEqual(["1a\n", "2b\n", "1a\n"]);
  });

  test("ends a child that prints more than the limit", () => {
    const path = shellScript("echo $$ >&2; exec yes");
    const body = `${run}
      let code;
      const child = start(input);
      try { child.wait(Infinity, 100000); } catch (error) { code = error.code; }
      return [code, linux.readFile("/proc/self/task/" + host.getpid() + "/children")];`;
    expect(evaluate(body, path)).toEqual(["EFBIG", ""]);
    expect(evaluate(`${run} return run("/bin/pwd", {}, 10000).status;`)).toBe(0);
  });

  test("drops what a child prints beyond the limit, of each stream, and waits for its end", () => {
    const path = shellScript("head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero; echo end >&2; exit 3");
    const body = `${run}
      const { status, stdout, stderr } = start(input[0]).wait(Infinity, input[1], "dropped");
      return [status, stdout.length, stderr.length];`;
    expect(evaluate(body, [path, 100_000])).toEqual([3, 100_000, 100_000]);
    expect(evaluate(body, [path, 400_000])).toEqual([3, 300_000, 300_004]);
  });

  test("does not read without end what another process prints into the pipes of a child", () => {
    const path = shellScript("yes & echo $! >&2; sleep 0.3; exit 4");
    const body = `${run}
      const { status, stdout, stderr } = start(input).wait(host.monotonic() + 100000, 100000, "dropped");
      // It has ended already if SIGPIPE was faster, and is gone if another process waits for orphans.
      host.kill(Number(stderr), 9, ["ESRCH"]);
      return [status, stdout.length];`;
    expect(evaluate(body, path)).toEqual([4, 100_000]);
  });

  test("waits for the child, not for other processes that hold its pipes", () => {
    const path = shellScript("sleep 600 & echo $! ; echo printed >&2");
    const body = `${run} const begin = host.monotonic(); const { stdout, stderr } = run(input); return [stdout, stderr, host.monotonic() - begin];`;
    const [pid, stderr, took] = evaluate(body, path) as [string, string, number];
    process.kill(Number(pid));
    expect(stderr).toBe("printed\n");
    expect(took).toBeLessThan(120_000);
  });
});

describe("kill", () => {
  test("ends the child and its own children, and reaps the child", async () => {
    const pids = freshPath("pids");
    const path = shellScript(`sleep 60 & echo $$ $! >${pids}.new; mv ${pids}.new ${pids}; wait`);
    const body = `${run}
      const child = start(input.path);
      for (let there = false; !there; ) try { there = host.stat(input.pids).size > 0; } catch { /* not yet */ }
      child.kill();
      child.kill();
      return linux.readFile("/proc/self/task/" + host.getpid() + "/children");`;
    expect(evaluate(body, { path, pids })).toBe("");
    const grandchild = readFileSync(pids, "utf8").trim().split(" ")[1];
    // It is a zombie if init has not reaped it yet.
    const isAlive = () => !/\) [ZX]/.test(readFileSync(`/proc/${grandchild}/stat`, "utf8"));
    while (existsSync(`/proc/${grandchild}/stat`) && isAlive())
      await new Promise((resolve) => setImmediate(resolve));
  });
});

test("a child that SIGKILL does not end is left after a second", () => {
  // strace suppresses the parent's kill(2), so the child behaves like a process that sleeps in the kernel (state D).
  const under = ["strace", "-qq", "-o", "/dev/null", "-e", "inject=kill:retval=0"];
  const pidFile = freshPath("pid");
  const body = `${run}
    // The SIGCHLD of another child must neither end the wait, nor get lost for the wait for that child.
    const other = start("/bin/true");
    const child = start(input.path);
    for (let there = false; !there; ) try { there = host.stat(input.pidFile).size > 0; } catch { /* not yet */ }
    const begin = host.monotonic();
    child.kill();
    child.kill();
    return [host.monotonic() - begin, other.wait(Infinity, 10).status];`;
  const path = shellScript(`echo $$ >${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 300`);
  const env = { ASAN_OPTIONS: "detect_leaks=0" };
  const [took, status] = evaluate(body, { path, pidFile }, { under, env }) as number[];
  process.kill(Number(readFileSync(pidFile, "utf8")));
  expect(took).toBeGreaterThanOrEqual(1000);
  expect(took).toBeLessThan(120_000);
  expect(status).toBe(0);
});

test("a child continues if its parent is killed, and still has its stdin", async () => {
  const out = freshPath("out");
  const path = shellScript(
    `kill -KILL $PPID; while kill -0 $PPID 2>/dev/null && [ $PPID != 1 ] && [ "$(ps -o ppid= -p $$)" -eq $PPID ]; do :; done; cat >${out}.new; mv ${out}.new ${out}`,
  );
  const script = hostScript(`${run} run(input, { stdin: "lease" });`, path);
  expect(spawnSync(hostTest, [script]).signal).toBe("SIGKILL");
  while (!existsSync(out)) await new Promise((resolve) => setImmediate(resolve));
  expect(readFileSync(out, "utf8")).toBe("lease");
});

test("descriptors are not closed one by one, however many are possible", () => {
  // The highest limit that can be set: a million for root on most machines.
  const limit = execFileSync(
    "sh",
    ["-c", "ulimit -n 1000000 2>/dev/null || ulimit -n $(ulimit -Hn); ulimit -n"],
    {
      encoding: "utf8",
    },
  ).trim();
  expect(limit === "unlimited" || Number(limit) > 4096).toBe(true);
  const trace = freshPath("trace");
  const under = ["prlimit", `--nofile=${limit}:${limit}`, "strace", "-f", "-qq", "-o", trace];
  // The leak detector cannot run under strace, which uses ptrace as well.
  const env = { ASAN_OPTIONS: "detect_leaks=0" };
  expect(evaluate(`${run} return run("/bin/true").status;`, null, { under, env })).toBe(0);
  const calls = readFileSync(trace, "utf8").match(/\b(close|close_range|fcntl)\(/g) ?? [];
  expect(calls).toContain("close_range(");
  expect(calls.length).toBeLessThan(40);
});

test("a caller that ignores SIGCHLD does not lose its children's status", () => {
  const body = `${run} return run("/bin/true").status;`;
  expect(evaluate(body, null, { under: ["sh", "-c", 'trap "" CHLD; exec "$@"', "sh"] })).toBe(0);
});
