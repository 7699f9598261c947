import { expect, test } from "vitest";
import { guids } from "../../../../src/cli/doctor/guids.ts";
import type { InventoriedPf, InventoriedVf } from "../../../../src/cli/inventory.ts";
import { ALL_ONES_GUID, ZERO_GUID } from "../../../../src/infiniband/guid.ts";
import { guid } from "../../../support/records.ts";
import { aPatient, aPf, aVf, told } from "./patient.ts";

const examine = (...pfs: InventoriedPf[]) => told(guids(aPatient({}, { pfs })));
const holder = { condition: "attached" } as InventoriedVf["holder"];
const zero = { nodeGuid: ZERO_GUID, portGuid: ZERO_GUID };
const ones = { nodeGuid: ALL_ONES_GUID, portGuid: ALL_ONES_GUID };
const none = { ...zero, config: { linkState: undefined, ...zero } };
const drivers = "/sys/bus/pci/drivers/mlx5_core";
const advice = '(no need where networks have "guid": "auto", or ib-kubernetes runs)';
const drain = "the SR-IOV Network Operator drains the node";

test("all have one of their own", () => {
  expect(examine(aPf([aVf(0), aVf(1)]))).toEqual([
    ["ok: every free VF has one, and no two devices have the same"],
  ]);
  expect(examine()).toEqual([]);
});

test("one has none: the command gives it the one that it would be given automatically", () => {
  expect(examine(aPf([aVf(0), aVf(1, none)]))).toEqual([
    [
      `warning: VF 0000:03:00.3 without a GUID (${drain}): only for networks that bring one`,
      `ip link set ib0 vf 1 node_guid 9a:03:9b:03:02:ab:01:00; ip link set ib0 vf 1 port_guid 9a:03:9b:03:02:ab:01:00; echo 0000:03:00.3 >${drivers}/unbind; echo 0000:03:00.3 >${drivers}/bind`,
      advice,
    ],
  ]);
});

test("several have none, some of them all ones: a loop each", () => {
  const ofGo = { ...ones, config: { linkState: undefined, ...ones } };
  const [first, second] = examine(aPf([aVf(0, none), aVf(1, none), aVf(2, ofGo), aVf(3)]));
  expect(first?.[1]).toBe(
    "for each in '0 9a:03:9b:03:01:ab:01:00 0000:03:00.2 mlx5_core' '1 9a:03:9b:03:02:ab:01:00 0000:03:00.3 mlx5_core'; " +
      "do set -- $each; ip link set ib0 vf $1 node_guid $2; ip link set ib0 vf $1 port_guid $2; " +
      "echo $3 >/sys/bus/pci/drivers/$4/unbind; echo $3 >/sys/bus/pci/drivers/$4/bind; done",
  );
  expect(second?.[0]).toBe(
    "warning: VF 0000:03:00.4 with all ones for a GUID, as the Go plugin's DEL leaves it: only for networks that bring one",
  );
});

test("a VF that a virtual machine can have is not bound anew", () => {
  const whole = { ...none, driver: "vfio-pci" };
  const [both] = examine(aPf([aVf(0, none), aVf(1, whole)]));
  expect(both?.[1]?.split("; ").slice(4)).toEqual([
    "ip link set ib0 vf 1 node_guid 9a:03:9b:03:02:ab:01:00",
    "ip link set ib0 vf 1 port_guid 9a:03:9b:03:02:ab:01:00",
  ]);
  const [alone] = examine(aPf([aVf(1, whole)]));
  expect(alone?.[1]?.split("; ")).toHaveLength(2);
});

test("one that is derived already is not given twice", () => {
  const taken = guid("9a:03:9b:03:02:ab:01:00");
  const [finding] = examine(aPf([aVf(0, { nodeGuid: taken, portGuid: taken }), aVf(1, none)]));
  expect(finding?.[1]).toMatch(/node_guid 9a:03:9b:13:02:ab:01:00;/);
});

test("a node GUID alone counts, too; what is not known does not, nor what somebody has", () => {
  expect(examine(aPf([aVf(0, { ...none, portGuid: guid("02:00:00:00:00:00:00:01") })]))[0]?.[0]).toMatch(
    /^warning: VF/,
  );
  expect(examine(aPf([aVf(0, { nodeGuid: undefined, portGuid: undefined })]))[0]?.[0]).toMatch(/^ok/);
  expect(examine(aPf([aVf(0, { ...none, holder })]))[0]?.[0]).toMatch(/^ok/);
});

test("one that the PF has on file needs a rebind only", () => {
  expect(examine(aPf([aVf(0, zero)]))).toEqual([
    [
      "warning: VF 0000:03:00.2 with a GUID that is not in effect yet",
      `echo 0000:03:00.2 >${drivers}/unbind; echo 0000:03:00.2 >${drivers}/bind`,
    ],
  ]);
});

test("where the PF has no netdev or no GUID there is no command", () => {
  for (const pf of [{ netdev: undefined }, { portGuid: ZERO_GUID }, { portGuid: undefined }])
    expect(examine(aPf([aVf(0, none)], pf))[0]?.slice(1)).toEqual([advice]);
});

test("two devices have one: those that nobody has get another, but for one", () => {
  const same = guid("02:00:00:00:00:00:00:01");
  const twin = (index: number, changes: Partial<InventoriedVf> = {}) =>
    aVf(index, { nodeGuid: same, portGuid: same, ...changes });
  const found = (names: string) =>
    `error: ${same} is the GUID of ${names}: the subnet reaches only one of them`;

  const [free] = examine(aPf([twin(0), twin(1)]));
  expect(free?.[0]).toBe(found("0000:03:00.2, 0000:03:00.3"));
  expect(free?.[1]).toMatch(/^ip link set ib0 vf 1 node_guid [^;]*; [^;]*; [^;]*; [^;]*$/);

  const [held] = examine(aPf([twin(0), twin(1, { holder })]));
  expect(held?.[1]).toMatch(/^ip link set ib0 vf 0 node_guid [^;]*; [^;]*; [^;]*; [^;]*$/);

  expect(examine(aPf([twin(0, { holder }), twin(1, { holder })]))).toEqual([
    [found("0000:03:00.2, 0000:03:00.3"), "(all but one need another; a pod's goes with the pod)"],
  ]);

  const [port] = examine(aPf([twin(0)], { portGuid: same }));
  expect(port?.[0]).toBe(found("0000:03:00.0, 0000:03:00.2"));
  expect(port?.[1]).toMatch(/vf 0 node_guid/);

  const other = aPf([twin(1)], { pci: "0000:04:00.0", netdev: undefined, portGuid: undefined });
  expect(examine(aPf([twin(0)]), other)[0]?.[0]).toMatch(/^error/);
});
