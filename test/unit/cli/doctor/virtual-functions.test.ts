import { describe, expect, test } from "vitest";
import type { ListedAttachment } from "../../../../src/cli/attachments/attachments.ts";
import type { Network } from "../../../../src/cli/doctor/inputs/networks.ts";
import { virtualFunctions } from "../../../../src/cli/doctor/virtual-functions.ts";
import type { InventoriedPf, InventoriedVf } from "../../../../src/cli/inventory.ts";
import { aRecord, guid } from "../../../support/records.ts";
import { aDoctorContext, aLink, aPf, aVf, port, summaries } from "./doctor-context.ts";

const examine = (vfs: readonly InventoriedVf[], pf: Partial<InventoriedPf> = {}, functions = {}) =>
  summaries(virtualFunctions(aDoctorContext({}, { pfs: [aPf(vfs, pf)] }, { functions })));

/** Attachments of VFs. */
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
  expect(examine([aVf(0), aVf(1, { attachment: held() })])).toEqual([
    ["ok vf-ok: 0000:03:00.0: 2 VFs, 1 of them free"],
  ]);
  expect(examine([])).toEqual([]);
  expect(virtualFunctions(aDoctorContext({}, { pfs: undefined }))).toEqual([]);
});

test("VFs whose containers are not known are not checked", () => {
  const context = aDoctorContext({}, { pfs: [aPf([aVf(0, { driver: undefined })])], attached: undefined });
  expect(summaries(virtualFunctions(context))).toEqual([
    ["skipped vf-unchecked: VFs are not checked, because the records of attachments cannot be read"],
  ]);
});

test("VFs of a PF without a netdev are not ok: their settings cannot be read", () => {
  expect(examine([aVf(0)], { netdev: undefined })).toEqual([
    [
      "skipped vf-unchecked: VFs of 0000:03:00.0: link policies and stored GUIDs are not checked, because the PF has no netdev here",
    ],
  ]);
});

describe("a driver", () => {
  const drain = "the SR-IOV Network Operator drains the node";

  test("that is missing is an error", () => {
    const driver = undefined;
    expect(examine([aVf(0, { driver }), aVf(1, { driver, attachment: held() }), aVf(2, { driver })])).toEqual(
      [
        [
          `error vf-no-driver: 2 VFs (0000:03:00.2, 0000:03:00.4) have no driver: no pod can get it, and ${drain}`,
          "ib-sriov bind 0000:03:00.2 0000:03:00.4",
        ],
        [
          "error vf-no-driver: VF 0000:03:00.3 has no driver, although a container has it",
          "(delete the pod; if the VF then still has no driver, the doctor prints the command that binds it)",
        ],
      ],
    );
    const [finding] = virtualFunctions(aDoctorContext({}, { pfs: [aPf([aVf(0, { driver })])] }));
    expect(finding?.fix).toEqual({ kind: "bind", vfs: ["0000:03:00.2"] });
  });

  test.each([
    [
      "mlx5_core",
      {},
      "error vf-no-driver: VF 0000:03:00.2 has no driver: no pod",
      "ib-sriov bind 0000:03:00.2",
    ],
    [
      "vfio-pci",
      {},
      "and only vfio-pci may bind",
      "modprobe vfio-pci\nib-sriov bind --driver vfio-pci 0000:03:00.2",
    ],
    [
      "own",
      { "/sys/bus/pci/drivers/own/bind": "" },
      "only own may bind",
      "ib-sriov bind --driver own 0000:03:00.2",
    ],
    [
      "absent",
      {},
      "only absent may bind",
      "(load the driver absent, and run: ib-sriov bind --driver absent 0000:03:00.2",
    ],
  ])("that is missing, and reserved for %s (driver_override)", (driver, texts, found, remedy) => {
    const functions = { driverOverride: () => driver };
    const context = aDoctorContext(texts, { pfs: [aPf([aVf(0, { driver: undefined })])] }, { functions });
    const findings = virtualFunctions(context);
    expect(findings[0]?.fix?.kind).toBe(driver === "mlx5_core" ? "bind" : undefined);
    const [finding] = summaries(findings);
    expect(finding?.[0]).toContain(found);
    expect(finding?.[1]).toContain(remedy);
  });

  test("is missing for a moment while a call rebinds the VF", () => {
    const attachment = held({ condition: "in progress" });
    expect(examine([aVf(0, { driver: undefined, attachment })])[0]?.[0]).toMatch(/^ok/);
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
        "warning vf-no-netdev: VF 0000:03:00.2 has no netdev: usable only with rdmaOnly",
        "ib-sriov bind 0000:03:00.2",
      ],
    ]);
  });

  test("cannot exist without ib_ipoib, and neither can that of the PF", () => {
    const context = aDoctorContext({}, { pfs: [aPf([bare], { netdev: undefined })] });
    const inventory = { ...context.inventory, names: () => [] };
    expect(summaries(virtualFunctions({ ...context, inventory }))).toEqual([
      [
        "skipped vf-unchecked: VFs of 0000:03:00.0: netdevs, link policies and stored GUIDs are not checked, because the PF has no netdev here",
      ],
    ]);
  });

  test.each([
    [
      "no process",
      false,
      "error vf-netdev-away: the netdev of VF 0000:03:00.2 is in network namespace a, but no record of an attachment names it",
      "ip -n a link set 'a;b' netns 1",
    ],
    [
      "processes, and stays there",
      true,
      "warning vf-netdev-away: the netdev of VF 0000:03:00.2 is in network namespace a, but no record of an attachment names it: another program may have given it to a container",
      "(it returns when the container ends; to list its processes: ip netns pids a)",
    ],
  ])("that is in a namespace with %s", (_, inhabited, found, remedy) => {
    const parts = {
      functions: { hasNetdev: () => true },
      links: {
        ofFunction: () => [aLink("child", { child: true }), aLink("a;b", { up: false })],
        addresses: () => [],
      },
      namespaces: {
        host: { path: "", cookie: "1" },
        open: (path: string) => ({ path, cookie: "2" }),
        close() {},
        inhabited: () => inhabited,
      },
    };
    const context = aDoctorContext({ "/run/netns/a": "" }, { pfs: [aPf([bare])] }, parts);
    expect(summaries(virtualFunctions(context))).toEqual([[found, remedy]]);
  });

  test("that is in a namespace without a name, perhaps that of a running container", () => {
    expect(examine([bare], {}, { hasNetdev: () => true })).toEqual([
      [
        "warning vf-netdev-away: the netdev of VF 0000:03:00.2 is in a network namespace without a name, but no record of an attachment names it: another program may have given it to a container",
        "('lsns -t net' lists namespaces and their processes; the netdev returns when they end)",
      ],
    ]);
  });

  test("that a pod has", () => {
    expect(examine([{ ...bare, attachment: held() }], {}, { hasNetdev: () => true })[0]?.[0]).toMatch(/^ok/);
  });
});

describe("an MTU", () => {
  const drain = "if its policy sets an MTU, the SR-IOV Network Operator drains the node";
  const withMtu = (index: number, mtu: number, carrier = true) =>
    aVf(index, { netdev: aLink(`ib${index}`, { mtu, carrier }) });

  test("is compared with the PF's if both have a carrier", () => {
    expect(examine([withMtu(0, 1500), withMtu(1, 2044), withMtu(2, 4092)])).toEqual([
      [
        `warning vf-mtu: MTU of VFs: ib0 1500, ib2 4092, of the PF 2044; ${drain}`,
        "ip link set ib0 mtu 2044\nip link set ib2 mtu 2044",
      ],
    ]);
  });

  test("is compared with other VFs' if the PF has no carrier: only the subnet knows what it allows", () => {
    const all = [withMtu(0, 4092, false), withMtu(1, 4092, false), withMtu(2, 2044, false)];
    expect(examine(all)).toEqual([
      [`warning vf-mtu: MTU of VFs: ib2 2044, of the others 4092; ${drain}`, "ip link set ib2 mtu 4092"],
    ]);
    expect(examine(all.slice(0, 2))[0]?.[0]).toMatch(/^ok/);
  });

  test("of an attached VF is its network's", () => {
    expect(examine([{ ...withMtu(0, 1500), attachment: held() }])[0]?.[0]).toMatch(/^ok/);
  });

  test("of many VFs has no command for each", () => {
    const many = Array.from({ length: 9 }, (_, index) => withMtu(index, 1500));
    expect(examine(many)[0]?.[1]).toBe("(for each of them: ip link set NETDEV mtu 2044)");
  });

  test("has a command that is safe also for a name with shell syntax", () => {
    const odd = aVf(0, { netdev: aLink("a;reboot", { mtu: 1500 }) });
    expect(examine([odd])[0]?.[1]).toBe("ip link set 'a;reboot' mtu 2044");
  });
});

describe("a link", () => {
  const config = { linkState: "disable", nodeGuid: undefined, portGuid: undefined } as const;
  const wanted = { linkState: "disable" } as const;

  const aNetwork = (name: string, document: Network["document"]): Network => ({
    name,
    file: `/etc/cni/net.d/${name}`,
    document,
    chain: [],
    cniPath: "",
  });
  const withNetworks = (vfs: readonly InventoriedVf[], ...networks: Network[]) =>
    summaries(
      virtualFunctions(aDoctorContext({}, { pfs: [aPf(vfs)], networks: { networks, findings: [] } })),
    );

  test("whose policy is disable is information, because no network needs it", () => {
    const found = [
      ['ok vf-link-disabled: 2 VFs (0000:03:00.2, 0000:03:00.4) have the link policy "disable"'],
      ["ok vf-ok: 0000:03:00.0: 2 VFs, 2 of them free"],
    ];
    const vfs = [aVf(0, { config }), aVf(2, { config })];
    expect(examine(vfs)).toEqual(found);
    const setting = ["enable", "disable", "auto"].map((state) => aNetwork(state, { link_state: state }));
    expect(withNetworks(vfs, ...setting)).toEqual(found);
  });

  test("whose policy is disable is a warning if a network leaves it as it is", () => {
    const vfs = [aVf(0, { config }), aVf(2, { config })];
    expect(withNetworks(vfs, aNetwork("plain", {}), aNetwork("other", { link_state: "auto" }))).toEqual([
      [
        'warning vf-link-disabled: 2 VFs (0000:03:00.2, 0000:03:00.4) have the link policy "disable": pods of network plain have no link, because it sets no link_state',
        "ip link set ib0 vf 0 state auto\nip link set ib0 vf 2 state auto",
        '(or set "link_state": "auto" in the network)',
      ],
    ]);
    const many = Array.from({ length: 9 }, (_, index) => aVf(index, { config }));
    expect(withNetworks(many, aNetwork("plain", {}))[0]?.slice(1)).toEqual([
      '(set "link_state": "auto" in the network)',
    ]);
  });

  test("whose policy its network sets, ib-sriov's or the Go plugin's", () => {
    const record = aRecord({ desired: wanted });
    expect(
      withNetworks([aVf(0, { config, attachment: held({ record }) })], aNetwork("plain", {}))[0]?.[0],
    ).toMatch(/^ok vf-ok/);
    const attachment = held({ record: aRecord({ desired: {} }) });
    expect(withNetworks([aVf(0, { config, attachment })], aNetwork("plain", {}))[0]?.[0]).toMatch(/^warning/);
  });

  test("whose policy the kernel does not report", () => {
    const silent = { linkState: undefined, nodeGuid: undefined, portGuid: undefined };
    expect(examine([aVf(0, { config: silent, ports: [{ ...port, state: "DOWN" }] })])).toEqual([
      [
        "skipped vf-link-unknown: VF 0000:03:00.2 has a link policy that the kernel does not report, so its port is not checked",
      ],
    ]);
  });

  test("of a VF with a GUID that stays down while the PF's is up", () => {
    const ports = [{ ...port, state: "INIT" }];
    expect(examine([aVf(0, { ports })])).toEqual([
      [
        "warning vf-port-down: VF 0000:03:00.2 has a port that is not ACTIVE, although the PF's port is",
        '(the subnet manager must serve VFs (OpenSM: "virt_enabled 2" in opensm.conf))',
      ],
    ]);
    expect(examine([aVf(0, { ports })], { ports })[0]?.[0]).toMatch(/^ok/);
    // Without the PF's netdev the link policy is not known.
    const silent = { linkState: undefined, nodeGuid: undefined, portGuid: undefined };
    expect(examine([aVf(0, { ports, config: silent })], { netdev: undefined })).toHaveLength(1);
    const portGuid = guid("00:00:00:00:00:00:00:00");
    expect(examine([aVf(0, { ports, portGuid })])[0]?.[0]).toMatch(/^ok/);
  });
});
