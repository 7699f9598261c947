import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evaluate, failure, freshPath, shellScript, withFailing } from "../harness.ts";

const name = `host-test-netlink-${process.pid}`;

beforeAll(() => {
  const { status, stderr } = spawnSync("ip", ["netns", "add", name], { encoding: "utf8" });
  if (status !== 0) throw new Error(`these tests make network namespaces and must run as root: ${stderr}`);
});

afterAll(() => {
  execFileSync("ip", ["netns", "delete", name]);
});

/** Requests and replies written by hand: struct nlmsghdr of linux/netlink.h, ifinfomsg of linux/rtnetlink.h. */
const messages = `
  function request(type, flags, payload) {
    const bytes = new Uint8Array(16 + payload.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, bytes.length, true);
    view.setUint16(4, type, true);
    view.setUint16(6, flags, true);
    view.setUint32(8, 77, true);
    bytes.set(payload, 16);
    return bytes;
  }
  function parts(datagram) {
    const view = new DataView(datagram.buffer);
    const list = [];
    for (let at = 0; at < datagram.length; at += (view.getUint32(at, true) + 3) & ~3) {
      list.push({ type: view.getUint16(at + 4, true), flags: view.getUint16(at + 6, true), sequence: view.getUint32(at + 8, true), error: view.getInt32(at + 16, true) });
    }
    return list;
  }
  // Options for buffers of any size, asm-generic/socket.h.
  const SOL_SOCKET = 1, SEND_BUFFER = 32, RECEIVE_BUFFER = 33;
  const RTM_NEWLINK = 16, RTM_GETLINK = 18, NLM_F_REQUEST = 1, NLM_F_ACK = 4, NLM_F_DUMP = 0x300, NLMSG_ERROR = 2, NLMSG_DONE = 3;
  const soon = () => host.monotonic() + 120000;
  host.setns(linux.openNamespace("/run/netns/${name}"), 0x40000000);
  const fd = linux.netlinkSocket(0);
  const receive = () => host.netlinkReceive(fd, soon());`;

test("a dump comes in parts, each a datagram, up to its end", () => {
  const body = `${messages}
    host.send(fd, request(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, new Uint8Array(16)), 0);
    const all = [];
    while (all.length === 0 || all[all.length - 1].type !== NLMSG_DONE) all.push(...receive().flatMap(parts));
    return all.map(({ type, sequence }) => [type, sequence]);`;
  const all = evaluate(body) as [number, number][];
  expect(all.at(-1)).toEqual([3, 77]);
  expect(all.slice(0, -1).length).toBeGreaterThan(0);
  expect(all.slice(0, -1).every(([type, sequence]) => type === 16 && sequence === 77)).toBe(true);
});

test("several requests in one send are answered one by one, errors with an explanation", () => {
  const body = `${messages}
    const loopback = new Uint8Array(16), invalid = new Uint8Array(16);
    loopback[4] = 1;
    // ifi_type has no meaning in a request, and the strict check refuses it.
    invalid[2] = 1;
    const a = request(RTM_GETLINK, NLM_F_REQUEST, loopback), b = request(RTM_GETLINK, NLM_F_REQUEST, invalid);
    const both = new Uint8Array(a.length + b.length);
    both.set(a);
    both.set(b, a.length);
    host.send(fd, both, 0);
    const answers = [];
    while (answers.length < 2) answers.push(...receive().flatMap(parts));
    return answers;`;
  const [found, refused] = evaluate(body) as { type: number; flags: number; error: number }[];
  expect(found?.type).toBe(16);
  expect(refused).toMatchObject({ type: 2, error: -22 });
  // NLM_F_ACK_TLVS: there is text.
  expect(refused?.flags).toBe(0x200);
});

describe("one call", () => {
  /** A refused request: the kernel's answer contains the whole request. */
  const refused = `const refused = (length) => {
    const header = new Uint8Array(length);
    header[2] = 1;
    return request(RTM_GETLINK, NLM_F_REQUEST, header);
  };`;

  test("returns up to 64 pending datagrams, of the kernel only", () => {
    const body = `${messages} ${refused}
      const port = probe.netlinkPort(fd);
      for (let i = 0; i < 70; i++) host.send(fd, refused(16), 0);
      probe.netlinkSendTo(linux.netlinkSocket(0), port, request(RTM_NEWLINK, 0, new Uint8Array(16)));
      return [1, 2].map(() => host.netlinkReceive(fd, soon()).length);`;
    expect(evaluate(body)).toEqual([64, 6]);
  });

  test("refuses a datagram of more than 256 KiB", () => {
    const body = `${messages} ${refused}
      for (const option of [SEND_BUFFER, RECEIVE_BUFFER]) host.setsockopt(fd, SOL_SOCKET, option, 1 << 20, []);
      const answerTo = (length) => { host.send(fd, refused(length), 0); return host.netlinkReceive(fd, soon())[0].length; };`;
    expect(evaluate(`${body} return answerTo(200000) > 200000;`)).toBe(true);
    expect(failure(`${body} answerTo(270000);`)).toMatchObject({ code: "EMSGSIZE" });
  });
});

test("the deadline ends a wait without data", () => {
  const body = `${messages} const begin = host.monotonic(); try { host.netlinkReceive(fd, begin + 100); } catch (error) { return [error.code, host.monotonic() - begin]; }`;
  const [code, took] = evaluate(body) as [string, number];
  expect(code).toBe("ETIMEDOUT");
  expect(took).toBeGreaterThanOrEqual(100);
  expect(took).toBeLessThan(20_000);
  expect(failure(`${messages} host.netlinkReceive(fd, 0);`)).toMatchObject({ code: "ETIMEDOUT" });
});

describe("a socket for events", () => {
  // A separate network namespace: other tests need the loopback device of this machine.
  const separate = { under: ["unshare", "--net"] };

  test("receives the events of its groups", () => {
    // RTMGRP_LINK is 1.
    const body = `${messages}
      const events = linux.netlinkEvents(0, 1);
      const child = linux.ChildProcess.start({ path: input, environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], stdin: "", inherit: [] });
      const [event] = parts(host.netlinkReceive(events, soon())[0]);
      return [event, child.wait(soon(), 1000).status];`;
    const path = shellScript("ip link set lo up && ip link set lo down");
    expect(evaluate(body, path, separate)).toEqual([expect.objectContaining({ type: 16, sequence: 0 }), 0]);
  });

  test("receives no events of other groups", () => {
    // RTMGRP_IPV6_IFADDR is 0x100.
    const body = `
      const events = linux.netlinkEvents(0, 0x100);
      const child = linux.ChildProcess.start({ path: input, environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], stdin: "", inherit: [] });
      child.wait(host.monotonic() + 120000, 1000);
      host.netlinkReceive(events, host.monotonic() + 20);`;
    const path = shellScript("ip link add d0 type dummy && ip link del d0 || exit 0");
    expect(failure(body, path)).toMatchObject({ code: "ETIMEDOUT" });
  });

  test("reports lost events", () => {
    const batch = freshPath("batch");
    writeFileSync(batch, "link set lo up\nlink set lo down\n".repeat(1000));
    const body = `
      const events = linux.netlinkEvents(0, 1);
      const child = linux.ChildProcess.start({ path: input, environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], stdin: "", inherit: [] });
      child.wait(host.monotonic() + 120000, 1000);
      for (let i = 0; i < 4000; i++) host.netlinkReceive(events, 0);`;
    expect(failure(body, shellScript(`ip -batch ${batch}`), separate)).toMatchObject({
      code: "ENOBUFS",
      call: "recvmmsg",
    });
  });
});

test("a netdev with 290 alternative names of 126 bytes: read, listed, its events, and the names removed", () => {
  const body = `
    const namespaces = new linux.LinuxNamespaces();
    const links = new linux.LinuxLinks(namespaces, undefined, new linux.Waits());
    const { host: here } = namespaces;
    const names = Array.from({ length: 290 }, (_, i) => String(i).padEnd(126, "x"));
    // The kernel reports new names only of a netdev that is up.
    links.set(here, 1, { up: true });
    const watch = links.watch(here, "links");
    watch.wait(0);
    links.addAltnames(here, 1, names);
    watch.wait(host.monotonic() + 120000);
    const found = links.byName(here, "lo").altnames;
    const listed = here.rtnetlink.dump(linux.dumpLinks(), linux.parseLink).map(({ altnames }) => altnames.length);
    links.removeAltnames(here, 1, found);
    watch.wait(host.monotonic() + 120000);
    return { found: found.length, listed, left: links.byIndex(here, 1).altnames };`;
  const separate = { under: ["unshare", "--net"] };
  expect(evaluate(body, null, separate)).toEqual({ found: 290, listed: [290], left: [] });
});

test("datagrams of other processes are skipped", () => {
  const body = `${messages}
    const stranger = linux.netlinkSocket(0);
    probe.netlinkSendTo(stranger, probe.netlinkPort(fd), request(RTM_NEWLINK, 0, new Uint8Array(16)));
    host.netlinkReceive(fd, host.monotonic() + 50);`;
  expect(failure(body)).toMatchObject({ code: "ETIMEDOUT" });
});

test("datagrams of other processes do not delay a call beyond its deadline", () => {
  const trace = freshPath("trace");
  const sent = 60;
  // All of them are there before; each receive takes 20 ms, so the deadline comes after a few of them.
  const under = [
    "strace",
    "-qq",
    "-o",
    trace,
    "-e",
    "trace=recvmmsg",
    "-e",
    "inject=recvmmsg:delay_exit=20000",
  ];
  const body = `${messages}
    const stranger = linux.netlinkSocket(0);
    const port = probe.netlinkPort(fd);
    for (let i = 0; i < ${sent}; i++)
      probe.netlinkSendTo(stranger, port, request(RTM_NEWLINK, 0, new Uint8Array(16)));
    host.netlinkReceive(fd, host.monotonic() + 100);`;
  const env = { ASAN_OPTIONS: "detect_leaks=0" };
  expect(failure(body, null, { under, env })).toMatchObject({ code: "ETIMEDOUT" });
  const received = readFileSync(trace, "utf8").split("\n").length - 1;
  expect(received).toBeGreaterThan(0);
  expect(received).toBeLessThan(sent / 2);
});

test("invalid protocols and sockets", () => {
  expect(failure("linux.netlinkSocket(200);").code).toMatch(/^EPROTONOSUPPORT$|^EINVAL$/);
  expect(failure("host.send(linux.openNamespace('/dev/null'), new Uint8Array(16), 0);")).toMatchObject({
    code: "ENOTSOCK",
  });
  expect(failure("host.send(0, 'text', 0);")).toMatchObject({ name: "TypeError" });
  expect(evaluate("return linux.netlinkSocket(16) > 2;")).toBe(true);
  // Options that an old kernel does not have are skipped.
  const old = withFailing("setsockopt", "ENOPROTOOPT");
  expect(evaluate("return linux.netlinkSocket(0) > 2;", null, old)).toBe(true);
  const broken = withFailing("setsockopt", "ENOMEM");
  expect(failure("linux.netlinkSocket(0);", null, broken)).toMatchObject({
    code: "ENOMEM",
    call: "setsockopt",
  });
});

test("attributes of a fixed length are views of exactly so many bytes, and are refused if they have another length", () => {
  const bytes = [12, 0, 6, 0, 1, 2, 3, 4, 5, 6, 7, 8];
  const read = (how: number) =>
    evaluate(`
      const [value, missing] =
        host.netlinkAttributes(Uint8Array.of(${bytes}), 0, Uint8Array.of(6, ${how}, 7, 16)) ?? ["refused"];
      return typeof value === "string" ? value : [[...value], missing === undefined];`);
  expect(read(8)).toEqual([bytes.slice(4), true]);
  expect(read(0)).toEqual([bytes.slice(4), true]);
  for (const how of [4, 5, 7, 9, 254]) expect(read(how)).toBe("refused");
});
