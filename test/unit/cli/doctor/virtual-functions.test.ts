import { describe, expect, test } from "vitest";
import type { ListedAttachment } from "../../../../src/cli/attachments/attachments.ts";
import { virtualFunctions } from "../../../../src/cli/doctor/virtual-functions.ts";
import type { InventoriedPf, InventoriedVf } from "../../../../src/cli/inventory.ts";
import { aRecord, guid } from "../../../support/records.ts";
import { aDoctorContext, aLink, aPf, aVf, port, summaries } from "./doctor-context.ts";

const examine = (vfs: readonly InventoriedVf[], pf: Partial<InventoriedPf> = {}, functions = {}) =>
  summaries(virtualFunctions(aDoctorContext({}, { pfs: [aPf(vfs, pf)] }, { functions })));

/** The holders of VFs. */
const held = (changes: Partial<ListedAttachment> = {}): ListedAttachment => ({
  path: "/var/lib/cni/ib-sriov/c1-net1",
  condition: "attached",
  name: undefined,
  pci: undefined,
  pod: undefined,
  network: undefined,
  netns: undefined,
  since: undefined,
  record: undefined,
  goCache: undefined,
  ...changes,
});

test("VFs without problems are counted", () => {
  expect(examine([aVf(0), aVf(1, { holder: held() })])).toEqual([
    ["ok: 0000:03:00.0: 2 VFs, 1 of them free"],
  ]);
  expect(examine([])).toEqual([]);
  expect(virtualFunctions(aDoctorContext({}, { pfs: undefined }))).toEqual([]);
});

describe("a driver", () => {
  const drain = "the SR-IOV Network Operator drains the node";

  test("that is missing is an error, also for an attached VF", () => {
    const driver = undefined;
    expect(examine([aVf(0, { driver }), aVf(1, { driver, holder: held() }), aVf(2)])).toEqual([
      [
        `error: 2 VFs (0000:03:00.2, 0000:03:00.3) without a driver: no pod can get one, and ${drain}`,
        "for each in 0000:03:00.2 0000:03:00.3; do set -- $each; echo $1 >/sys/bus/pci/drivers/mlx5_core/bind; done",
      ],
    ]);
    expect(examine([aVf(0, { driver })])).toEqual([
      [
        `error: VF 0000:03:00.2 without a driver: no pod can get one, and ${drain}`,
        "echo 0000:03:00.2 >/sys/bus/pci/drivers/mlx5_core/bind",
      ],
    ]);
  });

  test("is missing for a moment while a call rebinds the VF", () => {
    const holder = held({ condition: "in progress" });
    expect(examine([aVf(0, { driver: undefined, holder })])[0]?.[0]).toMatch(/^ok/);
  });

  test("may be vfio-pci, without a netdev", () => {
    expect(examine([aVf(0, { driver: "vfio-pci", netdev: undefined, ports: [] })])[0]?.[0]).toMatch(/^ok/);
  });
});

describe("a netdev", () => {
  const bare = aVf(0, { netdev: undefined });

  test("that does not exist, although ib_ipoib is loaded", () => {
    expect(examine([bare])).toEqual([
      [
        "warning: VF 0000:03:00.2 without a netdev: usable only with rdmaOnly",
        "echo 0000:03:00.2 >/sys/bus/pci/drivers/mlx5_core/unbind; echo 0000:03:00.2 >/sys/bus/pci/drivers/mlx5_core/bind",
      ],
    ]);
    const context = aDoctorContext({}, { pfs: [aPf([bare])] });
    const inventory = { ...context.inventory, names: () => [] };
    expect(summaries(virtualFunctions({ ...context, inventory }))[0]?.[0]).toMatch(/^ok/);
  });

  test("that is in a namespace without a record", () => {
    expect(examine([bare], {}, { hasNetdev: () => true })).toEqual([
      [
        "error: VF 0000:03:00.2 with a netdev in another network namespace, but no record",
        "(move it to the host namespace: ip -n NAMESPACE link set NETDEV netns 1)",
      ],
    ]);
  });

  test("that a pod has", () => {
    expect(examine([{ ...bare, holder: held() }], {}, { hasNetdev: () => true })[0]?.[0]).toMatch(/^ok/);
  });
});

describe("an MTU", () => {
  const drain = "if its policy sets an MTU, the SR-IOV Network Operator drains the node";
  const withMtu = (index: number, mtu: number, carrier = true) =>
    aVf(index, { netdev: aLink(`ib${index}`, { mtu, carrier }) });

  test("is compared with the PF's if both have a carrier", () => {
    expect(examine([withMtu(0, 1500), withMtu(1, 2044), withMtu(2, 4092)])).toEqual([
      [
        `warning: MTU of VFs: ib0 1500, ib2 4092, of the PF 2044; ${drain}`,
        "ip link set ib0 mtu 2044; ip link set ib2 mtu 2044",
      ],
    ]);
  });

  test("is compared with other VFs' if the PF has no carrier: only the subnet knows what it allows", () => {
    const all = [withMtu(0, 4092, false), withMtu(1, 4092, false), withMtu(2, 2044, false)];
    expect(examine(all)).toEqual([
      [`warning: MTU of VFs: ib2 2044, of the others 4092; ${drain}`, "ip link set ib2 mtu 4092"],
    ]);
    expect(examine(all.slice(0, 2))[0]?.[0]).toMatch(/^ok/);
  });

  test("of an attached VF is its network's", () => {
    expect(examine([{ ...withMtu(0, 1500), holder: held() }])[0]?.[0]).toMatch(/^ok/);
  });

  test("has a command that is safe also for a name with shell syntax", () => {
    const odd = aVf(0, { netdev: aLink("a;reboot", { mtu: 1500 }) });
    expect(examine([odd])[0]?.[1]).toBe("ip link set 'a;reboot' mtu 2044");
  });
});

describe("a link", () => {
  const config = { linkState: "disable", nodeGuid: undefined, portGuid: undefined } as const;
  const wanted = { linkState: "disable" } as const;

  test("whose policy is disable", () => {
    expect(examine([aVf(0, { config }), aVf(2, { config })])).toEqual([
      [
        'warning: 2 VFs (0000:03:00.2, 0000:03:00.4) with link policy "disable": a pod has no carrier, unless its network has link_state',
        "for each in 0 2; do set -- $each; ip link set ib0 vf $1 state auto; done",
      ],
    ]);
    expect(examine([aVf(0, { config })], { netdev: undefined })[0]).toHaveLength(1);
  });

  test("whose policy its network sets, ib-sriov's or the Go plugin's", () => {
    const record = aRecord({ desired: wanted });
    expect(examine([aVf(0, { config, holder: held({ record }) })])[0]?.[0]).toMatch(/^ok/);
    const holder = held({ record: aRecord({ desired: {} }) });
    expect(examine([aVf(0, { config, holder })])[0]?.[0]).toMatch(/^warning: .*"disable"/);
  });

  test("whose policy the kernel does not report", () => {
    const silent = { linkState: undefined, nodeGuid: undefined, portGuid: undefined };
    expect(examine([aVf(0, { config: silent })])).toEqual([
      ["unknown: VF 0000:03:00.2 with a link policy that the kernel does not report"],
    ]);
    // The request goes through the PF's netdev.
    expect(examine([aVf(0, { config: silent })], { netdev: undefined })[0]?.[0]).toMatch(/^ok/);
  });

  test("of a VF with a GUID that stays down while the PF's is up", () => {
    const ports = [{ ...port, state: "INIT" }];
    expect(examine([aVf(0, { ports })])).toEqual([
      [
        "warning: VF 0000:03:00.2 with a port that is not ACTIVE, although the PF's port is",
        '(the subnet manager must serve VFs (OpenSM: "virt_enabled 2" in opensm.conf))',
      ],
    ]);
    expect(examine([aVf(0, { ports })], { ports })[0]?.[0]).toMatch(/^ok/);
    const portGuid = guid("00:00:00:00:00:00:00:00");
    expect(examine([aVf(0, { ports, portGuid })])[0]?.[0]).toMatch(/^ok/);
  });
});
