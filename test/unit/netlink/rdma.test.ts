import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bytesAttribute,
  encodeAttributes,
  nestedAttribute,
  stringAttribute,
  u32Attribute,
  u64Attribute,
} from "../../../src/netlink/attributes.ts";
import { Connection } from "../../../src/netlink/connection.ts";
import { MalformedReply } from "../../../src/netlink/errors.ts";
import { type Message, parseMessages } from "../../../src/netlink/message.ts";
import {
  dumpRdmaDevices,
  dumpRdmaObjects,
  getRdmaSummary,
  moveRdmaDevice,
  parseRdmaDevice,
  parseRdmaObjects,
  parseRdmaSummary,
  type RdmaObjectKind,
  renameRdmaDevice,
} from "../../../src/netlink/rdma.ts";
import { guid } from "../../support/records.ts";
import { POD_FD, RDMA1, RDMA2 } from "../vectors/capture/requests.ts";
import { vector } from "../vectors/vectors.ts";
import { FakeTransport } from "./fake-transport.ts";

/** The answer of RDMA_NLDEV_CMD_GET. */
const GET = (5 << 10) | 1;

/** A connection to a kernel that answers as a real one did. */
const answeredBy = (name: string) => new Connection(new FakeTransport(() => vector(name).received));

describe("RDMA devices", () => {
  const none = guid("00:00:00:00:00:00:00:00");

  it("of a real kernel, in the given namespace", () => {
    const listed = (name: string) => answeredBy(name).dump(dumpRdmaDevices(), parseRdmaDevice);
    const others = { nodeGuid: none, adaptiveModeration: false };
    expect(listed("rdma-devices")).toEqual([
      { index: 0, name: "mlx5_0", nodeGuid: guid("98:03:9b:03:00:ab:01:00"), adaptiveModeration: false },
      { index: 1, name: "mlx5_1", ...others },
      { index: RDMA1, name: "mlx5_2", ...others },
      { index: RDMA2, name: "mlx5_3", ...others },
    ]);
    expect(listed("rdma-devices-of-a-pod")).toEqual([{ index: RDMA2, name: "mlx5_3", ...others }]);
  });

  it("are moved and renamed; a real kernel's refusal is an error that names request and object", () => {
    answeredBy("rdma-move").request([moveRdmaDevice(RDMA2, POD_FD)]);
    answeredBy("rdma-rename").request([renameRdmaDevice(RDMA1, "rail1")]);
    expect(() => answeredBy("rdma-move-again").request([moveRdmaDevice(RDMA2, POD_FD)])).toThrow(
      /RDMA_NLDEV_CMD_SET move of RDMA device 3 to another namespace: .*\(EINVAL\)/,
    );
    expect(() => answeredBy("rdma-rename-taken").request([renameRdmaDevice(RDMA1, "mlx5_3")])).toThrow(
      /name mlx5_3 of RDMA device 2: .*\(EEXIST\)/,
    );
  });

  const told = (...attributes: Parameters<typeof encodeAttributes>[0]): Message => ({
    type: GET,
    flags: 2,
    sequence: 1,
    payload: encodeAttributes(attributes),
  });
  const [index, name] = [u32Attribute(1, 7), stringAttribute(2, "rail0")];

  it("without a GUID in the kernel's answer have no GUID", () => {
    expect(parseRdmaDevice(told(index, name))).toEqual({ index: 7, name: "rail0", nodeGuid: undefined });
  });

  it.each([
    ["without a number", told(name), "RDMA device rail0 has no RDMA_NLDEV_ATTR_DEV_INDEX"],
    ["without a name", told(index), "an RDMA device has no RDMA_NLDEV_ATTR_DEV_NAME"],
    [
      "with a number of two bytes",
      told(name, bytesAttribute(1, new Uint8Array(2))),
      "RDMA_NLDEV_ATTR_DEV_INDEX of RDMA device rail0 has 2 bytes, not 4",
    ],
    [
      "with a GUID of seven bytes",
      told(index, name, bytesAttribute(6, new Uint8Array(7))),
      "RDMA_NLDEV_ATTR_NODE_GUID of RDMA device rail0 has 7 bytes, not 8",
    ],
    [
      "in another message",
      { ...told(index, name), type: 16 },
      "message type 16 is not an answer to RDMA_NLDEV_CMD_GET",
    ],
  ])("%s are refused", (_, message, problem) => {
    expect(() => parseRdmaDevice(message)).toThrow(new MalformedReply(problem));
  });

  it("any bytes changed: decoded or refused", () => {
    const [message] = parseMessages(vector("rdma-devices").received[0] as Uint8Array) as [Message];
    fc.assert(
      fc.property(fc.nat(message.payload.length - 1), fc.nat(0xff), (at, byte) => {
        const payload = message.payload.slice();
        payload[at] = byte;
        try {
          parseRdmaDevice({ ...message, payload });
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedReply);
        }
      }),
    );
  });
});

/** Lists objects of a device, as a real kernel did. */
const listed = (name: string, kind: RdmaObjectKind, index: number) =>
  answeredBy(name).dump(dumpRdmaObjects(kind, index), (message) => parseRdmaObjects(kind, message));

describe("objects of an RDMA device", () => {
  it("of a real kernel: the protection domains of the kernel, of the netdev, and of each pkey child", () => {
    const [domains, ...others] = listed("rdma-domains", "protection domains", RDMA1);
    expect(domains?.device).toBe("mlx5_2");
    expect(domains?.owners).toEqual(
      ["ib_core", "ib_ipoib", "ib_ipoib", "ib_ipoib"].map((module) => ({ pid: undefined, module })),
    );
    expect(others).toEqual([]);
  });

  it("of a real kernel: the queue pairs of the kernel and of the netdevs", () => {
    const modules = listed("rdma-queue-pairs", "queue pairs", RDMA1)
      .flatMap(({ owners }) => owners)
      .map(({ pid, module }) => `${module} ${pid}`);
    expect([...new Set(modules)].sort()).toEqual(["ib_core undefined", "ib_ipoib undefined"]);
  });

  it("of an unknown device number are an error", () => {
    expect(() => listed("rdma-domains-of-none", "protection domains", 4711)).toThrow(
      /RDMA_NLDEV_CMD_RES_PD_GET protection domains of RDMA device 4711: .*\(EINVAL\)/,
    );
  });

  const told = (...attributes: Parameters<typeof encodeAttributes>[0]): Message => ({
    type: (5 << 10) | 10,
    flags: 2,
    sequence: 1,
    payload: encodeAttributes(attributes),
  });

  it("of a process have its number and no module, and the list can be empty", () => {
    const entry = nestedAttribute(20, [u32Attribute(28, 4242)]);
    const name = stringAttribute(2, "rail0");
    const parsed = parseRdmaObjects("queue pairs", told(name, nestedAttribute(19, [entry])));
    expect(parsed).toEqual({ device: "rail0", owners: [{ pid: 4242, module: undefined }] });
    expect(parseRdmaObjects("queue pairs", told(name))).toEqual({ device: "rail0", owners: [] });
  });

  it.each([
    [
      "without the name of the device",
      told(u32Attribute(1, 7)),
      "the list of queue pairs has no RDMA_NLDEV_ATTR_DEV_NAME",
    ],
    [
      "with a process number of two bytes",
      told(
        stringAttribute(2, "rail0"),
        nestedAttribute(19, [nestedAttribute(20, [bytesAttribute(28, new Uint8Array(2))])]),
      ),
      "RDMA_NLDEV_ATTR_RES_PID of an entry of the queue pairs of RDMA device rail0 has 2 bytes, not 4",
    ],
    [
      "that end early",
      told(stringAttribute(2, "rail0"), bytesAttribute(19, new Uint8Array(3))),
      "the length of an attribute of the queue pairs of RDMA device rail0 does not fit",
    ],
    [
      "in another message",
      { ...told(stringAttribute(2, "rail0")), type: GET },
      "message type 5121 is not an answer to RDMA_NLDEV_CMD_RES_QP_GET",
    ],
  ])("%s are refused", (_, message, problem) => {
    expect(() => parseRdmaObjects("queue pairs", message)).toThrow(new MalformedReply(problem));
  });

  it("any bytes changed: decoded or refused", () => {
    const [message] = parseMessages(vector("rdma-domains").received[0] as Uint8Array) as [Message];
    fc.assert(
      fc.property(fc.nat(message.payload.length - 1), fc.nat(0xff), (at, byte) => {
        const payload = message.payload.slice();
        payload[at] = byte;
        try {
          parseRdmaObjects("protection domains", { ...message, payload });
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedReply);
        }
      }),
    );
  });
});

describe("the number of objects of an RDMA device", () => {
  const parsed = (name: string) => {
    const reply = answeredBy(name).get(getRdmaSummary(RDMA1));
    return reply && parseRdmaSummary(reply);
  };

  it("of a real kernel, by kind; no process has a context", () => {
    const counts = parsed("rdma-summary");
    expect(counts?.get("pd")).toBe(4);
    expect(counts?.get("ctx")).toBe(0);
  });

  it("of an unknown device is an error", () => {
    expect(() => parsed("rdma-summary-of-none")).toThrow(/RDMA_NLDEV_CMD_RES_GET .* \(EINVAL\)/);
  });

  it("without kind or number, or in another message, is refused", () => {
    const message = (type: number, entry: Parameters<typeof encodeAttributes>[0]): Message => ({
      type: (5 << 10) | type,
      flags: 0,
      sequence: 1,
      payload: encodeAttributes([nestedAttribute(15, [nestedAttribute(16, entry)])]),
    });
    const [kind, count] = [stringAttribute(17, "ctx"), u64Attribute(18, 1n)];
    const refused: readonly (readonly [message: Message, problem: string])[] = [
      [message(9, [kind]), "an entry of the numbers of objects of an RDMA device has no kind or no number"],
      [message(9, [count]), "an entry of the numbers of objects of an RDMA device has no kind or no number"],
      [
        message(9, [kind, u32Attribute(18, 1)]),
        "RDMA_NLDEV_ATTR_RES_SUMMARY_ENTRY_CURR of ctx among the numbers of objects of an RDMA device has 4 bytes, not 8",
      ],
      [message(10, []), "message type 5130 is not an answer to RDMA_NLDEV_CMD_RES_GET"],
    ];
    for (const [one, problem] of refused)
      expect(() => parseRdmaSummary(one)).toThrow(new MalformedReply(problem));
  });
});
