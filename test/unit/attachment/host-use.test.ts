import { expect, test } from "vitest";
import { configurationOf, masterOf } from "../../../src/attachment/in-use/host-use.ts";
import type { Link } from "../../../src/node/links.ts";
import { partialNode } from "../../support/partial-node.ts";

// A container can give a netdev any name without a slash and spaces.
const link = { index: 7, name: "a;reboot", master: 3 } as Link;

test("a name of a netdev is one word of a printed command", () => {
  const addresses = [{ cidr: "192.0.2.1/24" }];
  const node = partialNode({
    namespaces: { host: {} },
    links: { byIndex: () => undefined, addresses: () => addresses },
  } as never);
  expect(masterOf(node, link)?.remedy).toBe("ip link set 'a;reboot' nomaster");
  expect(configurationOf(node, link)?.remedy).toBe("ip address del 192.0.2.1/24 dev 'a;reboot'");
});
