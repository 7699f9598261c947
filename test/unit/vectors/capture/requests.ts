import { guidFromBytes, guidFromNumber, guidToBytes } from "../../../../src/infiniband/guid.ts";
import { dumpAddresses, newAddress } from "../../../../src/netlink/address.ts";
import { dumpLinks, getLinkByIndex, getLinkByName } from "../../../../src/netlink/link.ts";
import { addAltnames, removeAltnames, setArpNotify, setLink } from "../../../../src/netlink/link-changes.ts";
import { encodeRequests, type Request } from "../../../../src/netlink/message.ts";
import { resolveNeighbour } from "../../../../src/netlink/neighbour.ts";
import {
  dumpRdmaDevices,
  dumpRdmaObjects,
  getRdmaSummary,
  moveRdmaDevice,
  renameRdmaDevice,
} from "../../../../src/netlink/rdma.ts";
import { dumpRoutes, newRoute } from "../../../../src/netlink/route.ts";
import { setVfConfig } from "../../../../src/netlink/vf.ts";

/** Indexes of the guest's netdevs, which guest.sh checks: the PF's, VF 0's. */
export const PF = 2;
export const VF0 = 3;
/** VF 1's pkey children, one made by `ip link add … type ipoib`, one through sysfs' `create_child`. */
export const RTNL_CHILD = 6;
export const SYSFS_CHILD = 7;

/** A port GUID whose byte order is visible. */
export const GUID = guidFromBytes(Uint8Array.of(0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77));
/** The same with reversed bytes. */
export const REVERSED_GUID = guidFromNumber(guidToBytes(GUID));
/** An alternative name that is too long for a real name. */
export const LONG_NAME = "an-alternative-name-of-vf0";

/** The requests whose answers are the vectors: a file for each, in the order in which the guest sends them. */
export function vectorRequests(): Record<string, readonly Request[]> {
  return {
    "set-vf": setVfConfig(PF, 0, { linkState: "enable", nodeGuid: GUID, portGuid: REVERSED_GUID }),
    "set-vf-out-of-range": setVfConfig(PF, 9, { portGuid: GUID }),
    "set-vf-of-a-vf": setVfConfig(VF0, 0, { portGuid: GUID }),
    "get-pf": [getLinkByIndex(PF)],
    // The plugin requests it by name, the guest by number.
    "get-pf-with-vfs": [
      { ...getLinkByIndex(PF), attributes: getLinkByName("ib0", { withVfs: true }).attributes.slice(-1) },
    ],
    "get-children": [getLinkByIndex(RTNL_CHILD), getLinkByIndex(SYSFS_CHILD)],
    "add-altnames": [addAltnames(VF0, [LONG_NAME, "vf0"])],
    "add-altname-taken": [addAltnames(VF0, ["vf0"])],
    "get-by-altname": [getLinkByName(LONG_NAME), getLinkByName("vf0")],
    "remove-altname": [removeAltnames(VF0, ["vf0"])],
    "get-missing": [getLinkByName("nothing"), getLinkByIndex(4711)],
    "dump-links": [dumpLinks()],
    "set-link": [setArpNotify(VF0), setLink(VF0, { name: "net1", mtu: 1500, up: true })],
    "set-mtu-too-large": [setLink(VF0, { mtu: 100_000 })],
    "set-name-taken": [setLink(VF0, { name: "ib0" })],
    "new-addresses": [
      newAddress(VF0, "10.1.2.3/24"),
      newAddress(VF0, "fd00::5/64"),
      newAddress(VF0, "10.9.9.9/32"),
    ],
    "new-address-taken": [newAddress(VF0, "10.1.2.3/24")],
    "dump-addresses": [dumpAddresses(VF0)],
    "batch-with-errors": [
      newAddress(VF0, "10.1.2.3/24"),
      newAddress(VF0, "10.6.0.1/24"),
      setLink(VF0, { mtu: 100_000 }),
      newAddress(VF0, "10.7.0.1/24"),
    ],
    "new-routes": [
      newRoute(VF0, { dst: "0.0.0.0/0", gw: "10.1.2.1" }),
      newRoute(VF0, { dst: "::/0", gw: "fd00::1" }),
      newRoute(VF0, {
        dst: "10.3.0.0/16",
        gw: undefined,
        scope: 253,
        mtu: 1400,
        advmss: 1300,
        priority: 5,
        table: 1000,
      }),
    ],
    "new-route-with-host-bits": [newRoute(VF0, { dst: "10.4.0.1/16", gw: "10.1.2.1" })],
    "new-route-unreachable": [newRoute(VF0, { dst: "10.5.0.0/16", gw: "172.16.0.1" })],
    "new-route-beside-another": [newRoute(VF0, { dst: "::/0", gw: "fd00::2" })],
    "dump-routes": [dumpRoutes(VF0, 4)],
    "dump-routes-6": [dumpRoutes(VF0, 6)],
    "resolve-neighbour": [resolveNeighbour(VF0, "10.1.2.3")],
  };
}

/** Numbers of RDMA devices: VF 1's and VF 2's. */
export const RDMA1 = 2;
export const RDMA2 = 3;
/** The descriptor of a pod's namespace in the process that sends. */
export const POD_FD = 9;

/** The same over RDMA netlink, in which each device belongs to one namespace. */
export function rdmaRequests(): Record<string, readonly Request[]> {
  return {
    "rdma-devices": [dumpRdmaDevices()],
    // One netdev, and two pkey children in the pod.
    "rdma-domains": [dumpRdmaObjects("protection domains", RDMA1)],
    "rdma-domains-of-none": [dumpRdmaObjects("protection domains", 4711)],
    // No process uses the device.
    "rdma-queue-pairs": [dumpRdmaObjects("queue pairs", RDMA1)],
    "rdma-summary": [getRdmaSummary(RDMA1)],
    "rdma-summary-of-none": [getRdmaSummary(4711)],
    "rdma-rename": [renameRdmaDevice(RDMA1, "rail1")],
    "rdma-rename-taken": [renameRdmaDevice(RDMA1, "mlx5_3")],
    "rdma-move": [moveRdmaDevice(RDMA2, POD_FD)],
    "rdma-move-again": [moveRdmaDevice(RDMA2, POD_FD)],
  };
}

/** Requests in one datagram, numbered from 1, as a new connection sends them. */
export function datagramOf(requests: readonly Request[]): Uint8Array {
  return encodeRequests(requests, 1);
}
