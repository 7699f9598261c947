// The result of ADD in every mode and version, compared with that of the Go plugin.
import { beforeAll, describe, expect, test } from "vitest";
import { SUPPORTED_VERSIONS } from "../../src/cni/versions.ts";
import { type Config, network, type Result } from "./harness/cni.ts";
import { testNode, vfs } from "./harness/node.ts";

const node = testNode({ iommu: true, pfs: 2 });
const guid = "02:00:00:00:00:00:00:77";
const [inPod, vfio, rdma] = vfs;
/** A PF without VFs. */
const physical = "0000:02:00.0";
const address = "10.1.0.5/24";

/** Sets the node up, for each network again: a test that fails resets the node. */
async function prepare(): Promise<void> {
  await node.reset();
  await node.bindToVfio(vfio, physical);
  await node.shell(`echo 1 >/sys/module/vhca/parameters/no_netdev
    echo ${rdma} >/sys/bus/pci/drivers/mlx5_core/unbind; echo ${rdma} >/sys/bus/pci/drivers/mlx5_core/bind
    echo 0 >/sys/module/vhca/parameters/no_netdev`);
  // Its result has the version of the configuration.
  await node.plugin(
    "fixed",
    `[[ $CNI_COMMAND == ADD ]] && if grep -q '"cniVersion":"0.[12]'
    then echo '{"ip4": {"ip": "${address}"}}'
    else echo '{"ips": [{"address": "${address}"}]}'; fi; true`,
  );
}

/** The networks; `netdev`: whether the container gets an interface. */
const networks: readonly (readonly [string, { readonly netdev: boolean; readonly config: Config }])[] = [
  ["a VF without IPAM", { netdev: true, config: network(inPod, { guid }) }],
  ["a VF with IPAM", { netdev: true, config: network(inPod, { guid, ipam: { type: "fixed" } }) }],
  ["a VF with vfio-pci", { netdev: false, config: network(vfio, { guid, ipam: { type: "fixed" } }) }],
  ["a PF with vfio-pci", { netdev: false, config: network(physical) }],
  // The Go plugin has no such mode. Without a GUID the VF is not rebound, which would give it a netdev.
  ["an RDMA-only VF", { netdev: false, config: network(rdma, { rdmaOnly: true }) }],
];

/** The interface in the Go plugin's result; it has no other member, whatever the mode and version. */
const goInterface = { name: "net1", sandbox: "/run/netns/a" };

/**
 * The Go plugin's result without and with an address, as its cmdAdd (cmd/ib-sriov-cni/main.go, commit 543060d) and
 * libcni's types make it; `undefined` if its ADD fails: "cannot convert: no valid IP addresses".
 */
const ofGoPlugin: Readonly<
  Record<(typeof SUPPORTED_VERSIONS)[number], readonly [plain: object | undefined, addressed: object]>
> = {
  "0.1.0": [undefined, { cniVersion: "0.1.0", ip4: { ip: address }, dns: {} }],
  "0.2.0": [undefined, { cniVersion: "0.2.0", ip4: { ip: address }, dns: {} }],
  "0.3.0": [withInterface("0.3.0"), withInterface("0.3.0", { version: "4" })],
  "0.3.1": [withInterface("0.3.1"), withInterface("0.3.1", { version: "4" })],
  "0.4.0": [withInterface("0.4.0"), withInterface("0.4.0", { version: "4" })],
  "1.0.0": [withInterface("1.0.0"), withInterface("1.0.0", {})],
  "1.1.0": [withInterface("1.1.0"), withInterface("1.1.0", {})],
};

/** Returns a result with an interface; `more`: further members of its address, `undefined` for no address. */
function withInterface(cniVersion: string, more?: object) {
  return {
    cniVersion,
    interfaces: [goInterface],
    ...(more && { ips: [{ ...more, interface: 0, address }] }),
    ...(cniVersion.startsWith("0.") && { dns: {} }),
  };
}

/** Returns what this plugin adds to the interface. */
function addedMembers(version: string, netdev: boolean, config: Config): object {
  return {
    ...(netdev && { mac: expect.stringMatching(/^(\w\w:){19}\w\w$/) }),
    ...(version === "1.1.0" && { ...(netdev && { mtu: expect.any(Number) }), pciID: config.deviceID }),
  };
}

describe.each(networks)("%s", (_, { netdev, config }) => {
  beforeAll(prepare, 120_000);

  test.each(SUPPORTED_VERSIONS)("in version %s: the Go plugin's result, with further members", (cniVersion) =>
    node.unchanged(async () => {
      const network = { ...config, cniVersion };
      const go = ofGoPlugin[cniVersion][netdev && config.ipam !== undefined ? 1 : 0];
      if (go === undefined) {
        const refused = await node.refused({ command: "ADD", netns: "a", config: network });
        expect(refused).toMatchObject({ code: 999, msg: expect.stringContaining("no valid IP addresses") });
        return;
      }
      const result: Result = await node.add("a", network);
      const own = { ...goInterface, ...addedMembers(cniVersion, netdev, config) };
      expect(result).toEqual("interfaces" in go ? { ...go, interfaces: [own] } : go);
      if (cniVersion >= "0.4.0") {
        // Versions of this plugin up to 0.1.0 named no interface without a netdev, and the runtime keeps their results.
        for (const interfaces of netdev ? [result.interfaces] : [result.interfaces, undefined]) {
          const prevResult = { ...result, interfaces };
          expect(
            await node.call({ command: "CHECK", netns: "a", config: { ...network, prevResult } }),
          ).toMatchObject({ status: 0, stdout: "" });
        }
      }
      await node.del("a", network);
    }),
  );
});

describe("as Multus calls it", () => {
  beforeAll(prepare, 120_000);

  /**
   * The elements of the annotation network-status that Multus makes of a result: one for each interface in a container
   * (CreateNetworkStatuses of network-attachment-definition-client). KubeVirt finds the VF of a network by its element.
   */
  const statusesOf = ({ interfaces = [] }: Result) =>
    interfaces.filter(({ sandbox }) => Boolean(sandbox)).map(({ name, mac }) => ({ interface: name, mac }));
  const file = "/var/run/k8s.cni.cncf.io/devinfo/cni/default-ib-c1_net1-device.json";

  test.each([
    ["with vfio-pci", vfio, {}],
    ["with rdmaOnly", rdma, { rdmaOnly: true }],
  ])("a VF %s has an element of network-status, and DEL with the cached result returns it", (_, pci, more) =>
    node.unchanged(async () => {
      // createRuntimeConf and delegateAddDeviceID of Multus 4.3 (pkg/types/conf.go), injectRuntimeConfig of libcni.
      const args =
        "IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME=vm;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=u";
      const config = {
        ...network(pci, { ...more, pciBusID: pci, name: "ib", cniVersion: "1.0.0" }),
        capabilities: { infinibandGUID: true, CNIDeviceInfoFile: true },
        runtimeConfig: { CNIDeviceInfoFile: file },
      };
      const result = await node.add("a", config, { args });
      expect(statusesOf(result)).toEqual([{ interface: "net1", mac: undefined }]);
      await node.del("a", { ...config, prevResult: result }, { args });
    }),
  );
});
