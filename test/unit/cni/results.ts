import { Fields } from "../../../src/cni/fields.ts";
import type { Result } from "../../../src/cni/result.ts";
import { decodeResult } from "../../../src/cni/result-decode.ts";
import type { CniVersion } from "../../../src/cni/versions.ts";

/** A result of 1.1.0 with every member. */
export const full: Result = {
  interfaces: [
    { name: "br0", mac: "02:00:00:00:00:01" },
    {
      name: "net1",
      mac: "80:00",
      mtu: 2044,
      sandbox: "/var/run/netns/c",
      socketPath: "/s",
      pciID: "0000:03:00.2",
    },
  ],
  ips: [
    { address: "fd00::5/64", gateway: "fd00::1", interface: 1 },
    { address: "10.0.0.5/24", gateway: "10.0.0.1", interface: 0 },
    { address: "10.0.0.6/24" },
  ],
  routes: [
    { dst: "0.0.0.0/0", gw: "10.0.0.1", mtu: 1400, advmss: 1360, priority: 10, table: 0, scope: 0 },
    { dst: "fd01::/64", gw: undefined },
  ],
  dns: { nameservers: ["10.0.0.2"], domain: "d", search: ["s"], options: ["o"] },
};

/** Decodes a document as it comes from stdin or a plugin; an invalid document is code 6. */
export const decode = (document: object, version: CniVersion) =>
  decodeResult(new Fields(JSON.parse(JSON.stringify(document)), "result", 6), version);
