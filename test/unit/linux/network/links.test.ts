import { beforeEach, describe, expect, it, vi } from "vitest";
import { LinuxLinks } from "../../../../src/linux/network/links.ts";
import { LinuxNamespaces } from "../../../../src/linux/network/namespaces.ts";
import { LinuxPciFunctions } from "../../../../src/linux/pci/pci-functions.ts";
import { Waits } from "../../../../src/linux/waits.ts";
import {
  bytesAttribute,
  encodeAttributes,
  u32Attribute,
  viewOf,
} from "../../../../src/netlink/attributes.ts";
import { parseMessages } from "../../../../src/netlink/message.ts";
import type { Namespace } from "../../../../src/node/namespaces.ts";
import { concat } from "../../../support/attributes.ts";
import { ack, done, message } from "../../netlink/fake-transport.ts";
import { vector } from "../../vectors/vectors.ts";
import { answer, calls, kernel } from "../fake-kernel.ts";
import { machine, NET, NSFS, openDescriptors, resetMachine } from "../machine.ts";

vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  ...(await import("../fake-host.ts")),
}));

const POD = "/run/netns/pod";
const VF = "0000:01:10.0";
const net = `/sys/bus/pci/devices/${VF}/net`;
let namespaces: LinuxNamespaces;
let links: LinuxLinks;
let pod: Namespace;

beforeEach(() => {
  resetMachine();
  machine.namespaces.set(POD, { name: "pod", magic: NSFS, type: NET });
  machine.answer = answer;
  kernel.host = [
    { index: 2, name: "ib0", pci: "0000:01:00.0" },
    { index: 3, name: "ib1", pci: VF },
  ];
  kernel.pod = [{ index: 1, name: "lo" }];
  namespaces = new LinuxNamespaces();
  links = new LinuxLinks(namespaces, new LinuxPciFunctions(), new Waits());
  pod = namespaces.open(POD);
});

describe("looking a netdev up", () => {
  it("sends its request in the given namespace, through a socket that is made once", () => {
    kernel.pod.push({ index: 2, name: "net1", pci: VF });
    expect(links.byIndex(pod, 2)?.name).toBe("net1");
    expect(links.byIndex(namespaces.host, 2)?.name).toBe("ib0");
    expect(links.byName(pod, "net1")).toMatchObject({ index: 2, pci: VF, child: false });
    expect(calls("socket")).toHaveLength(2);
    expect(openDescriptors().filter((one) => one.startsWith("netlink"))).toEqual([
      "netlink in pod",
      "netlink in host",
    ]);
  });

  it("returns `undefined` for a missing netdev, and fails if the kernel fails", () => {
    expect(links.byName(namespaces.host, "net9")).toBeUndefined();
    machine.answer = () => [ack(2, 1)];
    expect(() => links.byIndex(namespaces.host, 9)).toThrow(expect.objectContaining({ code: "EPERM" }));
  });

  it("decodes a real kernel's answer", () => {
    const [reply] = vector("link-events").received.slice(-1);
    machine.answer = (_, datagram) => {
      const copy = (reply as Uint8Array).slice();
      viewOf(copy).setUint32(8, parseMessages(datagram)[0]?.sequence ?? 0, true);
      return [copy];
    };
    expect(links.byName(namespaces.host, "net1")).toMatchObject({
      index: 3,
      name: "net1",
      altnames: ["an-alternative-name-of-vf0"],
      mtu: 1500,
      up: true,
      carrier: true,
      operstate: 6,
      pci: VF,
      child: false,
    });
  });

  it("gives the kernel 10 s to answer", () => {
    machine.answer = () => [];
    expect(() => links.byIndex(namespaces.host, 2)).toThrow(
      expect.objectContaining({ name: "TimeoutError" }),
    );
    expect(machine.now).toBe(11_000);
  });

  it("continues after a signal, because its caller must know the result", () => {
    machine.answer = (_, datagram) => ["EINTR", ...answer("host", datagram)];
    expect(links.byIndex(namespaces.host, 2)?.name).toBe("ib0");
  });
});

describe("the netdevs of a PCI function on the host", () => {
  it("are those that sysfs names, in one send, without a request for others", () => {
    machine.directories.set(net, ["ib1", "ib1.8001"]);
    kernel.host.push({ index: 9, name: "ib1.8001", pci: VF });
    expect(links.ofFunction(namespaces.host, VF).map(({ index }) => index)).toEqual([3, 9]);
    expect(calls("send")).toHaveLength(1);
  });

  it("are empty, without a request to the kernel, if sysfs names no netdev", () => {
    expect(links.ofFunction(namespaces.host, VF)).toEqual([]);
    expect(calls("socket")).toEqual([]);
  });

  it("are searched again if udev renames a netdev between sysfs and the request", () => {
    machine.directories.set(net, ["ib0"]);
    kernel.host = [{ index: 3, name: "ibp1s0f0v0", pci: VF }];
    machine.answer = (to, datagram) => {
      machine.directories.set(net, ["ibp1s0f0v0"]);
      return answer(to, datagram);
    };
    expect(links.ofFunction(namespaces.host, VF).map(({ name }) => name)).toEqual(["ibp1s0f0v0"]);
  });

  it("do not include another function's netdev that has got the name in between", () => {
    machine.directories.set(net, ["ib0"]);
    machine.answer = (to, datagram) => {
      machine.directories.set(net, ["ib1"]);
      return answer(to, datagram);
    };
    expect(links.ofFunction(namespaces.host, VF).map(({ index, pci }) => [index, pci])).toEqual([[3, VF]]);
  });

  it("are an error if sysfs and the kernel never agree", () => {
    machine.directories.set(net, ["ib7"]);
    expect(() => links.ofFunction(namespaces.host, VF)).toThrow(/mount \/sys from this network namespace/);
    expect(calls("send")).toHaveLength(8);
  });

  it("are an error if the kernel refuses for another reason", () => {
    machine.directories.set(net, ["ib1"]);
    machine.answer = () => [ack(1, 1)];
    expect(() => links.ofFunction(namespaces.host, VF)).toThrow(expect.objectContaining({ code: "EPERM" }));
  });

  it("are confirmed by their index if the kernel does not report their function (before 5.14)", () => {
    machine.directories.set(net, ["ib1"]);
    kernel.host = [{ index: 3, name: "ib1" }];
    machine.files.set(`${net}/ib1/ifindex`, "3\n");
    expect(links.ofFunction(namespaces.host, VF)).toMatchObject([{ index: 3, pci: VF }]);
    machine.files.set(`${net}/ib1/ifindex`, "4\n");
    expect(() => links.ofFunction(namespaces.host, VF)).toThrow(/does not find it/);
  });
});

describe("the netdevs of a PCI function in a pod", () => {
  it("are all netdevs whose attributes name the function", () => {
    kernel.pod.push({ index: 2, name: "eth0" }, { index: 5, name: "net1", pci: VF });
    expect(links.ofFunction(pod, VF).map(({ index }) => index)).toEqual([5]);
    expect(links.ofFunction(pod, "0000:01:10.2")).toEqual([]);
  });

  it("are an error if the kernel does not report functions", () => {
    kernel.pod.push({ index: 5, name: "net1" });
    expect(links.ofFunction(pod, VF)).toEqual([]);
    machine.cookies = false;
    expect(() => links.ofFunction(pod, VF)).toThrow(/Linux 5.14 or later is needed/);
    // Two features came together: if a kernel has either, its answer is complete.
    kernel.pod.push({ index: 6, name: "net2", pci: "0000:01:10.2" });
    expect(links.ofFunction(pod, VF)).toEqual([]);
  });
});

describe("the addresses of a netdev", () => {
  it("are only its own, also from a kernel that lists those of all netdevs", () => {
    const told = (sequence: number, link: number, ...bytes: number[]) =>
      message(
        20,
        2,
        sequence,
        concat([
          Uint8Array.of(2, 24, 0x40, 0, link, 0, 0, 0),
          encodeAttributes([bytesAttribute(2, Uint8Array.from(bytes)), u32Attribute(8, 0x48)]),
        ]),
      );
    machine.answer = () => [told(1, 5, 10, 1, 0, 5), told(1, 6, 10, 1, 0, 6), done(1)];
    expect(links.addresses(pod, 5)).toEqual([{ cidr: "10.1.0.5/24", tentative: true, dadFailed: true }]);
  });
});

describe("the routes of a netdev", () => {
  it("are only its own, also from a kernel that lists those of all netdevs", () => {
    const told = (sequence: number, link: number, ...gateway: number[]) =>
      message(
        24,
        2,
        sequence,
        concat([
          Uint8Array.of(2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0),
          encodeAttributes([u32Attribute(4, link), bytesAttribute(5, Uint8Array.from(gateway))]),
        ]),
      );
    machine.answer = () => [told(1, 5, 10, 1, 0, 1), told(1, 6, 10, 2, 0, 1), done(1)];
    expect(links.routes(pod, 5, 4)).toEqual([{ dst: "0.0.0.0/0", gw: "10.1.0.1", table: 254, priority: 0 }]);
  });
});
