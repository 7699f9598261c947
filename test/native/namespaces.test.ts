import { execFileSync, spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { evaluate, failure, freshPath, withFailing } from "./harness.ts";

const name = `host-test-${process.pid}`;
const path = `/run/netns/${name}`;

beforeAll(() => {
  const { status, stderr } = spawnSync("ip", ["netns", "add", name], { encoding: "utf8" });
  if (status !== 0) throw new Error(`these tests make network namespaces and must run as root: ${stderr}`);
});

afterAll(() => {
  execFileSync("ip", ["netns", "delete", name]);
});

test("a namespace differs from a file that has its path", () => {
  const body = "return [host.statfsType(input), host.namespaceType(host.openFile(input))];";
  // NSFS_MAGIC of linux/magic.h, CLONE_NEWNET of linux/sched.h.
  expect(evaluate(body, path)).toEqual([0x6e736673, 0x40000000]);
  expect(evaluate("return host.namespaceType(host.openFile('/proc/self/ns/uts'));")).toBe(0x04000000);
  expect(evaluate("return host.statfsType('/proc/self/status');")).toBe(0x9fa0);
  expect(failure("host.namespaceType(host.openFile('/proc/self/status'));")).toMatchObject({
    code: "ENOTTY",
  });
  expect(failure("host.statfsType(input);", freshPath("absent"))).toMatchObject({
    code: "ENOENT",
    call: "statfs",
  });
  expect(failure("host.openFile(input);", freshPath("absent"))).toMatchObject({
    code: "ENOENT",
    call: "open",
  });
});

test("fstat returns the same identity as stat of the caller's path", () => {
  const { dev, ino } = statSync(path, { bigint: true });
  const body = "const { device, inode } = host.fstat(host.openFile(input)); return [device, inode];";
  expect(evaluate(body, path)).toEqual([`${dev}`, `${ino}`]);
});

test("openFile does not wait for a FIFO", () => {
  const fifo = freshPath("fifo");
  execFileSync("mkfifo", [fifo]);
  expect(evaluate("return host.statfsType(input) !== 0 && host.openFile(input) > 2;", fifo)).toBe(true);
});

test("entering a namespace and returning", () => {
  const body = `
    const names = () => host.readFile("/proc/thread-self/net/dev").split("\\n").slice(2, -1).map((line) => line.split(":")[0].trim()).sort();
    const home = host.openFile("/proc/thread-self/ns/net");
    const before = names();
    host.enterNetworkNamespace(host.openFile(input));
    const inside = names();
    host.enterNetworkNamespace(home);
    return [inside, JSON.stringify(names()) === JSON.stringify(before)];`;
  const [inside, isHome] = evaluate(body, path) as [string[], boolean];
  expect(inside).toContain("lo");
  expect(inside).not.toContain("eth0");
  expect(isHome).toBe(true);
  expect(failure("host.enterNetworkNamespace(host.openFile('/proc/self/ns/uts'));")).toMatchObject({
    code: "EINVAL",
    call: "setns",
  });
});

test("a socket stays in the namespace it was made in, and has its cookie", () => {
  const body = `
    const home = host.openFile("/proc/thread-self/ns/net");
    const outside = host.netlinkSocket(0);
    host.enterNetworkNamespace(host.openFile(input));
    const inside = host.netlinkSocket(0);
    const again = host.netlinkSocket(16);
    host.enterNetworkNamespace(home);
    return [outside, inside, again].map(host.netnsCookie);`;
  const [outside, inside, again] = evaluate(body, path) as (string | null)[];
  expect(outside).toMatch(/^\d+$/);
  expect(inside).toMatch(/^\d+$/);
  expect(inside).not.toBe(outside);
  expect(again).toBe(inside);
  expect(failure("host.netnsCookie(host.openFile('/dev/null'));")).toMatchObject({ code: "ENOTSOCK" });
});

test("the cookie is `undefined` on kernels before 5.14", () => {
  const body = "return host.netnsCookie(host.netlinkSocket(0)) === undefined;";
  expect(evaluate(body, null, withFailing("getsockopt", "ENOPROTOOPT"))).toBe(true);
});
