import { beforeEach, describe, expect, it, vi } from "vitest";
import { LinuxNamespaces } from "../../../../src/linux/network/namespaces.ts";
import { LinuxRdmaDevices } from "../../../../src/linux/network/rdma-devices.ts";
import { Waits } from "../../../../src/linux/waits.ts";
import { u32At } from "../../../../src/netlink/attributes.ts";
import { parseMessages } from "../../../../src/netlink/message.ts";
import { attributesIn, findAttribute } from "../../../support/attributes.ts";
import { ack } from "../../netlink/fake-transport.ts";
import { vector } from "../../vectors/vectors.ts";
import { calls } from "../fake-kernel.ts";
import { deliver, machine, NET, NSFS, openDescriptors, resetMachine } from "../machine.ts";

vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  ...(await import("../fake-host.ts")),
}));

const MODE = "/sys/module/ib_core/parameters/netns_mode";
let namespaces: LinuxNamespaces;
let rdma: LinuxRdmaDevices;

beforeEach(() => {
  resetMachine();
  machine.namespaces.set("/pod", { name: "pod", magic: NSFS, type: NET });
  namespaces = new LinuxNamespaces();
  rdma = new LinuxRdmaDevices(namespaces, new Waits());
});

describe("the namespace mode", () => {
  it.each([
    ["Y\n", false],
    ["N\n", true],
  ])("that ib_core shows as %j: exclusive is %s", (text, expected) => {
    machine.files.set(MODE, text);
    expect(rdma.isExclusive()).toBe(expected);
    expect(machine.calls).toHaveLength(1);
  });

  it("is shared if the kernel has no modes, and unknown if it cannot be read", () => {
    expect(rdma.isExclusive()).toBe(false);
    machine.faults.set("readFile", "EACCES");
    expect(() => rdma.isExclusive()).toThrow(expect.objectContaining({ code: "EACCES" }));
  });
});

describe("RDMA devices", () => {
  it("are listed, moved and renamed in their namespace, by one socket of protocol 20 in each", () => {
    const pod = namespaces.open("/pod");
    const sent: [string, number, number | undefined][] = [];
    machine.answer = (where, datagram) => {
      const [request] = parseMessages(datagram);
      if (request === undefined) throw new Error("nothing was sent");
      const fd = findAttribute(attributesIn(request.payload), 68);
      sent.push([where, request.type, fd === undefined ? undefined : u32At(fd, 0)]);
      return request.type === 0x1401 ? [...vector("rdma-devices").received] : [ack(request.sequence)];
    };
    expect(rdma.devices(namespaces.host).map(({ name }) => name)).toContain("mlx5_3");
    rdma.move(namespaces.host, 3, pod);
    rdma.rename(pod, 3, "rail0");
    rdma.move(pod, 3, namespaces.host);
    const fdOf = (what: string) => [...machine.descriptors].find(([, each]) => each.what === what)?.[0];
    expect(sent).toEqual([
      ["host", 0x1401, undefined],
      ["host", 0x1402, fdOf("/pod")],
      ["pod", 0x1402, undefined],
      ["pod", 0x1402, fdOf("/proc/thread-self/ns/net")],
    ]);
    expect(calls("socket")).toEqual(["socket 20", "socket 20"]);
    // The thread must be in the device's namespace while it moves the device, and only then.
    expect(machine.calls.slice(-4)).toEqual(["setns pod", "send pod", "receive pod", "setns host"]);
    expect(machine.inside).toBe("host");
  });

  it("show the domains of IPoIB, unless the device does not exist or the kernel does not report them", () => {
    machine.answer = () => [...vector("rdma-domains").received];
    expect(rdma.ipoibUse(namespaces.host, 2)).toEqual({ device: "mlx5_2", netdevs: 3 });
    resetMachine();
    namespaces = new LinuxNamespaces();
    rdma = new LinuxRdmaDevices(namespaces, new Waits());
    machine.answer = () => [...vector("rdma-domains-of-none").received];
    expect(rdma.ipoibUse(namespaces.host, 4711)).toBeUndefined();
  });

  it("are watched through the kernel's events, on a socket that is closed with the watch", () => {
    const watch = rdma.watch();
    watch.wait(machine.now + 1000);
    expect(calls("socket")).toEqual(["socket 15"]);
    expect(calls("bind")).toEqual(["bind 1"]);
    deliver(Uint8Array.of(1));
    watch.wait(machine.now + 1000);
    watch.close();
    expect(openDescriptors()).toEqual([]);
  });
});
