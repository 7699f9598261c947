import { expect, test } from "vitest";
import { guids } from "../../../../src/cli/doctor/guids.ts";
import type { InventoriedPf, InventoriedVf } from "../../../../src/cli/inventory.ts";
import { ALL_ONES_GUID, ZERO_GUID } from "../../../../src/infiniband/guid.ts";
import { guid } from "../../../support/records.ts";
import { aDoctorContext, aPf, aVf, summaries } from "./doctor-context.ts";

const examine = (...pfs: InventoriedPf[]) => summaries(guids(aDoctorContext({}, { pfs })));
const holder = { condition: "attached" } as InventoriedVf["holder"];
const zero = { nodeGuid: ZERO_GUID, portGuid: ZERO_GUID };
const ones = { nodeGuid: ALL_ONES_GUID, portGuid: ALL_ONES_GUID };
const none = { ...zero, config: { linkState: undefined, ...zero } };
const drivers = "/sys/bus/pci/drivers/mlx5_core";
const advice = '(not needed if networks have "guid": "auto", or ib-kubernetes runs)';
const drain = "the SR-IOV Network Operator drains the node";

test("each function has its own GUID", () => {
  expect(examine(aPf([aVf(0), aVf(1)]))).toEqual([
    ["ok: every free VF has a GUID, and no two devices have the same GUID"],
  ]);
  expect(examine()).toEqual([]);
});

test("one VF has no GUID: the command assigns the GUID that ADD would assign", () => {
  expect(examine(aPf([aVf(0), aVf(1, none)]))).toEqual([
    [
      `warning: VF 0000:03:00.3 without a GUID (${drain}): usable only for networks that set a GUID`,
      `ip link set ib0 vf 1 node_guid 9a:03:9b:03:02:ab:01:00; ip link set ib0 vf 1 port_guid 9a:03:9b:03:02:ab:01:00; echo 0000:03:00.3 >${drivers}/unbind; echo 0000:03:00.3 >${drivers}/bind`,
      advice,
    ],
  ]);
});

test("several VFs have no GUID, some of them all-ones: the command is one loop", () => {
  const ofGo = { ...ones, config: { linkState: undefined, ...ones } };
  const [first, second] = examine(aPf([aVf(0, none), aVf(1, none), aVf(2, ofGo), aVf(3)]));
  expect(first?.[1]).toBe(
    "for each in '0 9a:03:9b:03:01:ab:01:00 0000:03:00.2 mlx5_core' '1 9a:03:9b:03:02:ab:01:00 0000:03:00.3 mlx5_core'; " +
      "do set -- $each; ip link set ib0 vf $1 node_guid $2; ip link set ib0 vf $1 port_guid $2; " +
      "echo $3 >/sys/bus/pci/drivers/$4/unbind; echo $3 >/sys/bus/pci/drivers/$4/bind; done",
  );
  expect(second?.[0]).toBe(
    "warning: VF 0000:03:00.4 with all ones as the GUID, which the Go plugin's DEL sets: usable only for networks that set a GUID",
  );
});

test("a VF for a virtual machine is not rebound", () => {
  const whole = { ...none, driver: "vfio-pci" };
  const [both] = examine(aPf([aVf(0, none), aVf(1, whole)]));
  expect(both?.[1]?.split("; ").slice(4)).toEqual([
    "ip link set ib0 vf 1 node_guid 9a:03:9b:03:02:ab:01:00",
    "ip link set ib0 vf 1 port_guid 9a:03:9b:03:02:ab:01:00",
  ]);
  const [alone] = examine(aPf([aVf(1, whole)]));
  expect(alone?.[1]?.split("; ")).toHaveLength(2);
});

test("a derived GUID that is in use is not assigned again", () => {
  const taken = guid("9a:03:9b:03:02:ab:01:00");
  const [finding] = examine(aPf([aVf(0, { nodeGuid: taken, portGuid: taken }), aVf(1, none)]));
  expect(finding?.[1]).toMatch(/node_guid 9a:03:9b:13:02:ab:01:00;/);
});

test("a node GUID alone counts, too; unknown GUIDs and those of attached VFs do not", () => {
  expect(examine(aPf([aVf(0, { ...none, portGuid: guid("02:00:00:00:00:00:00:01") })]))[0]?.[0]).toMatch(
    /^warning: VF/,
  );
  expect(examine(aPf([aVf(0, { nodeGuid: undefined, portGuid: undefined })]))[0]?.[0]).toMatch(/^ok/);
  expect(examine(aPf([aVf(0, { ...none, holder })]))[0]?.[0]).toMatch(/^ok/);
});

test("a GUID that only the PF stores needs only a rebind", () => {
  expect(examine(aPf([aVf(0, zero)]))).toEqual([
    [
      "warning: VF 0000:03:00.2 with a GUID that is not in effect yet",
      `echo 0000:03:00.2 >${drivers}/unbind; echo 0000:03:00.2 >${drivers}/bind`,
    ],
  ]);
});

test("without a netdev or GUID of the PF there is a warning without a command", () => {
  for (const pf of [{ netdev: undefined }, { portGuid: ZERO_GUID }, { portGuid: undefined }])
    expect(examine(aPf([aVf(0, none)], pf))[0]?.slice(1)).toEqual([advice]);
});

test("two devices have the same GUID: all free VFs but one get another GUID", () => {
  const same = guid("02:00:00:00:00:00:00:01");
  const twin = (index: number, changes: Partial<InventoriedVf> = {}) =>
    aVf(index, { nodeGuid: same, portGuid: same, ...changes });
  const found = (names: string) =>
    `error: ${same} is the GUID of ${names}: the subnet reaches only one device`;

  const [free] = examine(aPf([twin(0), twin(1)]));
  expect(free?.[0]).toBe(found("0000:03:00.2, 0000:03:00.3"));
  expect(free?.[1]).toMatch(/^ip link set ib0 vf 1 node_guid [^;]*; [^;]*; [^;]*; [^;]*$/);

  const [held] = examine(aPf([twin(0), twin(1, { holder })]));
  expect(held?.[1]).toMatch(/^ip link set ib0 vf 0 node_guid [^;]*; [^;]*; [^;]*; [^;]*$/);

  expect(examine(aPf([twin(0, { holder }), twin(1, { holder })]))).toEqual([
    [
      found("0000:03:00.2, 0000:03:00.3"),
      "(all devices except one need a different GUID; the VF of a pod loses this GUID when the pod ends)",
    ],
  ]);

  const [port] = examine(aPf([twin(0)], { portGuid: same }));
  expect(port?.[0]).toBe(found("0000:03:00.0, 0000:03:00.2"));
  expect(port?.[1]).toMatch(/vf 0 node_guid/);

  const other = aPf([twin(1)], { pci: "0000:04:00.0", netdev: undefined, portGuid: undefined });
  expect(examine(aPf([twin(0)]), other)[0]?.[0]).toMatch(/^error/);
});
