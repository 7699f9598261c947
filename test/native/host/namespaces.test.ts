import { execFileSync, spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { evaluate, failure, freshPath, withFailing } from "../harness.ts";

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
  const body =
    "return [host.statfs(input).type, host.ioctl(linux.openNamespace(input), host.NS_GET_NSTYPE)];";
  // NSFS_MAGIC of linux/magic.h, CLONE_NEWNET of linux/sched.h.
  expect(evaluate(body, path)).toEqual([0x6e736673, 0x40000000]);
  expect(evaluate("return host.ioctl(linux.openNamespace('/proc/self/ns/uts'), host.NS_GET_NSTYPE);")).toBe(
    0x04000000,
  );
  expect(evaluate("return host.statfs('/proc/self/status').type;")).toBe(0x9fa0);
  expect(failure("host.ioctl(linux.openNamespace('/proc/self/status'), host.NS_GET_NSTYPE);")).toMatchObject({
    code: "ENOTTY",
  });
  expect(failure("host.statfs(input).type;", freshPath("absent"))).toMatchObject({
    code: "ENOENT",
    call: "statfs",
  });
  expect(failure("linux.openNamespace(input);", freshPath("absent"))).toMatchObject({
    code: "ENOENT",
    call: "open",
  });
});

test("fstat returns the same identity as stat of the caller's path", () => {
  const { dev, ino } = statSync(path, { bigint: true });
  const body = "const { device, inode } = host.fstat(linux.openNamespace(input)); return [device, inode];";
  expect(evaluate(body, path)).toEqual([`${dev}`, `${ino}`]);
});

test("openFile does not wait for a FIFO", () => {
  const fifo = freshPath("fifo");
  execFileSync("mkfifo", [fifo]);
  expect(evaluate("return host.statfs(input).type !== 0 && linux.openNamespace(input) > 2;", fifo)).toBe(
    true,
  );
});

test("entering a namespace and returning", () => {
  const body = `
    const names = () => linux.readFile("/proc/thread-self/net/dev").split("\\n").slice(2, -1).map((line) => line.split(":")[0].trim()).sort();
    const home = linux.openNamespace("/proc/thread-self/ns/net");
    const before = names();
    host.setns(linux.openNamespace(input), 0x40000000);
    const inside = names();
    host.setns(home, 0x40000000);
    return [inside, JSON.stringify(names()) === JSON.stringify(before)];`;
  const [inside, isHome] = evaluate(body, path) as [string[], boolean];
  expect(inside).toContain("lo");
  expect(inside).not.toContain("eth0");
  expect(isHome).toBe(true);
  expect(failure("host.setns(linux.openNamespace('/proc/self/ns/uts'), 0x40000000);")).toMatchObject({
    code: "EINVAL",
    call: "setns",
  });
});

test("a socket stays in the namespace it was made in, and has its cookie", () => {
  const body = `
    const home = linux.openNamespace("/proc/thread-self/ns/net");
    const outside = linux.netlinkSocket(0);
    host.setns(linux.openNamespace(input), 0x40000000);
    const inside = linux.netlinkSocket(0);
    const again = linux.netlinkSocket(16);
    host.setns(home, 0x40000000);
    return [outside, inside, again].map(host.netnsCookie);`;
  const [outside, inside, again] = evaluate(body, path) as (string | null)[];
  expect(outside).toMatch(/^\d+$/);
  expect(inside).toMatch(/^\d+$/);
  expect(inside).not.toBe(outside);
  expect(again).toBe(inside);
  expect(failure("host.netnsCookie(linux.openNamespace('/dev/null'));")).toMatchObject({ code: "ENOTSOCK" });
});

test("the cookie is `undefined` on kernels before 5.14", () => {
  const body = "return host.netnsCookie(linux.netlinkSocket(0)) === undefined;";
  expect(evaluate(body, null, withFailing("getsockopt", "ENOPROTOOPT"))).toBe(true);
});
