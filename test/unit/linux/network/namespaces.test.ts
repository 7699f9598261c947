import { beforeEach, describe, expect, it, vi } from "vitest";
import { asLinuxNamespace } from "../../../../src/linux/network/namespace.ts";
import { LinuxNamespaces } from "../../../../src/linux/network/namespaces.ts";
import { NamespaceError } from "../../../../src/node/namespaces.ts";
import { machine, NET, NSFS, openDescriptors, resetMachine } from "../machine.ts";

vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  ...(await import("../fake-host.ts")),
}));

const POD = "/run/netns/pod";
let namespaces: LinuxNamespaces;

beforeEach(() => {
  resetMachine();
  machine.namespaces.set(POD, { name: "pod", magic: NSFS, type: NET });
  namespaces = new LinuxNamespaces();
});

describe("closing a namespace", () => {
  it("closes its descriptor and its sockets, those that were opened", () => {
    asLinuxNamespace(namespaces.open(POD)).close();
    const used = asLinuxNamespace(namespaces.open(POD));
    expect([used.rtnetlink, used.rdmaNetlink]).toHaveLength(2);
    expect(openDescriptors().filter((each) => each.endsWith("in pod"))).toHaveLength(3);
    used.close();
    expect(openDescriptors().filter((each) => each.endsWith("in pod"))).toEqual([]);
  });
});

describe("opening a namespace", () => {
  it("examines the file before and after opening it", () => {
    expect(namespaces.open(POD).path).toBe(POD);
    expect(machine.calls).toEqual([`statfs ${POD}`, `open ${POD}`, `NS_GET_NSTYPE ${POD}`]);
  });

  it("accepts a namespace of a kernel that has it on procfs", () => {
    machine.namespaces.set("/proc/7/ns/net", { name: "old", magic: 0x9fa0, type: NET });
    expect(namespaces.open("/proc/7/ns/net").path).toBe("/proc/7/ns/net");
  });

  it.each(["ENOENT", "ENOTDIR", "ESRCH", "ELOOP", "ENAMETOOLONG"])(
    "reports a missing file (%s) as gone",
    (errno) => {
      machine.faults.set("statfs", errno);
      expect(() => namespaces.open(POD)).toThrow(
        expect.objectContaining({ name: "NamespaceError", reason: "gone", path: POD }),
      );
      machine.faults.clear();
      machine.faults.set("open", errno);
      expect(() => namespaces.open(POD)).toThrow(expect.objectContaining({ reason: "gone" }));
    },
  );

  it("reports a path that no file can have as gone", () => {
    machine.faults.set("statfs", "EINVAL");
    expect(() => namespaces.open("/run/netns/\0")).toThrow(
      expect.objectContaining({ name: "NamespaceError", reason: "gone" }),
    );
    expect(() => namespaces.open(POD)).toThrow(expect.objectContaining({ code: "EINVAL" }));
  });

  it("does not report a file that may not be examined as gone", () => {
    machine.faults.set("statfs", "EACCES");
    expect(() => namespaces.open(POD)).toThrow(expect.objectContaining({ code: "EACCES" }));
  });

  it.each([
    ["a plain file", 0xef53, 0, 'unknown FS magic on "/run/netns/pod": ef53'],
    ["another file of procfs", 0x9fa0, 0, "not a network namespace"],
    ["a namespace of another kind", NSFS, 0x20000000, "not a network namespace"],
  ])("refuses %s, and keeps no descriptor open", (_, magic, type, message) => {
    machine.namespaces.set(POD, { name: "x", magic, type });
    expect(() => namespaces.open(POD)).toThrow(NamespaceError);
    expect(() => namespaces.open(POD)).toThrow(
      expect.objectContaining({ reason: "other", message: expect.stringContaining(message) }),
    );
    expect(openDescriptors()).toEqual([]);
  });
});

describe("cookies", () => {
  it("are those of a socket in the namespace, requested once", () => {
    const pod = namespaces.open(POD);
    expect([pod.cookie, pod.cookie, namespaces.host.cookie]).toEqual([
      "cookie of pod",
      "cookie of pod",
      "cookie of host",
    ]);
    expect(machine.calls.filter((call) => call.startsWith("cookie"))).toHaveLength(2);
    expect(machine.inside).toBe("host");
  });

  it("are device and inode if the kernel has no cookies", () => {
    machine.cookies = false;
    expect(namespaces.open(POD).cookie).toBe("4:4026532008");
  });

  it("share their socket with the requests", () => {
    const pod = namespaces.open(POD);
    const { rtnetlink } = asLinuxNamespace(pod);
    expect(pod.cookie).toBe("cookie of pod");
    expect(asLinuxNamespace(pod).rtnetlink).toBe(rtnetlink);
    expect(machine.calls.filter((call) => call.startsWith("socket"))).toHaveLength(1);
  });
});

describe("the thread", () => {
  it("makes a pod's socket in the pod and returns, by a descriptor that was opened first", () => {
    asLinuxNamespace(namespaces.open(POD)).events(0, 1);
    expect(machine.calls.slice(3)).toEqual([
      "open /proc/thread-self/ns/net",
      "setns pod",
      "socket 0",
      "bind 1",
      "setns host",
    ]);
  });

  it("does not enter the host's namespace", () => {
    asLinuxNamespace(namespaces.host).events(0, 1);
    machine.files.set("/proc/sys/net/ipv6/conf/ib0/disable_ipv6", "0\n");
    expect(namespaces.setting(namespaces.host, "ipv6/conf/ib0/disable_ipv6")).toBe("0");
    expect(machine.calls).toEqual([
      "socket 0",
      "bind 1",
      "readFile /proc/sys/net/ipv6/conf/ib0/disable_ipv6",
    ]);
  });

  it("returns if its action there fails", () => {
    machine.faults.set("readFile", "EIO");
    expect(() => namespaces.setting(namespaces.open(POD), "ipv4/ip_forward")).toThrow(
      expect.objectContaining({ code: "EIO" }),
    );
    expect(machine.inside).toBe("host");
  });

  it("stays in its namespace if it cannot enter the other", () => {
    const pod = namespaces.open(POD);
    machine.faults.set("setns pod", "EPERM");
    expect(() => namespaces.set(pod, "ipv4/ip_forward", "1")).toThrow(
      expect.objectContaining({ code: "EPERM" }),
    );
    expect(machine.calls.at(-1)).toBe("setns pod");
  });

  it("that cannot return makes every later call fail", () => {
    const pod = namespaces.open(POD);
    machine.faults.set("setns host", "EPERM");
    const stuck = /stuck in a container's network namespace/;
    expect(() => namespaces.setting(pod, "ipv4/ip_forward")).toThrow(stuck);
    machine.faults.clear();
    expect(() => asLinuxNamespace(namespaces.host).events(0, 1)).toThrow(stuck);
    expect(() => namespaces.set(pod, "ipv4/ip_forward", "1")).toThrow(stuck);
    expect(() => namespaces.assertHome()).toThrow(stuck);
  });
});

describe("settings", () => {
  it("are those of the namespace", () => {
    const key = "ipv6/conf/net1/disable_ipv6";
    machine.files.set(`host:/proc/sys/net/${key}`, "1\n");
    machine.files.set(`pod:/proc/sys/net/${key}`, "0\n");
    const pod = namespaces.open(POD);
    expect([namespaces.setting(pod, key), namespaces.setting(namespaces.host, key)]).toEqual(["0", "1"]);
    const written: string[] = [];
    machine.onWrite = (path, text) => written.push(`${machine.inside} ${path} ${text}`);
    namespaces.set(pod, key, "1");
    expect(written).toEqual([`pod /proc/sys/net/${key} 1`]);
    expect(machine.inside).toBe("host");
  });

  it("that do not exist are `undefined` to read, and an error to write", () => {
    const pod = namespaces.open(POD);
    expect(namespaces.setting(pod, "ipv6/conf/net1/accept_dad")).toBeUndefined();
    machine.faults.set("writeFile", "ENOENT");
    expect(() => namespaces.set(pod, "ipv6/conf/net1/accept_dad", "1")).toThrow(
      expect.objectContaining({ code: "ENOENT" }),
    );
  });

  it.each(["../kernel/hostname", "ipv4/../../kernel/hostname", "/ipv4", "", "ipv4//x", "."])(
    "are not found outside of /proc/sys/net: %j",
    (key) => {
      expect(() => namespaces.setting(namespaces.host, key)).toThrow(RangeError);
      expect(() => namespaces.set(namespaces.host, key, "1")).toThrow(RangeError);
      expect(machine.calls).toEqual([]);
    },
  );
});

it("a namespace object that was not opened here is refused", () => {
  expect(() => asLinuxNamespace({ path: "/x", cookie: "1" })).toThrow(TypeError);
});

describe("the processes in a namespace", () => {
  const INODE = "4026532008";
  const HOST = "4026531840";

  /** Makes threads, by process: the inode of the namespace of each; `undefined` for a thread that has ended. */
  const threads = (processes: Readonly<Record<string, readonly (string | undefined)[]>>) => {
    machine.directories.set("/proc", ["self", "sys", ...Object.keys(processes)]);
    for (const [pid, inodes] of Object.entries(processes)) {
      const ids = inodes.map((_, at) => String(Number(pid) + at));
      machine.directories.set(`/proc/${pid}/task`, ids);
      machine.files.set(`/proc/${pid}/comm`, "trainer\n");
      for (const [at, inode] of inodes.entries()) {
        const file = `/proc/${pid}/task/${ids[at]}/ns/net`;
        if (inode !== undefined) machine.inodes.set(file, inode);
        if (inode !== HOST) machine.namespaces.set(file, { name: `ns ${inode}`, magic: NSFS, type: NET });
      }
    }
    return namespaces.open(POD);
  };

  beforeEach(() => {
    machine.inodes.set("/proc/thread-self/ns/pid", "4026531836");
  });

  it.each([
    ["the only thread of a process", { "1": [HOST], "7": [INODE] }, true],
    ["a thread that is not the main one", { "1": [HOST], "7": [HOST, HOST, INODE] }, true],
    ["no thread", { "1": [HOST], "7": [HOST, "4026532009"] }, false],
    ["no thread, and a process ended in between", { "1": [HOST], "7": [undefined] }, false],
  ])("are found by each of their threads: %s", (_, processes, expected) => {
    const pod = threads(processes);
    expect(namespaces.inhabited(pod)).toBe(expected);
  });

  it("are found by the namespace's cookie, without its path; each namespace is opened once, and closed", () => {
    // The double's fstat reports this inode of the host's namespace, too.
    threads({ "1": [INODE], "7": ["5", INODE], "20": ["5", "6"], "30": ["6"] });
    expect(namespaces.processIn("cookie of ns 6")).toEqual({ pid: 20, command: "trainer" });
    expect(machine.calls.filter((call) => /^open .*\/ns\/net$/.test(call))).toEqual([
      "open /proc/thread-self/ns/net",
      "open /proc/7/task/7/ns/net",
      "open /proc/20/task/21/ns/net",
    ]);
    expect(openDescriptors().filter((each) => each.includes("task"))).toEqual([]);
    expect(namespaces.processIn("cookie of ns 7")).toBeUndefined();
  });

  it("are unknown in a PID namespace that does not show the node's processes", () => {
    machine.inodes.set("/proc/thread-self/ns/pid", "4026532500");
    expect(namespaces.inhabited(threads({ "1": [HOST] }))).toBe(true);
  });

  it("are unknown if a process may not be examined", () => {
    const pod = threads({ "7": [INODE] });
    machine.faults.set("stat /proc/7/", "EACCES");
    expect(() => namespaces.inhabited(pod)).toThrow(expect.objectContaining({ code: "EACCES" }));
  });
});
