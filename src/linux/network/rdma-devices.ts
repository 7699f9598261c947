import * as host from "host";
import {
  dumpProtectionDomains,
  dumpRdmaDevices,
  moveRdmaDevice,
  parseProtectionDomains,
  parseRdmaDevice,
  renameRdmaDevice,
} from "../../netlink/rdma.ts";
import type { Watch } from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { IpoibUse, RdmaDevice, RdmaDevices } from "../../node/rdma-devices.ts";
import { valueUnlessErrno } from "../unless-errno.ts";
import type { Waits } from "../waits.ts";
import { asLinuxNamespace } from "./namespace.ts";
import type { LinuxNamespaces } from "./namespaces.ts";
import { LinuxWatch } from "./watch.ts";

/**
 * A parameter of ib_core, "Y" for shared and "N" for exclusive. It is the kernel's own variable
 * (ib_devices_shared_netns of drivers/infiniband/core/device.c), so it also shows what `rdma system set netns`
 * has changed, and reading it takes fewer system calls than asking over netlink.
 */
const NETNS_MODE = "/sys/module/ib_core/parameters/netns_mode";

/** The module that IPoIB is, under which the kernel lists what IPoIB has allocated. */
const IPOIB = "ib_ipoib";

/** RDMA devices, by RDMA netlink. */
export class LinuxRdmaDevices implements RdmaDevices {
  constructor(
    private readonly namespaces: LinuxNamespaces,
    private readonly waits: Waits,
  ) {}

  isExclusive(): boolean {
    // Kernels before 5.3 have no RDMA namespaces: all see all.
    return host.readFile(NETNS_MODE, undefined, ["ENOENT"])?.trim() === "N";
  }

  devices(where: Namespace): RdmaDevice[] {
    return [...asLinuxNamespace(where).rdmaNetlink.dump(dumpRdmaDevices(), parseRdmaDevice)];
  }

  ipoibUse(where: Namespace, index: number): IpoibUse | undefined {
    // Each netdev of IPoIB has a protection domain, in datagram and connected mode, and also if the driver accelerates
    // it (ipoib_dev_init of drivers/infiniband/ulp/ipoib/ipoib_main.c); an accelerated one has no queue pair in this list.
    const dump = () =>
      asLinuxNamespace(where).rdmaNetlink.dump(dumpProtectionDomains(index), parseProtectionDomains);
    const parts = valueUnlessErrno(["EINVAL"], [], dump);
    const device = parts[0]?.device;
    if (device === undefined) return undefined;
    const netdevs = parts.flatMap(({ modules }) => modules).filter((module) => module === IPOIB).length;
    return { device, netdevs };
  }

  move(from: Namespace, index: number, to: Namespace): void {
    const source = asLinuxNamespace(from);
    const request = moveRdmaDevice(index, asLinuxNamespace(to).fd);
    // Where the socket is does not suffice: the kernel refuses (ENODEV) whoever is not in the device's namespace
    // himself (ib_device_set_netns_put of drivers/infiniband/core/device.c takes current's).
    this.namespaces.within(source, () => source.rdmaNetlink.request([request]));
  }

  rename(where: Namespace, index: number, name: string): void {
    asLinuxNamespace(where).rdmaNetlink.request([renameRdmaDevice(index, name)]);
  }

  watch(): Watch {
    return new LinuxWatch(this.namespaces.host, "devices", this.waits);
  }
}
