// The Go plugin's ADD, as far as it concerns a later DEL: its changes of the VF, and the cache file that it writes at
// the end.
import type { Guid } from "../../../src/infiniband/guid.ts";
import { moveLink, rename } from "../model/link-requests.ts";
import type { Machine } from "../model/machine.ts";
import { driver, netdevOnHost } from "./prepare.ts";
import { pathOf } from "./records.ts";
import type { AttachmentRequest, Pod } from "./requests.ts";
import type { SimulatedNode } from "./simulated-node.ts";

/** Attaches a VF as the Go plugin does. Originals that the Go plugin loses permanently count as lost before. */
export function addByGoPlugin(simulated: SimulatedNode, pod: Pod, request: AttachmentRequest): void {
  simulated.changeNode((machine) => lose(machine, request));
  const { machine } = simulated;
  const name = netdevOnHost(machine, request.vf).name;
  const cache = cacheOf(machine, pod, request, name);
  attachVf(machine, pod, request);
  lease(machine, pod, request);
  machine.files.makeDirectory("/var/lib/cni/ib-sriov");
  machine.files.write(pathOf(pod), cache);
}

/** Returns the text of the Go plugin's cache file. */
export function cacheOf(machine: Machine, pod: Pod, request: AttachmentRequest, name: string): string {
  const vf = machine.bus.vf(request.vf, "look");
  return JSON.stringify({
    ContIFNames: pod.ifname,
    HostIFGUID: request.guid === undefined ? "" : vf.probed?.portGuid,
    HostIFNames: name,
    Master: "ib0",
    RdmaNetState: { containerRdmaDevName: "", deviceID: "", sandboxRdmaDevName: "", version: "" },
    VFID: vf.index,
    args: { cni: null },
    cniVersion: "1.0.0",
    deviceID: request.vf,
    ipam: request.subnets === undefined ? {} : { type: "host-local" },
    ...(request.linkState === undefined ? {} : { link_state: request.linkState }),
    name: "mynet",
    pkey: "",
    ...(request.rdmaIsolation === true ? { rdmaIsolation: true } : {}),
    runtimeConfig: { infinibandGUID: request.guid ?? "" },
    type: "ib-sriov",
  });
}

/** Leases an address for a pod. */
export function lease({ leases }: Machine, pod: Pod, request: AttachmentRequest): void {
  if (request.subnets !== undefined) leases.leases.set("mynet 10.1.0.2", `${pod.containerId} ${pod.ifname}`);
}

/**
 * Applies the Go plugin's losses: the netdev goes down, the link state becomes `auto`, the port GUID is the node GUID.
 */
function lose(machine: Machine, request: AttachmentRequest): void {
  const { bus, host } = machine;
  const vf = bus.vf(request.vf, "look");
  const { name } = netdevOnHost(machine, request.vf);
  if (request.linkState !== undefined) vf.linkState = "auto";
  // A move of the RDMA device creates a new netdev, as a rebind does.
  if (request.guid !== undefined || request.rdmaIsolation === true) {
    vf.adminPortGuid = vf.probed?.portGuid ?? vf.adminPortGuid;
    vf.adminNodeGuid = vf.adminPortGuid;
    bus.unbind(request.vf, driver);
    bus.bind(request.vf, driver);
    rename(host, netdevOnHost(machine, request.vf), name);
  }
  machine.setUp(host, netdevOnHost(machine, request.vf), false);
}

function attachVf(machine: Machine, pod: Pod, request: AttachmentRequest): void {
  const { bus, host } = machine;
  const vf = bus.vf(request.vf, "look");
  if (request.linkState !== undefined) vf.linkState = request.linkState;
  const guid = guidOf(request);
  if (guid !== undefined) {
    vf.adminNodeGuid = guid;
    vf.adminPortGuid = guid;
    bus.unbind(request.vf, driver);
    bus.bind(request.vf, driver);
  }
  const namespace = machine.paths.get(pod.netns);
  if (namespace === undefined) throw new Error(`the model has no namespace ${pod.netns}`);
  if (request.rdmaIsolation === true) {
    const device = bus.rdma.in(host).find(({ pci }) => pci === request.vf);
    bus.moveRdma(host, device?.index ?? -1, namespace);
  }
  const netdev = netdevOnHost(machine, request.vf);
  moveLink(host, host.indexOf(netdev) ?? 0, namespace, pod.ifname);
  machine.setUp(namespace, netdev, true);
}

/** Returns the requested GUID. The Go plugin does not generate any. */
function guidOf({ guid }: AttachmentRequest): Guid | undefined {
  if (guid === "auto") throw new Error("the Go plugin does not generate GUIDs");
  return guid;
}
