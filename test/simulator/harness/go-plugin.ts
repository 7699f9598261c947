// The Go plugin's ADD, as far as a DEL meets what it has done: pkg/sriov (ApplyVFConfig, SetupVF) and the cache that
// it writes at the end.
import type { Guid } from "../../../src/infiniband/guid.ts";
import { moveLink, rename } from "../model/link-requests.ts";
import type { Machine } from "../model/machine.ts";
import { driver } from "./prepare.ts";
import { pathOf } from "./records.ts";
import type { AttachmentRequest, Pod } from "./requests.ts";
import type { SimulatedNode } from "./simulated-node.ts";

/** The Go plugin attaches a VF. What it loses of the VF for good counts as lost before. */
export function addByGoPlugin(story: SimulatedNode, pod: Pod, wish: AttachmentRequest): void {
  story.happens((machine) => lose(machine, wish));
  const { machine } = story;
  const name = netdevOf(machine, wish).name;
  const cache = cacheOf(machine, pod, wish, name);
  attachVf(machine, pod, wish);
  lease(machine, pod, wish);
  machine.files.makeDirectory("/var/lib/cni/ib-sriov");
  machine.files.write(pathOf(pod), cache);
}

/** What the Go plugin writes down. */
export function cacheOf(machine: Machine, pod: Pod, wish: AttachmentRequest, name: string): string {
  const vf = machine.bus.vf(wish.vf, "look");
  return JSON.stringify({
    ContIFNames: pod.ifname,
    HostIFGUID: wish.guid === undefined ? "" : vf.probed?.portGuid,
    HostIFNames: name,
    Master: "ib0",
    RdmaNetState: { containerRdmaDevName: "", deviceID: "", sandboxRdmaDevName: "", version: "" },
    VFID: vf.index,
    args: { cni: null },
    cniVersion: "1.0.0",
    deviceID: wish.vf,
    ipam: wish.subnets === undefined ? {} : { type: "host-local" },
    ...(wish.linkState === undefined ? {} : { link_state: wish.linkState }),
    name: "mynet",
    pkey: "",
    ...(wish.rdmaIsolation === true ? { rdmaIsolation: true } : {}),
    runtimeConfig: { infinibandGUID: wish.guid ?? "" },
    type: "ib-sriov",
  });
}

/** Leases an address for a pod. */
export function lease({ leases }: Machine, pod: Pod, wish: AttachmentRequest): void {
  if (wish.subnets !== undefined) leases.leases.set("mynet 10.1.0.2", `${pod.containerId} ${pod.ifname}`);
}

/** It takes the netdev down, the link state that there was for `auto`, and the port GUID for the node's, too. */
function lose(machine: Machine, wish: AttachmentRequest): void {
  const { bus, host } = machine;
  const vf = bus.vf(wish.vf, "look");
  const { name } = netdevOf(machine, wish);
  if (wish.linkState !== undefined) vf.linkState = "auto";
  // A move of the RDMA device makes a new netdev, as a rebind does.
  if (wish.guid !== undefined || wish.rdmaIsolation === true) {
    vf.adminPortGuid = vf.probed?.portGuid ?? vf.adminPortGuid;
    vf.adminNodeGuid = vf.adminPortGuid;
    bus.unbind(wish.vf, driver);
    bus.bind(wish.vf, driver);
    rename(host, netdevOf(machine, wish), name);
  }
  machine.setUp(host, netdevOf(machine, wish), false);
}

function attachVf(machine: Machine, pod: Pod, wish: AttachmentRequest): void {
  const { bus, host } = machine;
  const vf = bus.vf(wish.vf, "look");
  if (wish.linkState !== undefined) vf.linkState = wish.linkState;
  const guid = guidOf(wish);
  if (guid !== undefined) {
    vf.adminNodeGuid = guid;
    vf.adminPortGuid = guid;
    bus.unbind(wish.vf, driver);
    bus.bind(wish.vf, driver);
  }
  const namespace = machine.paths.get(pod.netns);
  if (namespace === undefined) throw new Error(`there is no ${pod.netns}`);
  if (wish.rdmaIsolation === true) {
    const device = bus.rdma.in(host).find(({ pci }) => pci === wish.vf);
    bus.moveRdma(host, device?.index ?? -1, namespace);
  }
  const netdev = netdevOf(machine, wish);
  moveLink(host, host.indexOf(netdev) ?? 0, namespace, pod.ifname);
  machine.setUp(namespace, netdev, true);
}

/** It makes none itself. */
function guidOf({ guid }: AttachmentRequest): Guid | undefined {
  if (guid === "auto") throw new Error("the Go plugin has no GUIDs on demand");
  return guid;
}

function netdevOf({ host }: Machine, { vf }: AttachmentRequest) {
  const netdev = host.ofFunction(vf)[0]?.[1];
  if (netdev === undefined) throw new Error(`VF ${vf} has no netdev on the host`);
  return netdev;
}
