// How to use src/netlink: read the netdev of a PF, and set the GUIDs of a VF. Read it from top to bottom. On a node, the
// transport is a netlink socket (src/linux/network/transport.ts). Here it repeats what a real kernel answered
// (test/unit/vectors).
import { expect, it } from "vitest";
import { parseGuid } from "../../../src/infiniband/guid.ts";
import { Connection } from "../../../src/netlink/connection.ts";
import { getLinkByName, parseLink } from "../../../src/netlink/link.ts";
import { parseVfConfig, setVfConfig } from "../../../src/netlink/vf.ts";
import { vector } from "../vectors/vectors.ts";
import { ack, FakeTransport } from "./fake-transport.ts";

it("reads the netdev of a PF, and the GUIDs that the PF has for its VF 0", () => {
  const connection = new Connection(new FakeTransport(() => vector("get-pf-with-vfs").received));

  const message = connection.get(getLinkByName("ib0", { withVfs: true }));

  if (message === undefined) throw new Error("netdev ib0 does not exist (ENODEV)");
  const link = parseLink(message);
  const { index, name, mtu, pci } = link;
  expect({ index, name, mtu, pci }).toEqual({ index: 2, name: "ib0", mtu: 2044, pci: "0000:01:00.0" });
  expect(parseVfConfig(link, 0).nodeGuid).toBe("02:11:22:33:44:55:66:77");
});

it("sets the GUIDs of VF 0, with one acknowledgement for both requests", () => {
  const kernel = new FakeTransport((messages) => [ack(messages.length)]);
  const guid = parseGuid("02:00:00:00:00:00:00:01");
  if (guid === undefined) throw new Error("not a GUID");

  // Throws a NetlinkError, with the errno and the kernel's explanation, if the kernel refuses a request.
  new Connection(kernel).request(setVfConfig(2, 0, { nodeGuid: guid, portGuid: guid }));

  expect(kernel.sent).toHaveLength(1);
  expect(kernel.sent[0]).toHaveLength(2);
});
