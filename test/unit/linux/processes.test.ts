import { beforeEach, describe, expect, it, vi } from "vitest";
import { LinuxClock } from "../../../src/linux/clock.ts";
import { LinuxNamespaces } from "../../../src/linux/network/namespaces.ts";
import { LinuxProcesses } from "../../../src/linux/processes.ts";
import { Waits } from "../../../src/linux/waits.ts";
import { children } from "./fake-child-process.ts";
import { machine, NET, NSFS, resetMachine } from "./machine.ts";

vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  ...(await import("./fake-host.ts")),
}));
vi.mock("../../../src/linux/child-process.ts", () => import("./fake-child-process.ts"));

const command = {
  path: "/opt/cni/bin/host-local",
  environment: [],
  stdin: "{}",
  inherit: [9],
  deadline: Number.POSITIVE_INFINITY,
};
const ended = { status: 0, signal: 0, stdout: "{}", stderr: "" };
let namespaces: LinuxNamespaces;
let waits: Waits;
let processes: LinuxProcesses;

beforeEach(() => {
  resetMachine();
  children.starts = [];
  children.ends = [];
  namespaces = new LinuxNamespaces();
  waits = new Waits();
  processes = new LinuxProcesses(namespaces, waits);
});

describe("a child", () => {
  it("is started, waited for with a limit for its output, and killed", () => {
    const child = processes.start(command);
    children.ends = [ended];
    expect(child.wait(5000)).toEqual(ended);
    child.kill();
    expect(machine.calls).toEqual([`spawn ${command.path}`, "wait 5000 1048576", "kill "]);
  });

  it("can be waited for again after a deadline", () => {
    const child = processes.start(command);
    children.ends = ["ETIMEDOUT", ended];
    expect(() => child.wait(5000)).toThrow(
      expect.objectContaining({
        name: "TimeoutError",
        message: `timed out waiting for ${command.path} to exit`,
      }),
    );
    expect(child.wait(6000)).toEqual(ended);
  });

  it("that prints too much is a separate error", () => {
    children.ends = ["EFBIG"];
    expect(() => processes.start(command).wait(5000)).toThrow(expect.objectContaining({ code: "EFBIG" }));
    children.ends = [ended];
    expect(processes.start(command).wait(5000, "dropped")).toEqual(ended);
    expect(machine.calls.at(-1)).toBe("wait 5000 1048576 dropped");
  });

  it("is tried again while its executable is being written, for 5 s at most", () => {
    children.starts = ["ETXTBSY", "ETXTBSY"];
    processes.start(command);
    expect(machine.now).toBe(1200);
    children.starts = new Array(1000).fill("ETXTBSY");
    expect(() => processes.start(command)).toThrow(expect.objectContaining({ code: "ETXTBSY" }));
    expect(machine.now).toBe(6200);
  });

  it("is tried again until the deadline, if that comes before", () => {
    children.starts = new Array(1000).fill("ETXTBSY");
    expect(() => processes.start({ ...command, deadline: 1_350 })).toThrow(
      expect.objectContaining({ code: "ETXTBSY" }),
    );
    expect(machine.now).toBe(1_400);
  });

  it("that does not exist is not tried again", () => {
    children.starts = ["ENOENT"];
    expect(() => processes.start(command)).toThrow(expect.objectContaining({ code: "ENOENT" }));
    expect(machine.now).toBe(1000);
  });

  it("is not started from a container's network namespace", () => {
    machine.namespaces.set("/pod", { name: "pod", magic: NSFS, type: NET });
    const pod = namespaces.open("/pod");
    machine.faults.set("setns host", "EPERM");
    expect(() => namespaces.setting(pod, "ipv4/ip_forward")).toThrow();
    machine.calls.length = 0;
    expect(() => processes.start(command)).toThrow(/stuck/);
    expect(machine.calls).toEqual([]);
  });

  it("gets the environment that its caller derives from the plugin's", () => {
    expect(processes.environment()).toEqual(["PATH=/bin"]);
  });
});

describe("the clock", () => {
  it("provides times, boot and pid, the last with one call", () => {
    machine.files.set("/proc/sys/kernel/random/boot_id", "2f6c0a4e-0000-0000-0000-000000000000\n");
    const clock = new LinuxClock(waits);
    expect(clock.bootId()).toBe("2f6c0a4e-0000-0000-0000-000000000000");
    expect([clock.now(), clock.wall(), clock.pid, clock.pid]).toEqual([1000, 1_700_000_000_000, 4321, 4321]);
    expect(machine.calls.filter((call) => call.startsWith("getpid"))).toHaveLength(1);
  });

  it("throws between steps after a signal, unless signals are ignored", () => {
    const clock = new LinuxClock(waits);
    clock.checkInterrupted();
    machine.signal = "SIGTERM";
    expect(() => clock.checkInterrupted()).toThrow(
      expect.objectContaining({ name: "InterruptedError", message: "stopped by SIGTERM" }),
    );
    const child = processes.start(command);
    children.ends = ["EINTR"];
    expect(() => child.wait(5000)).toThrow(expect.objectContaining({ name: "InterruptedError" }));
    clock.ignoreInterrupts();
    clock.checkInterrupted();
    children.ends = ["EINTR", ended];
    expect(child.wait(5000)).toEqual(ended);
  });
});

describe("the processes of the machine", () => {
  /** Makes a process whose threads have device files open, by the numbers of the files. */
  const open = (pid: string, ...threads: readonly (readonly string[])[]) => {
    machine.directories.set("/proc", [...(machine.directories.get("/proc") ?? ["self"]), pid]);
    machine.directories.set(
      `/proc/${pid}/task`,
      threads.map((_, at) => String(Number(pid) + at)),
    );
    machine.files.set(`/proc/${pid}/comm`, "trainer\n");
    for (const [at, numbers] of threads.entries())
      for (const directory of [
        `/proc/${pid}/task/${Number(pid) + at}`,
        ...(at === 0 ? [`/proc/${pid}`] : []),
      ]) {
        machine.directories.set(
          `${directory}/fd`,
          ["0", ...numbers.map((_, fd) => String(fd + 3))].slice(numbers.length > 0 ? 0 : 1),
        );
        machine.links.set(`${directory}/fd/0`, "/dev/null, say");
        for (const [fd, number] of numbers.entries())
          machine.links.set(`${directory}/fd/${fd + 3}`, `device ${number}`);
      }
  };

  it("that have device files open are found by the numbers of the files", () => {
    open("1", []);
    open("70", ["231:193", "10:1", "231:193"]);
    open("90", ["510:4"]);
    expect(processes.openersOf(["231:193", "510:4", "231:1"])).toEqual([
      { pid: 70, command: "trainer", number: "231:193" },
      { pid: 90, command: "trainer", number: "510:4" },
    ]);
  });

  it("are found by another thread if the main one has ended", () => {
    open("70", [], ["231:193"]);
    expect(processes.openersOf(["231:193"])).toMatchObject([{ pid: 70 }]);
  });

  it("are not read for an empty list; a process that may not be examined is an error", () => {
    open("70", ["231:193"]);
    machine.faults.set("deviceNumber /proc/70/fd", "EACCES");
    expect(processes.openersOf([])).toEqual([]);
    expect(() => processes.openersOf(["231:193"])).toThrow(expect.objectContaining({ code: "EACCES" }));
  });

  it.each([
    ["4026531836", true],
    ["4026532500", false],
  ])("are all seen in PID namespace %s: %s", (inode, expected) => {
    machine.inodes.set("/proc/thread-self/ns/pid", inode);
    expect(processes.seesAll()).toBe(expected);
  });
});
