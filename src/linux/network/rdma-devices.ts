import {
  dumpRdmaDevices,
  dumpRdmaObjects,
  getRdmaSummary,
  moveRdmaDevice,
  parseRdmaDevice,
  parseRdmaObjects,
  parseRdmaSummary,
  type RdmaObjectKind,
  type RdmaObjects,
  renameRdmaDevice,
  setAdaptiveModeration,
} from "../../netlink/rdma.ts";
import type { Watch } from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { IpoibUse, RdmaDevice, RdmaDevices, RdmaOwner } from "../../node/rdma-devices.ts";
import { readFile } from "../files/read.ts";
import { valueUnlessErrno } from "../unless-errno.ts";
import type { Waits } from "../waits.ts";
import { asLinuxNamespace } from "./namespace.ts";
import type { LinuxNamespaces } from "./namespaces.ts";
import { LinuxWatch } from "./watch.ts";

/**
 * A parameter of ib_core, "Y" for shared and "N" for exclusive. The kernel itself uses this variable
 * (ib_devices_shared_netns of drivers/infiniband/core/device.c), so it also shows a change by `rdma system set netns`.
 * Reading it takes fewer system calls than a netlink request.
 */
const NETNS_MODE = "/sys/module/ib_core/parameters/netns_mode";

/** The name of IPoIB's module, under which the kernel lists the resources of IPoIB. */
const IPOIB = "ib_ipoib";

/** RDMA devices, through RDMA netlink. */
export class LinuxRdmaDevices implements RdmaDevices {
  constructor(
    private readonly namespaces: LinuxNamespaces,
    private readonly waits: Waits,
  ) {}

  isExclusive(): boolean {
    // Kernels before 5.3 have no RDMA namespaces: every process sees every device.
    return readFile(NETNS_MODE, undefined, ["ENOENT"])?.trim() === "N";
  }

  devices(where: Namespace): RdmaDevice[] {
    return [...asLinuxNamespace(where).rdmaNetlink.dump(dumpRdmaDevices(), parseRdmaDevice)];
  }

  ipoibUse(where: Namespace, index: number): IpoibUse | undefined {
    // Protection domains are counted, because each IPoIB netdev has one: in datagram and in connected mode, and also if
    // the driver accelerates it (ipoib_dev_init of drivers/infiniband/ulp/ipoib/ipoib_main.c). The kernel's list of
    // queue pairs does not contain those of an accelerated netdev.
    const parts = objectsOf("protection domains", where, index);
    const device = parts[0]?.device;
    if (device === undefined) return undefined;
    const netdevs = parts.flatMap(({ owners }) => owners).filter(({ module }) => module === IPOIB).length;
    return { device, netdevs };
  }

  contexts(where: Namespace, index: number): number | undefined {
    const get = () => asLinuxNamespace(where).rdmaNetlink.get(getRdmaSummary(index));
    const reply = valueUnlessErrno(["EINVAL"], undefined, get);
    return reply && parseRdmaSummary(reply).get("ctx");
  }

  queuePairs(where: Namespace, index: number): readonly RdmaOwner[] {
    return objectsOf("queue pairs", where, index).flatMap(({ owners }) => owners);
  }

  move(from: Namespace, index: number, to: Namespace): void {
    const source = asLinuxNamespace(from);
    const request = moveRdmaDevice(index, asLinuxNamespace(to).fd);
    // A socket of the device's namespace does not suffice: the kernel refuses the move (ENODEV) unless the calling
    // thread is in that namespace (ib_device_set_netns_put of drivers/infiniband/core/device.c checks `current`).
    this.namespaces.within(source, () => source.rdmaNetlink.request([request]));
  }

  rename(where: Namespace, index: number, name: string): void {
    asLinuxNamespace(where).rdmaNetlink.request([renameRdmaDevice(index, name)]);
  }

  setAdaptiveModeration(where: Namespace, index: number, isOn: boolean): void {
    asLinuxNamespace(where).rdmaNetlink.request([setAdaptiveModeration(index, isOn)]);
  }

  watch(): Watch {
    return new LinuxWatch(this.namespaces.host, "devices", this.waits);
  }
}

/** Lists objects of a device; none if the namespace has no device of that number. */
function objectsOf(kind: RdmaObjectKind, where: Namespace, index: number): readonly RdmaObjects[] {
  const { rdmaNetlink } = asLinuxNamespace(where);
  const dump = () =>
    rdmaNetlink.dump(dumpRdmaObjects(kind, index), (message) => parseRdmaObjects(kind, message));
  return valueUnlessErrno(["EINVAL"], [], dump);
}
