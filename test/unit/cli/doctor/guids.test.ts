import { describe, expect, test } from "vitest";
import type { ListedAttachment } from "../../../../src/cli/attachments/attachments.ts";
import { leftGuids } from "../../../../src/cli/doctor/free-vfs/left-guids.ts";
import { guids } from "../../../../src/cli/doctor/guids.ts";
import type { Network } from "../../../../src/cli/doctor/inputs/networks.ts";
import type { InventoriedPf, InventoriedVf } from "../../../../src/cli/inventory.ts";
import { derivedGuid } from "../../../../src/infiniband/derived-guid.ts";
import { ALL_ONES_GUID, ZERO_GUID } from "../../../../src/infiniband/guid.ts";
import { aRecord, guid } from "../../../support/records.ts";
import { aDoctorContext, aPf, aVf, summaries } from "./doctor-context.ts";

const examine = (...pfs: InventoriedPf[]) => summaries(guids(aDoctorContext({}, { pfs })));
const attachment = { condition: "attached" } as ListedAttachment;
const zero = { nodeGuid: ZERO_GUID, portGuid: ZERO_GUID };
const ones = { nodeGuid: ALL_ONES_GUID, portGuid: ALL_ONES_GUID };
const none = { ...zero, config: { linkState: undefined, ...zero } };
const lock = "/var/lib/cni/ib-sriov/.vf/0000:03:00.2";
const own = guid("02:00:00:00:00:00:00:01");
const usable = "usable only for networks that set a GUID";
const drain = "the SR-IOV Network Operator drains the node";
const notNeeded = '(not needed if networks have "guid": "auto", or ib-kubernetes runs)';
const noPf = "(the PF needs a netdev and a GUID, from which GUIDs of VFs are derived)";

test("each function has its own GUID", () => {
  expect(examine(aPf([aVf(0), aVf(1)]))).toEqual([
    ["ok guid-ok: every free VF has a GUID, and no two devices have the same GUID"],
  ]);
});

test("without VFs, or if it is not known which VFs are free, nothing is reported", () => {
  expect(examine()).toEqual([]);
  expect(examine(aPf([]))).toEqual([]);
  expect(guids(aDoctorContext({}, { pfs: [aPf([aVf(0, none)])], attached: undefined }))).toEqual([]);
});

test("GUIDs that cannot be read are not called good", () => {
  expect(examine(aPf([aVf(0), aVf(1, { nodeGuid: undefined, portGuid: undefined })]))).toEqual([
    ["skipped guid-unknown: VF 0000:03:00.3 has GUIDs that cannot be read here"],
  ]);
});

describe("VFs without a GUID", () => {
  test("are provisioned by the plugin, which `doctor --fix` may do", () => {
    const context = aDoctorContext({}, { pfs: [aPf([aVf(0), aVf(1, none)])] });
    expect(summaries(guids(context))).toEqual([
      [
        `warning guid-missing: VF 0000:03:00.3 has no GUID: ${usable}, and ${drain}`,
        "ib-sriov provision 0000:03:00.3",
        notNeeded,
      ],
    ]);
    expect(guids(context)[0]?.fix).toEqual({ kind: "provision", vfs: ["0000:03:00.3"] });
  });

  test("or with a GUID of all ones are separate findings", () => {
    const ofGo = { ...ones, config: { linkState: undefined, ...ones } };
    expect(examine(aPf([aVf(0, none), aVf(1, none), aVf(2, ofGo), aVf(3)]))).toEqual([
      [
        `warning guid-missing: 2 VFs (0000:03:00.2, 0000:03:00.3) have no GUID: ${usable}, and ${drain}`,
        "ib-sriov provision 0000:03:00.2 0000:03:00.3",
        notNeeded,
      ],
      [
        `warning guid-all-ones: VF 0000:03:00.4 has all ones as the GUID, which the Go plugin's DEL sets: ${usable}`,
        "ib-sriov provision 0000:03:00.4",
        notNeeded,
      ],
    ]);
  });

  test("of a PF without a netdev or GUID have no command", () => {
    for (const pf of [{ netdev: undefined }, { portGuid: ZERO_GUID }, { portGuid: undefined }]) {
      const [finding] = guids(aDoctorContext({}, { pfs: [aPf([aVf(0, none), aVf(1)], pf)] }));
      expect(finding).toMatchObject({ id: "guid-missing", advice: noPf.slice(1, -1) });
      expect(finding?.command).toBeUndefined();
      expect(finding?.fix).toBeUndefined();
    }
  });

  test("include those with only a port GUID, and a VF that was created again; not those of containers", () => {
    expect(examine(aPf([aVf(0, { ...none, portGuid: own }), aVf(1)]))[0]?.[0]).toMatch(/guid-missing/);
    const destroyed: ListedAttachment = { ...attachment, condition: "destroyed" };
    expect(examine(aPf([aVf(0, { ...none, attachment: destroyed }), aVf(1)]))[0]?.[0]).toMatch(
      /guid-missing/,
    );
    expect(examine(aPf([aVf(0, { ...none, attachment }), aVf(1)]))[0]?.[0]).toMatch(/^ok/);
  });
});

describe("no VF has a GUID", () => {
  const network = (name: string, document: Network["document"]): Network => ({
    name,
    file: `/etc/cni/net.d/${name}`,
    document,
    chain: [],
    cniPath: "",
  });
  const withNetworks = (vfs: readonly InventoriedVf[], ...networks: Network[]) =>
    summaries(guids(aDoctorContext({}, { pfs: [aPf(vfs)], networks: { networks, findings: [] } })));

  test("and the networks set none", () => {
    expect(
      withNetworks([aVf(0, none), aVf(1, zero)], network("own", {}), network("auto", { guid: "auto" })),
    ).toEqual([
      [
        "error guid-none: 2 VFs (0000:03:00.2, 0000:03:00.3) have no GUID, no other VF has one, and no GUID is set by own (/etc/cni/net.d/own)",
        "ib-sriov provision 0000:03:00.2 0000:03:00.3",
        '(or set "guid": "auto" in the networks, or run ib-kubernetes)',
      ],
    ]);
  });

  test("and the networks are not known", () => {
    expect(withNetworks([aVf(0, none)])[0]?.[0]).toBe(
      `warning guid-none: VF 0000:03:00.2 has no GUID, and no other VF has one: ${usable}`,
    );
  });

  test.each([
    { guid: "auto" },
    { guid: "02:00:00:00:00:00:00:09" },
    { ibKubernetesEnabled: true },
    { capabilities: { infinibandGUID: true } },
    { runtimeConfig: { infinibandGUID: "02:00:00:00:00:00:00:09" } },
  ])("and every network sets one: %j", (document) => {
    expect(withNetworks([aVf(0, none)], network("own", document))[0]?.[0]).toMatch(/^warning guid-missing/);
  });

  test.each([{ guid: "" }, { capabilities: { mac: true } }, { capabilities: null }])(
    "and a network that seems to set one does not: %j",
    (document) => {
      expect(withNetworks([aVf(0, none)], network("own", document))[0]?.[0]).toMatch(/^error guid-none/);
    },
  );

  test("but the VF of a container has one, which is free later", () => {
    const kept = { ...attachment, record: aRecord() };
    expect(withNetworks([aVf(0, none), aVf(1, { attachment: kept })])[0]?.[0]).toMatch(/guid-missing/);
    const original = { ...aRecord().originals, portGuid: ZERO_GUID };
    const given = { ...attachment, record: aRecord({ originals: original }) };
    expect(withNetworks([aVf(0, none), aVf(1, { attachment: given })])[0]?.[0]).toMatch(/guid-none/);
  });
});

test.each([
  ["none", zero],
  ["another GUID", { nodeGuid: own, portGuid: own }],
  ["another node GUID", { nodeGuid: own }],
])("a GUID that only the PF stores is not in effect: the VF has %s", (_, running) => {
  expect(examine(aPf([aVf(0, running), aVf(1)]))).toEqual([
    [
      "warning guid-not-in-effect: VF 0000:03:00.2 has a GUID at the PF that is not in effect",
      "ib-sriov provision 0000:03:00.2",
    ],
  ]);
});

test("a GUID that the PF does not report, or that the VF does not report, is not called ineffective", () => {
  const config = { linkState: undefined, nodeGuid: undefined, portGuid: undefined };
  expect(examine(aPf([aVf(0, { config })]))[0]?.[0]).toMatch(/^ok/);
  expect(examine(aPf([aVf(0, { nodeGuid: undefined, portGuid: undefined })]))[0]?.[0]).toMatch(
    /guid-unknown/,
  );
});

test("two devices have the same GUID: all free VFs but one get another GUID", () => {
  const twin = (index: number, changes: Partial<InventoriedVf> = {}) => {
    const config = { linkState: "auto", nodeGuid: own, portGuid: own } as const;
    return aVf(index, { nodeGuid: own, portGuid: own, config, ...changes });
  };
  const found = (names: string) =>
    `error guid-duplicate: ${own} is the GUID of ${names}: the subnet reaches only one device`;
  const both = found("0000:03:00.2, 0000:03:00.3");

  expect(examine(aPf([twin(0), twin(1)]))).toEqual([[both, "ib-sriov provision --replace 0000:03:00.3"]]);
  expect(examine(aPf([twin(0), twin(1, { attachment })]))).toEqual([
    [both, "ib-sriov provision --replace 0000:03:00.2"],
  ]);
  expect(examine(aPf([twin(0, { attachment }), twin(1, { attachment })]))).toEqual([
    [
      both,
      "(all devices except one need a different GUID; the VF of a pod loses this GUID when the pod ends)",
    ],
  ]);
  expect(examine(aPf([twin(0)], { portGuid: own }))).toEqual([
    [found("0000:03:00.0, 0000:03:00.2"), "ib-sriov provision --replace 0000:03:00.2"],
  ]);
  const other = aPf([twin(1)], { pci: "0000:04:00.0", netdev: undefined, portGuid: undefined });
  expect(examine(aPf([twin(0)]), other)[0]?.[0]).toBe(both);
  // Which GUID is replaced is the administrator's decision.
  expect(guids(aDoctorContext({}, { pfs: [aPf([twin(0), twin(1)])] }))[0]?.fix).toBeUndefined();
});

test("a GUID that the PF has for another VF, or that another VF gets back after its container, is a duplicate, too", () => {
  const config = { linkState: "auto", nodeGuid: own, portGuid: own } as const;
  const pending = aVf(1, { attachment, config });
  expect(examine(aPf([aVf(0, { portGuid: own }), pending]))).toContainEqual([
    `error guid-duplicate: ${own} is the GUID of 0000:03:00.2, 0000:03:00.3 (not in effect yet): the subnet reaches only one device`,
    "ib-sriov provision --replace 0000:03:00.2",
  ]);
  const record = aRecord({ originals: { ...aRecord().originals, portGuid: own } });
  const later = aVf(1, { attachment: { ...attachment, record } });
  expect(
    summaries(guids(aDoctorContext({}, { pfs: [aPf([aVf(0, { portGuid: own }), later])] }))).flat(),
  ).toContainEqual(expect.stringMatching(/guid-duplicate: .* 0000:03:00.3 \(not in effect yet\)/));
});

describe("a GUID of a pod that was left on a free VF", () => {
  const twin = {
    nodeGuid: own,
    portGuid: own,
    config: { linkState: undefined, nodeGuid: own, portGuid: own },
  };
  const network = (more: object): Network => ({
    name: "mynet",
    file: "/etc/cni/net.d/10-a.conf",
    document: { cniVersion: "1.0.0", name: "mynet", type: "ib-sriov", ...more },
    chain: [],
    cniPath: "",
  });
  const named = network({ guid: own });
  const perPod = network({ capabilities: { infinibandGUID: true } });
  const refusal = `attach VF 0000:03:00.5: GUID ${own} cannot be given to VF 0000:03:00.5: netdev ib1 of 0000:03:00.2 runs with it; no attachment has VF 0000:03:00.2: to take the GUID from it, run: ib-sriov provision --replace 0000:03:00.2; a GUID serves one port`;
  const left = (vfs: readonly InventoriedVf[], { networks = [] as Network[], msg = "", texts = {} } = {}) => {
    const failure = { ...{ command: "ADD", pod: "default/a", containerID: "c1", ifname: "net1" } };
    const failures =
      msg === "" ? [] : [{ ...failure, ...{ network: "", vf: "", code: 7, msg, details: "" } }];
    const times = { times: 1, first: "", last: "" };
    const recent = () => ({
      failures: failures.map((each) => ({ ...each, ...times })),
      counted: [],
      sources: [],
      unread: [],
    });
    const changes = { pfs: [aPf(vfs)], networks: { networks, findings: [] }, recent };
    return summaries(leftGuids(aDoctorContext(texts, changes)));
  };
  const found = (why: string) =>
    `warning guid-left: VF 0000:03:00.2 is free, and has GUID ${own}, which a pod may have left: ${why}; a pod with that GUID gets no other VF`;
  const command = "ib-sriov provision --replace 0000:03:00.2";

  test("is known from a network, or from an ADD that was refused", () => {
    expect(left([aVf(0, twin), aVf(1)], { networks: [named] })).toEqual([
      [found("network mynet (/etc/cni/net.d/10-a.conf) names it"), command],
    ]);
    expect(left([aVf(0, twin), aVf(1)], { msg: refusal })).toEqual([
      [found("ADD of default/a with that GUID was refused"), command],
    ]);
  });

  test("is assumed if pods bring their GUIDs, and no other free VF has a GUID", () => {
    expect(left([aVf(0, twin), aVf(1, none)], { networks: [perPod] })).toEqual([
      [found("no other free VF of its PF has a GUID"), `(if it is not the VF's own: ${command})`],
    ]);
  });

  test.each([
    ["the VF has a container", [aVf(0, { ...twin, attachment }), aVf(1)], { networks: [named] }],
    [
      "the GUID is the VF's own",
      [aVf(0, twin)],
      { networks: [named], texts: { [lock]: JSON.stringify({ confirmedGuid: own }) } },
    ],
    ["the ADD was refused for another reason", [aVf(0, twin)], { msg: `GUID ${own} cannot be derived` }],
    ["other VFs have GUIDs, too", [aVf(0, twin), aVf(1), aVf(2, none)], { networks: [perPod] }],
    ["networks need the GUIDs of VFs", [aVf(0, twin), aVf(1, none)], { networks: [perPod, network({})] }],
    ["no VF is left", [aVf(0, { ...twin, attachment })], { msg: refusal }],
  ])("is not reported if %s", (_, vfs, more) => {
    expect(left(vfs, more)).toEqual([]);
  });

  test('is not reported if "auto" has derived it', () => {
    const derived = derivedGuid(guid("98:03:9b:03:00:ab:01:00"), 0, 0);
    const vf = aVf(0, { nodeGuid: derived, portGuid: derived });
    expect(left([vf, aVf(1, none)], { networks: [perPod] })).toEqual([]);
  });
});
