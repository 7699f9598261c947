// A GUID belongs to one port of the node, in each mode, and whether a pod's VF was given the GUID or had it before.
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { commandLine, network } from "./harness/cni.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const node = testNode({ iommu: true, pfs: 2 });
const [, kept, other, fresh] = vfs;
/** A VF of another PF, whose GUIDs the PF of the other VFs does not know. */
const elsewhere = "0000:02:10.0";
const own = { node: "0b:00:00:00:00:00:00:01", port: "0b:00:00:00:00:00:00:02" };
const second = { container: "c2" };

/** Gives the second PF one VF, which has its own GUIDs. */
const createElsewhere = () =>
  node.shell(`pf=/sys/bus/pci/devices/0000:02:00.0 driver=/sys/bus/pci/drivers/mlx5_core
    echo 0 >$pf/sriov_numvfs; echo 1 >$pf/sriov_numvfs; name=$(ls $pf/net)
    ip link set $name vf 0 node_guid ${own.node}; ip link set $name vf 0 port_guid ${own.port}
    echo ${elsewhere} >$driver/unbind; echo ${elsewhere} >$driver/bind`);

/** Requires that no other VF gets a GUID that the VF of an attachment keeps, and that its DEL makes the GUID free. */
async function requireKept(vf: string, guid: string, more = {}): Promise<void> {
  const attached = network(vf, more);
  await node.add("a", attached);
  const taken = { command: "ADD", netns: "b", config: network(other, { guid }), ...second };
  expect(await node.refused(taken)).toMatchObject({
    code: 7,
    msg: expect.stringMatching(`${guid} .*VF ${vf} has it, which container c1`),
  });
  await node.del("b", network(other), second);
  await node.del("a", attached);
}

describe.each(["shared", "exclusive"])("in %s mode, no other VF gets", (mode) => {
  beforeAll(async () => {
    if (mode === "exclusive") await node.makeRdmaExclusive();
    else await node.reset();
    await createElsewhere();
  }, 120_000);

  const isolation = mode === "exclusive" ? { rdmaIsolation: true } : {};

  test.each([
    ["port GUID that a pod's VF of the same PF keeps", kept, "0a:00:00:00:00:00:01:02"],
    ["node GUID that a pod's VF of the same PF keeps", kept, "0a:00:00:00:00:00:01:01"],
    ["port GUID that a pod's VF of another PF keeps", elsewhere, own.port],
    ["node GUID that a pod's VF of another PF keeps", elsewhere, own.node],
  ])("the %s", (_, vf, guid) => node.unchanged(() => requireKept(vf, guid, isolation)));

  test("the own GUID of a VF, to which it returns after a pod with another GUID", () =>
    node.unchanged(() =>
      requireKept(elsewhere, own.port, { ...isolation, guid: "02:00:00:00:00:00:00:77" }),
    ));

  test("a GUID that the PF has for another VF, and that is not in effect", () =>
    node.unchanged(async () => {
      const guid = "02:00:00:00:00:00:00:66";
      await node.shell(`ip link set ib0 vf 1 node_guid ${guid}; ip link set ib0 vf 1 port_guid ${guid}`);
      const { code, msg } = await node.refused({
        command: "ADD",
        netns: "b",
        config: network(other, { guid }),
      });
      expect(code).toBe(7);
      expect(msg).toContain(`PF 0000:01:00.0 has it for VF ${kept}`);
      await node.shell(`ip link set ib0 vf 1 node_guid 0a:00:00:00:00:00:01:01
        ip link set ib0 vf 1 port_guid 0a:00:00:00:00:00:01:02`);
    }));
});

describe("no other VF gets", () => {
  beforeEach(async () => {
    await node.reset();
    await createElsewhere();
  });

  test('the GUID that "guid": "auto" is about to give, during the rebind', async () => {
    const derived = "9a:03:9b:03:04:ab:01:00";
    const auto = { command: "ADD", netns: "a", config: network(fresh, { guid: "auto" }) };
    const explicit = { command: "ADD", netns: "b", config: network(other, { guid: derived }), ...second };
    const output = await node.shell(`echo 3000 >/sys/module/vhca/parameters/probe_delay_ms
      { ${commandLine(plugin, auto)}; } >/dev/null & first=$!
      while [ -e /sys/bus/pci/devices/${fresh}/infiniband ]; do sleep 0.01; done
      echo 0 >/sys/module/vhca/parameters/probe_delay_ms
      { ${commandLine(plugin, explicit)}; } && echo "the second ADD succeeded"
      wait $first`);
    expect(JSON.parse(output)).toMatchObject({
      code: 7,
      msg: expect.stringContaining(`VF ${fresh} has it, which container c1`),
    });
    await node.del("a", auto.config);
  });

  test.each([
    ["the same PF", kept, "0a:00:00:00:00:00:01:02"],
    ["another PF", elsewhere, own.port],
  ])("the GUID that a virtual machine's VF of %s keeps", async (_, vf, guid) => {
    await node.shell(`modprobe vfio-pci; device=/sys/bus/pci/devices/${vf}
      echo vfio-pci >$device/driver_override; echo ${vf} >$device/driver/unbind; echo ${vf} >/sys/bus/pci/drivers_probe`);
    await requireKept(vf, guid, { vfioPciMode: true });
  });

  test("a GUID that a pod's VF keeps according to a record whose notes are lost", async () => {
    await node.add("a", network(elsewhere));
    await node.shell("rm -rf /var/lib/cni/ib-sriov/.guid /var/lib/cni/ib-sriov/.vf/*.guid");
    const answer = await node.refused({
      command: "ADD",
      netns: "b",
      config: network(other, { guid: own.port }),
      ...second,
    });
    expect(answer).toMatchObject({ code: 7, msg: expect.stringContaining(`VF ${elsewhere} has it`) });
    await node.del("a", network(elsewhere));
  });
});
