import { beforeEach, describe, expect, it, vi } from "vitest";
import { parseGuid, ZERO_GUID } from "../../../../src/infiniband/guid.ts";
import { LinuxLinks } from "../../../../src/linux/network/links.ts";
import { LinuxNamespaces } from "../../../../src/linux/network/namespaces.ts";
import { LinuxPciFunctions } from "../../../../src/linux/pci/pci-functions.ts";
import { Waits } from "../../../../src/linux/waits.ts";
import { readString, u32At, viewOf } from "../../../../src/netlink/attributes.ts";
import { type Message, parseMessages } from "../../../../src/netlink/message.ts";
import type { Namespace } from "../../../../src/node/namespaces.ts";
import { attributesIn, findAttribute } from "../../../support/attributes.ts";
import { aLinkSettings } from "../../../support/records.ts";
import { ack } from "../../netlink/fake-transport.ts";
import { vector } from "../../vectors/vectors.ts";
import { answer, calls, kernel, record } from "../fake-kernel.ts";
import { machine, NET, NSFS, resetMachine } from "../machine.ts";

vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  ...(await import("../fake-host.ts")),
}));

const POD = "/run/netns/pod";
const VF = "0000:01:10.0";
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

describe("a PF's configuration of a VF", () => {
  const reply = (sequence: number) => {
    const copy = (vector("get-pf-with-vfs").received[0] as Uint8Array).slice();
    viewOf(copy).setUint32(8, sequence, true);
    return copy;
  };

  beforeEach(() => void machine.directories.set("/sys/bus/pci/devices/0000:01:00.0/net", ["ib0"]));
  const physical = (vf: number) => links.physical("0000:01:00.0", vf)?.vf;

  it("is read with the configuration's names, together with the PF's netdev", () => {
    machine.answer = (_, datagram) => parseMessages(datagram).map((one) => reply(one.sequence));
    expect(links.physical("0000:01:00.0", 0)).toEqual({
      link: expect.objectContaining({ name: "ib0", index: 2 }),
      vf: {
        linkState: "enable",
        nodeGuid: "02:11:22:33:44:55:66:77",
        portGuid: "77:66:55:44:33:22:11:02",
      },
      guids: expect.any(Function),
    });
    expect(links.physical("0000:01:00.0", 0)?.guids()).toEqual([
      { index: 0, nodeGuid: "02:11:22:33:44:55:66:77", portGuid: "77:66:55:44:33:22:11:02" },
      { index: 1, nodeGuid: ZERO_GUID, portGuid: ZERO_GUID },
      { index: 2, nodeGuid: ZERO_GUID, portGuid: ZERO_GUID },
    ]);
    expect(physical(1)).toEqual({ linkState: "disable", nodeGuid: ZERO_GUID, portGuid: ZERO_GUID });
  });

  it("is unknown if the answer is too long for the kernel, and the PF's netdev is still found", () => {
    const unknown = { linkState: undefined, nodeGuid: undefined, portGuid: undefined };
    let asked = 0;
    machine.answer = (namespace, datagram) =>
      asked++ === 0
        ? parseMessages(datagram).map((one) => ack(one.sequence, 90))
        : answer(namespace, datagram);
    expect(physical(0)).toEqual(unknown);
    expect(asked).toBe(2);
    // A PF without VFs, or a netdev that is not a PF's.
    machine.answer = answer;
    expect(physical(0)).toEqual(unknown);
    expect(links.physical("0000:01:00.0", 0)?.guids()).toEqual([]);
  });

  it("is set in one send, with a message for each setting that is given", () => {
    const sent = record();
    const guid = parseGuid("0211223344556677");
    if (guid === undefined) throw new Error("no GUID");
    links.setVfConfig(2, 3, { linkState: "auto", nodeGuid: guid, portGuid: guid });
    links.setVfConfig(2, 3, { portGuid: guid, nodeGuid: undefined });
    links.setVfConfig(2, 3, {});
    expect(calls("send")).toHaveLength(2);
    const kinds = sent.map(({ payload }) => {
      const list = findAttribute(attributesIn(payload.subarray(16)), 22) as Uint8Array;
      const info = attributesIn(attributesIn(list)[0]?.value as Uint8Array);
      return info.map(({ type, value }) => [type, [...value.subarray(0, 5)], [...value.subarray(-2)]]);
    });
    const vf3 = [3, 0, 0, 0, 0];
    expect(kinds).toEqual([
      [[5, vf3, [0, 0]]],
      [[10, vf3, [0x11, 2]]],
      [[11, vf3, [0x11, 2]]],
      [[11, vf3, [0x11, 2]]],
    ]);
  });
});

describe("changing a netdev", () => {
  /** Returns flags, change mask and attribute types of the SETLINKs that were sent. */
  const shape = (sent: readonly Message[]) =>
    sent.map(({ payload }) => {
      const view = viewOf(payload);
      const types = attributesIn(payload.subarray(16)).map(({ type }) => type);
      return [view.getUint32(8, true), view.getUint32(12, true), types];
    });

  it("takes it down before a rename, and up after it", () => {
    const sent = record();
    links.set(namespaces.host, 3, { name: "net1", mtu: 1500, up: false });
    links.set(namespaces.host, 3, { name: "net1", mtu: 1500, up: true });
    links.set(namespaces.host, 3, { mtu: 1500 });
    links.set(namespaces.host, 3, { up: false });
    links.set(namespaces.host, 3, {});
    expect(shape(sent)).toEqual([
      [0, 1, []],
      [0, 0, [4, 3]],
      [1, 1, [4, 3]],
      [0, 0, [4]],
      [0, 1, []],
    ]);
    expect(calls("send")).toHaveLength(4);
  });

  it("moves it by the descriptor of the target namespace, with a request in its current namespace", () => {
    const sent = record();
    links.move(namespaces.host, 3, pod, "net1");
    links.move(pod, 5, namespaces.host, "ib1");
    const targets = sent.map(({ to, payload }) => {
      const attributes = attributesIn(payload.subarray(16));
      const fd = u32At(findAttribute(attributes, 28) as Uint8Array, 0);
      return [
        to,
        machine.descriptors.get(fd)?.namespace,
        readString(findAttribute(attributes, 3) as Uint8Array),
      ];
    });
    expect(targets).toEqual([
      ["host", "pod", "net1"],
      ["pod", "host", "ib1"],
    ]);
  });

  it("moves it and sets MTU and admin state in the same request", () => {
    const sent = record();
    links.move(namespaces.host, 3, pod, "net1", { mtu: 1500, up: true });
    links.move(namespaces.host, 3, pod, "net1", { up: false });
    expect(shape(sent)).toEqual([
      [1, 1, [28, 3, 4]],
      [0, 1, [28, 3]],
    ]);
  });

  it("adds and removes alternative names, and sends nothing for an empty list", () => {
    const sent = record();
    links.addAltnames(namespaces.host, 3, ["a"]);
    links.removeAltnames(namespaces.host, 3, ["a"]);
    links.addAltnames(namespaces.host, 3, []);
    links.removeAltnames(namespaces.host, 3, []);
    expect(sent.map(({ type }) => type)).toEqual([108, 109]);
  });
});

describe("configuring a pod's netdev", () => {
  const addresses = [{ cidr: "10.1.0.5/24" }, { cidr: "fd00::5/64" }];
  const routes = [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }];

  it("is one send: arp_notify, addresses, up, routes, and last the announcement of the IPv4 address", () => {
    const sent = record();
    links.configure(pod, 5, addresses, routes);
    expect(sent.map(({ to, type }) => [to, type])).toEqual([
      ["pod", 19],
      ["pod", 20],
      ["pod", 20],
      ["pod", 19],
      ["pod", 24],
      ["pod", 28],
    ]);
    expect(calls("send")).toHaveLength(1);
    expect(calls("receive")).toHaveLength(1);
    expect(findAttribute(attributesIn((sent.at(-1) as Message).payload.subarray(12)), 1)).toEqual(
      Uint8Array.of(10, 1, 0, 5),
    );
  });

  it("throws the kernel's refusals, except for an announcement", () => {
    machine.answer = () => [ack(2, 17), ack(6)];
    expect(() => links.configure(pod, 5, addresses, routes)).toThrow(
      expect.objectContaining({ code: "EEXIST", subject: "10.1.0.5/24 on link 5" }),
    );
    machine.answer = () => [ack(12, 105)];
    links.configure(pod, 5, addresses, routes);
  });

  it("sends nothing if a text is not an address", () => {
    expect(() => links.configure(pod, 5, [{ cidr: "10.1.0.5" }], [])).toThrow(RangeError);
    expect(() => links.configure(pod, 5, addresses, [{ dst: "fd00::/64", gw: "10.1.0.1" }])).toThrow(
      RangeError,
    );
    expect(calls("send")).toEqual([]);
  });
});

describe("an MTU", () => {
  /** A port that allows MTUs up to a number; for a larger MTU it answers with an errno. */
  const allowing = (most: number, errno = 22) => {
    const tried: number[] = [];
    machine.answer = (_, datagram) =>
      parseMessages(datagram).map(({ sequence, payload }) => {
        const value = findAttribute(attributesIn(payload.subarray(16)), 4);
        const mtu = value === undefined ? 0 : u32At(value, 0);
        tried.push(mtu);
        return ack(sequence, mtu > most ? errno : 0);
      });
    return tried;
  };

  it("is set, or else the largest MTU that IPoIB supports and this port allows", () => {
    expect([allowing(4092), links.setMtu(pod, 2, 1500)]).toEqual([[1500], 1500]);
    expect([allowing(4092), links.setMtu(pod, 2, 9000)]).toEqual([[9000, 8188, 4092], 4092]);
    expect([allowing(1020), links.setMtu(pod, 2, 1800)]).toEqual([[1800, 1020], 1020]);
    expect([allowing(65_520), links.setMtu(pod, 2, 65_535)]).toEqual([[65_535, 65_520], 65_520]);
  });

  it("is not lowered after any other error", () => {
    const tried = allowing(0, 19);
    expect(() => links.setMtu(pod, 2, 1500)).toThrow(expect.objectContaining({ code: "ENODEV" }));
    expect(tried).toEqual([1500]);
    allowing(0);
    expect(() => links.setMtu(pod, 2, 300)).toThrow(expect.objectContaining({ code: "EINVAL" }));
  });
});

describe("settings", () => {
  it("are set in one send, which also detaches the other programs", () => {
    const sent = record();
    links.setSettings(
      pod,
      2,
      { ...aLinkSettings, xdpGeneric: 4, xdpDriver: 5 },
      { ...aLinkSettings, xdpDriver: 5 },
    );
    expect(sent.map(({ to, type }) => [to, type])).toEqual([
      ["pod", 16],
      ["pod", 19],
    ]);
  });
});
