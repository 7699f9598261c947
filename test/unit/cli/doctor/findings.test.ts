// Every kind of finding: a node that causes it, and its description in docs/reference/findings.md.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ListedAttachment } from "../../../../src/cli/attachments/attachments.ts";
import type { DoctorContext } from "../../../../src/cli/doctor/context.ts";
import { examine } from "../../../../src/cli/doctor/doctor.ts";
import type { Finding, FindingId } from "../../../../src/cli/doctor/finding.ts";
import { leftGuids } from "../../../../src/cli/doctor/free-vfs/left-guids.ts";
import { refusedVfs } from "../../../../src/cli/doctor/free-vfs/refused-vfs.ts";
import { guids } from "../../../../src/cli/doctor/guids.ts";
import { networksOf } from "../../../../src/cli/doctor/inputs/networks.ts";
import { kernel } from "../../../../src/cli/doctor/kernel.ts";
import { locks } from "../../../../src/cli/doctor/locks.ts";
import { networkChecks } from "../../../../src/cli/doctor/network-checks.ts";
import { physicalFunctions } from "../../../../src/cli/doctor/physical-functions.ts";
import { ownPlugin } from "../../../../src/cli/doctor/plugins.ts";
import { podDevices } from "../../../../src/cli/doctor/pod-devices.ts";
import { rdmaMode } from "../../../../src/cli/doctor/rdma.ts";
import { textOf } from "../../../../src/cli/doctor/report.ts";
import { records, stateDirectory } from "../../../../src/cli/doctor/state.ts";
import { rdmaNaming } from "../../../../src/cli/doctor/udev.ts";
import { virtualFunctions } from "../../../../src/cli/doctor/virtual-functions.ts";
import type { InventoriedPf, InventoriedVf } from "../../../../src/cli/inventory.ts";
import { ALL_ONES_GUID, ZERO_GUID } from "../../../../src/infiniband/guid.ts";
import { TimeoutError } from "../../../../src/node/clock.ts";
import type { Lock } from "../../../../src/node/files.ts";
import { guid } from "../../../support/records.ts";
import { aDoctorContext, aLink, aPf, aVf, port } from "./doctor-context.ts";
import { aRunningPod } from "./running-pod.ts";

type Parts = Parameters<typeof aDoctorContext>[2];
type Texts = Readonly<Record<string, string>>;

const conf = "/etc/cni/net.d/10-a.conf";
const hostLocal = "/opt/cni/bin/host-local";
const own = guid("02:00:00:00:00:00:00:01");
const zero = { nodeGuid: ZERO_GUID, portGuid: ZERO_GUID };
const none = { ...zero, config: { linkState: undefined, ...zero } };
const infiniband = { "/sys/bus/pci/devices/0000:03:00.0/class": "0x020700" };
const rules = "/usr/lib/udev/rules.d/60-rdma-persistent-naming.rules";

const attachment: ListedAttachment = {
  path: "/var/lib/cni/ib-sriov/c1-net1",
  condition: "attached",
  name: { containerId: "c1", ifname: "net1" },
  pci: "0000:03:00.2",
  pod: undefined,
  network: undefined,
  netns: undefined,
  since: undefined,
  record: undefined,
  goCache: undefined,
};

/** Examines PFs. */
const pf = (pfs: readonly InventoriedPf[], parts: Parts = {}, texts: Texts = {}) =>
  physicalFunctions(aDoctorContext(texts, { pfs }, parts));
/** Examines one VF. */
const vf = (changes: Partial<InventoriedVf>, pfChanges: Partial<InventoriedPf> = {}, parts: Parts = {}) =>
  virtualFunctions(aDoctorContext({}, { pfs: [aPf([aVf(0, changes)], pfChanges)] }, parts));
/** Examines the GUIDs of VFs. */
const guidsOf = (...vfs: InventoriedVf[]) => guids(aDoctorContext({}, { pfs: [aPf(vfs)] }));
/** Examines the records. */
const record = (changes: Partial<ListedAttachment>, texts: Texts = {}, parts: Parts = {}) =>
  records(aDoctorContext(texts, { attached: [{ ...attachment, ...changes }] }, parts));

/** Examines a network of ib-sriov, and a plugin in /opt/cni/bin. */
function network(
  document: unknown,
  answer: string | Error = '{"supportedVersions":["1.0.0"]}',
  pfs: readonly InventoriedPf[] = [],
  texts: Texts = {},
) {
  const text =
    typeof document === "string"
      ? document
      : JSON.stringify({ cniVersion: "1.0.0", name: "mynet", type: "ib-sriov", ...Object(document) });
  const context = aDoctorContext({ ...texts, [conf]: text, [hostLocal]: "" }, { pfs }, answering(answer));
  return networkChecks({ ...context, networks: networksOf(context, [], context) });
}
function answering(answer: string | Error): Parts {
  const wait = () => {
    if (answer instanceof Error) throw answer;
    return { status: 0, signal: 0, stdout: answer, stderr: "" };
  };
  return { processes: { start: () => ({ wait, kill() {} }) }, clock: { now: () => 0 } };
}
const ipam = { ipam: { type: "host-local" } };

/** Examines the mode of RDMA devices. */
function mode(isExclusive: boolean, document?: Record<string, unknown>, texts: Texts = {}) {
  const networks = document ? [{ name: "own", file: conf, document, chain: [], cniPath: "" }] : [];
  const parts = { rdma: { isExclusive: () => isExclusive } };
  return rdmaMode(aDoctorContext(texts, { networks: { networks, findings: [] } }, parts));
}

/** A context whose files differ from those of the model. */
function withFiles(context: DoctorContext, changes: Partial<DoctorContext["node"]["files"]>): DoctorContext {
  const files = Object.assign(Object.create(context.node.files) as typeof context.node.files, changes);
  return { ...context, node: { ...context.node, files } };
}
const refuse = () => {
  throw Object.assign(new Error("open: (EIO)"), { code: "EIO" });
};
const vfLock = "/var/lib/cni/ib-sriov/.vf/0000:03:00.2";
const clock = { now: () => 0, wall: () => 0 };
const locked = {
  acquire() {
    throw new TimeoutError("locked");
  },
  holders: () => [{ pid: 321, pids: [321], command: "sleep" }],
  read: () => '{"holder":{"pid":99,"verb":"ADD of container c1","since":0}}',
  release() {},
} as Partial<Lock> as Lock;

/** A node for each kind of finding. The type requires that none is missing. */
const scenarios: Readonly<Record<FindingId, () => readonly Finding[]>> = {
  "kernel-ok": () => kernel(aDoctorContext()),
  "kernel-too-old": () =>
    kernel(aDoctorContext({}, {}, { namespaces: { host: { path: "", cookie: "4:4026531840" } } })),
  "kernel-no-uverbs": () => kernel(withoutModules()),
  "sysfs-read-only": () =>
    kernel(
      withFiles(aDoctorContext(), {
        requireWritable() {
          throw Object.assign(new Error("access: (EROFS)"), { code: "EROFS" });
        },
      }),
    ),
  "pf-ok": () => pf([aPf([aVf(0)])]),
  "pf-none": () => pf([]),
  "pf-no-ipoib": () => kernel(withoutModules()),
  "pf-no-driver": () =>
    pf([], { functions: { driver: () => undefined, driverOverride: () => undefined } }, infiniband),
  "pf-no-rdma": () => pf([], {}, infiniband),
  "pf-vfio": () => pf([], { functions: { driver: () => "vfio-pci" } }, infiniband),
  "pf-no-netdev": () => pf([aPf([aVf(0)], { netdev: undefined })]),
  "pf-netdev-away": () =>
    pf([aPf([aVf(0)], { netdev: undefined })], { functions: { hasNetdev: () => true } }),
  "pf-sriov-off": () => pf([aPf([], { possibleVfs: undefined })]),
  "pf-no-vfs": () => pf([aPf([])]),
  "pf-port-down": () => pf([aPf([aVf(0)], { ports: [{ ...port, state: "DOWN" }] })]),
  "pf-no-sm": () => pf([aPf([aVf(0)], { ports: [{ ...port, state: "INIT" }] })]),
  "devices-unreadable": () => {
    const context = aDoctorContext();
    return examine({ ...context, inventory: { ...context.inventory, physicalFunctions: refuse } }, context);
  },
  "vf-ok": () => vf({}),
  "vf-unchecked": () => vf({}, { netdev: undefined }),
  "vf-no-driver": () => vf({ driver: undefined }),
  "vf-no-netdev": () => vf({ netdev: undefined }),
  "vf-netdev-away": () => vf({ netdev: undefined }, {}, { functions: { hasNetdev: () => true } }),
  "vf-locked": () => {
    const context = aDoctorContext({ [vfLock]: "" }, { pfs: [aPf([aVf(0)])] }, { clock });
    return locks(withFiles(context, { lock: () => locked }));
  },
  "node-locked": () => {
    const context = aDoctorContext(
      { "/var/lib/cni/ib-sriov/.node": "" },
      { pfs: [aPf([aVf(0)])] },
      { clock },
    );
    return locks(withFiles(context, { lock: () => locked }));
  },
  "lock-file": () => {
    const context = aDoctorContext({ [vfLock]: "" }, { pfs: [aPf([aVf(0)])] }, { clock });
    const lock = () => {
      throw Object.assign(new Error("open: (ELOOP)"), { code: "ELOOP" });
    };
    return locks(withFiles(context, { lock }));
  },
  "vf-refused": () =>
    refusedVfs(
      aDoctorContext({}, { pfs: [aPf([aVf(0)])] }, { clock, functions: { virtualFunction: refuse } }),
    ),
  "vf-link-disabled": () => vf({ config: { linkState: "disable", nodeGuid: own, portGuid: own } }),
  "vf-link-unknown": () => vf({ config: { linkState: undefined, nodeGuid: own, portGuid: own } }),
  "vf-port-down": () => vf({ ports: [{ ...port, state: "INIT" }] }),
  "vf-mtu": () => vf({ netdev: aLink("ib1", { mtu: 1500 }) }),
  "pod-no-interface": () => podDevices(aRunningPod({ netdev: "host" })),
  "pod-no-device-files": () => podDevices(aRunningPod({ files: ["/proc/7/root/dev"] })),
  "guid-ok": () => guidsOf(aVf(0)),
  "guid-none": () => guidsOf(aVf(0, none)),
  "guid-missing": () => guidsOf(aVf(0), aVf(1, none)),
  "guid-all-ones": () =>
    guidsOf(aVf(0), aVf(1, { ...none, nodeGuid: ALL_ONES_GUID, portGuid: ALL_ONES_GUID })),
  "guid-not-in-effect": () => guidsOf(aVf(0, { nodeGuid: own, portGuid: own })),
  "guid-duplicate": () => {
    const twins = { nodeGuid: own, portGuid: own };
    return guidsOf(aVf(0, twins), aVf(1, twins));
  },
  "guid-left": () => {
    const document = { cniVersion: "1.0.0", name: "mynet", type: "ib-sriov", guid: own };
    const networks = [{ name: "mynet", file: conf, document, chain: [], cniPath: "" }];
    const pfs = [aPf([aVf(0, { nodeGuid: own, portGuid: own })])];
    return leftGuids(aDoctorContext({}, { pfs, networks: { networks, findings: [] } }));
  },
  "guid-unknown": () => guidsOf(aVf(0, { nodeGuid: undefined, portGuid: undefined })),
  "rdma-mode-ok": () => mode(false, undefined, { "/etc/modprobe.d/a.conf": "" }),
  "rdma-mode-shared": () => mode(false, { rdmaIsolation: true }),
  "rdma-mode-exclusive": () => mode(true, {}),
  "rdma-mode-at-boot": () => mode(true, undefined, { "/etc/modprobe.d/a.conf": "" }),
  "rdma-mode-unknown": () => mode(false),
  "udev-ok": () => rdmaNaming(aDoctorContext({ [rules]: "" })),
  "udev-guid-names": () =>
    rdmaNaming(aDoctorContext({ [rules]: 'PROGRAM="rdma_rename %k NAME_GUID"', "/run/udev/control": "" })),
  "udev-unknown": () => rdmaNaming(aDoctorContext()),
  "plugin-ok": () =>
    ownPlugin(
      aDoctorContext({ "/opt/cni/bin/ib-sriov": "" }, {}, answering('{"supportedVersions":["1.0.0"]}')),
    ),
  "plugin-missing": () => ownPlugin(aDoctorContext()),
  "plugin-broken": () => ownPlugin(aDoctorContext({ "/opt/cni/bin/ib-sriov": "" }, {}, answering("x"))),
  "network-ok": () => network({}),
  "network-none": () => network({ type: "bridge" }),
  "network-json": () => network(""),
  "network-invalid": () => network({ link_state: "up" }),
  "network-key": () => network({ linkState: "auto" }),
  "network-mtu": () => network({ mtu: 9000 }),
  "network-rdma-cni": () => network({ plugins: [{ type: "ib-sriov" }, { type: "rdma" }] }),
  "network-rdma-only": () => network({ rdmaOnly: true }, undefined, [aPf([aVf(0)])]),
  "network-order": () => network({ plugins: [{ type: "ib-sriov" }, { type: "sbr" }] }),
  "ipam-missing": () => network({ ipam: { type: "nothing" } }),
  "ipam-broken": () => network(ipam, "x"),
  "ipam-hangs": () => network(ipam, new TimeoutError("timed out")),
  "ipam-version": () => network(ipam, '{"supportedVersions":["0.4.0"]}'),
  "ipam-exhausted": () =>
    network(
      { ipam: { type: "host-local", subnet: "10.1.0.0/30", dataDir: "/var/lib/leases" } },
      undefined,
      [],
      {
        "/var/lib/leases/mynet/10.1.0.2": "c1",
      },
    ),
  "state-ok": () => stateDirectory(aDoctorContext({ "/var/lib/cni/ib-sriov/.vf/x": "" })),
  "state-not-writable": () => stateDirectory(withFiles(aDoctorContext(), { requireWritable: refuse })),
  "state-untrusted": () =>
    stateDirectory(withFiles(aDoctorContext(), { permissions: () => ({ user: 0, group: 0, mode: 0o777 }) })),
  "records-ok": () => record({}),
  "records-unreadable": () => {
    const context = withFiles(aDoctorContext(), { list: refuse });
    return examine(context, context);
  },
  "record-left": () => record({ condition: "orphaned" }),
  "record-unreadable": () => record({ condition: "unreadable", unreadable: "it has format 2" }),
  "record-go-plugin": () =>
    record({ condition: "go-plugin" }, {}, { functions: { driver: () => undefined } }),
  "lease-unreleased": () => record({}, { "/var/lib/cni/ib-sriov/.leases/0000:03:00.2-1": "{}" }),
  "vf-destroyed": () => record({ condition: "destroyed" }),
  "check-failed": () => {
    const context = aDoctorContext({}, {}, { rdma: { isExclusive: refuse } });
    return examine(context, context);
  },
};

function withoutModules(): DoctorContext {
  const context = aDoctorContext({}, { pfs: [aPf([])] });
  return { ...context, inventory: { ...context.inventory, names: () => [] } };
}

const ids = Object.keys(scenarios) as FindingId[];
/** Values of JavaScript that no text for people contains. */
const LEAK = /undefined|\bNaN\b|(?<!\/dev\/)\bnull\b|\[object|Infinity/;
const textsOf = (findings: readonly Finding[]) =>
  findings.flatMap(({ found, command = "", advice = "" }) => [found, command, advice]);

test.each(ids)("%s has a node that causes it, and a text without a leak", (id) => {
  const findings = scenarios[id]();
  expect(findings.map((each) => each.id)).toContain(id);
  for (const text of textsOf(findings)) expect(text).not.toMatch(LEAK);
});

test.each(ids)("a command for %s deletes nothing, overwrites no file, and changes no firmware", (id) => {
  const lines = scenarios[id]().flatMap(({ command }) => command?.split("\n") ?? []);
  for (const line of lines) {
    expect(line).not.toMatch(/\brm\b|mstconfig|mlxconfig|--force|driver_override|\bunbind\b/);
    // A file of sysfs has no other lines. A file of /etc is only created if it does not exist.
    expect(line).not.toMatch(/[^>]>(?!>|\/sys\/)(?!\/etc\/(?:udev\/rules|modprobe)\.d\/)/);
  }
});

describe("docs/reference/findings.md", () => {
  const document = readFileSync(new URL("../../../../docs/reference/findings.md", import.meta.url), "utf8");
  const rows = [...document.matchAll(/^\| `([a-z-]+)` \| ([^|]+) \| ([^|]+) \| ([^|]*)\|$/gm)].map(
    ([, id = "", levels = "", meaning = "", remedy = ""]) => ({ id, levels, meaning, remedy }),
  );

  test("describes every ID once, and no other", () => {
    expect(rows.map(({ id }) => id).sort()).toEqual([...ids].sort());
  });

  test("describes the remedy of every problem", () => {
    const problems = rows.filter(({ levels }) => /warning|error/.test(levels));
    expect(problems.filter(({ meaning, remedy }) => meaning.trim() === "" || remedy.trim() === "")).toEqual(
      [],
    );
  });

  test.each(ids)("names the level of %s", (id) => {
    const row = rows.find((each) => each.id === id);
    for (const { level } of scenarios[id]().filter((each) => each.id === id))
      expect(row?.levels.split(", ")).toContain(level);
  });
});

describe("on any node", () => {
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
  const aGuid = maybe(fc.constantFrom(own, ZERO_GUID, ALL_ONES_GUID));
  const linkState = maybe(fc.constantFrom("auto" as const, "enable" as const, "disable" as const));
  const netdev = maybe(fc.record({ mtu: fc.constantFrom(1500, 2044), carrier: fc.boolean() })).map(
    (changes) => (changes === undefined ? undefined : aLink("ib1", changes)),
  );
  const ports = fc
    .array(fc.constantFrom("ACTIVE", "INIT", "DOWN"), { maxLength: 2 })
    .map((states) => states.map((state) => ({ ...port, state, subnetManager: state === "ACTIVE" ? 1 : 0 })));
  const conditions = ["attached", "in progress", "destroyed", "go-plugin", "orphaned"] as const;
  const holder = maybe(fc.constantFrom(...conditions)).map((condition) =>
    condition === undefined ? undefined : { ...attachment, condition },
  );
  const anyVf = fc
    .record({
      driver: maybe(fc.constantFrom("mlx5_core", "vfio-pci")),
      netdev,
      nodeGuid: aGuid,
      portGuid: aGuid,
      config: fc.record({ linkState, nodeGuid: aGuid, portGuid: aGuid }),
      ports,
      holder,
    })
    .map((changes) => aVf(0, changes));
  const anyPf = fc
    .record({
      driver: maybe(fc.constant("mlx5_core")),
      netdev,
      rdma: fc.constantFrom([], ["mlx5_0"]),
      portGuid: aGuid,
      ports,
      possibleVfs: maybe(fc.constant(8)),
      vfs: fc.array(anyVf, { maxLength: 3 }),
    })
    .map(({ vfs, ...changes }) => aPf(vfs, changes));
  const anyContext = fc
    .record({
      pfs: maybe(fc.array(anyPf, { maxLength: 2 })),
      attached: maybe(fc.constantFrom<ListedAttachment[][]>([], [attachment])),
      hasModules: fc.boolean(),
      isElsewhere: fc.boolean(),
    })
    .map(({ pfs, attached, hasModules, isElsewhere }) => {
      const functions = { hasNetdev: () => isElsewhere };
      const context = aDoctorContext({}, { pfs, attached }, { functions });
      const names = (path: string) =>
        path.startsWith("/sys/module") && !hasModules ? [] : context.inventory.names(path);
      return { ...context, inventory: { ...context.inventory, names } };
    });
  const checks = [kernel, physicalFunctions, virtualFunctions, guids, records];

  test("no text has a leak", () => {
    fc.assert(
      fc.property(anyContext, (context) => {
        const findings = checks.flatMap((check) => check(context));
        for (const text of textsOf(findings)) expect(text).not.toMatch(LEAK);
        expect(textOf(findings.map((each) => ({ subject: "", ...each })))).not.toMatch(LEAK);
      }),
      { numRuns: 500 },
    );
  });

  test("a PF without ib_ipoib is not ok, nor are its VFs", () => {
    fc.assert(
      fc.property(anyContext, (context) => {
        const without = { ...context, inventory: { ...context.inventory, names: () => [] } };
        const pfs = context.pfs?.map((each) => ({ ...each, netdev: undefined }));
        const found = checks.flatMap((check) => check({ ...without, pfs })).map(({ id }) => id);
        // Without a PF it is not known that the node has an HCA.
        expect(found.includes("pf-no-ipoib")).toBe((pfs ?? []).length > 0);
        expect(found).not.toContain("pf-ok");
        expect(found).not.toContain("vf-ok");
      }),
      { numRuns: 200 },
    );
  });
});
