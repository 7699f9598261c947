// Valid inputs, from which the hostile ones are made.
import { goCache as theirs } from "../support/go-cache.ts";

const device = { cniVersion: "1.0.0", name: "mynet", type: "ib-sriov", deviceID: "0000:01:10.0" };
const rest = { timeoutSeconds: 1 };

/** Network configurations as different callers send them. */
export const configurations: readonly string[] = [
  { ...device, ...rest },
  {
    ...device,
    ...rest,
    link_state: "enable",
    pkey: "0x5",
    runtimeConfig: { infinibandGUID: "02:00:00:00:00:00:00:01" },
    ipam: { type: "fake", ranges: [[{ subnet: "10.1.0.0/24" }]], routes: [{ dst: "0.0.0.0/0" }] },
    dns: { nameservers: ["10.0.0.1"], domain: "d", search: ["a", "b"], options: ["ndots:1"] },
  },
  {
    ...device,
    ...rest,
    cniVersion: "0.4.0",
    guid: "0x0200000000000002",
    ibKubernetesEnabled: true,
    args: {
      cni: { guid: "02:00:00:00:00:00:00:03", "mellanox.infiniband.app": "configured", ips: ["10.1.0.9/24"] },
    },
    prevResult: {
      cniVersion: "0.4.0",
      interfaces: [{ name: "eth0", sandbox: "/run/netns/a", mac: "02:00:00:00:00:01" }],
      ips: [{ version: "4", address: "192.0.2.1/24", interface: 0 }],
      dns: {},
    },
  },
].map((each) => JSON.stringify(each));

/** The outputs of IPAM plugins, results and errors, in several versions. */
export const ipamResults: readonly string[] = [
  {
    cniVersion: "1.0.0",
    ips: [{ address: "10.1.0.2/24", gateway: "10.1.0.1" }, { address: "fd00::2/64" }],
    routes: [
      { dst: "0.0.0.0/0" },
      { dst: "fd01::/64", gw: "fd00::1", mtu: 1500, advmss: 1400, priority: 1, table: 7, scope: 0 },
    ],
    dns: { nameservers: ["10.0.0.1"] },
  },
  {
    cniVersion: "0.3.1",
    ips: [{ version: "4", address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 0 }],
    interfaces: [{ name: "net1" }],
    dns: {},
  },
  {
    cniVersion: "0.2.0",
    ip4: { ip: "10.1.0.2/24", gateway: "10.1.0.1", routes: [{ dst: "10.2.0.0/16", gw: "10.1.0.1" }] },
    dns: {},
  },
  { code: 11, msg: "no address is free", details: "range 0" },
].map((each) => JSON.stringify(each));

/** A cache of the Go plugin, on a machine without a PF: the PF's name is that of lo, which always exists. */
export const goCacheText = JSON.stringify({
  ...theirs,
  HostIFGUID: "0a:00:00:00:00:00:00:02",
  Master: "lo",
  ipam: { type: "fake" },
  runtimeConfig: { infinibandGUID: "02:00:00:00:00:00:00:01" },
});

/** The content of a VF's lock file. */
export const notes: readonly string[] = [
  { owner: { containerId: "c1", ifname: "net1" }, holder: { pid: 1, verb: "ADD of container c1", since: 0 } },
  {
    owner: { containerId: "c2", ifname: "net1" },
    predecessor: { containerId: "c1", ifname: "net1" },
    holder: { pid: 2, verb: "DEL of container c2", since: 1795506227622 },
  },
].map((each) => JSON.stringify(each));

/** The variables of a call. */
export const variables: Readonly<Record<string, string>> = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/run/netns/a",
  CNI_IFNAME: "net1",
  CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAME=p;guid=02:00:00:00:00:00:00:04",
  CNI_PATH: "/opt/cni/bin",
  CNI_NETNS_OVERRIDE: "",
};
