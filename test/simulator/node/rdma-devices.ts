import type { RdmaDevices } from "../../../src/node/rdma-devices.ts";
import type { Gate } from "./gate.ts";
import { netnsOf } from "./namespaces.ts";
import { watchOf } from "./watch.ts";

/** RDMA devices of the model, as RDMA netlink shows them. */
export function rdmaDevicesOf(gate: Gate): RdmaDevices {
  const { machine } = gate;
  const { bus } = machine;
  const { rdma } = bus;
  return {
    isExclusive: () => gate.ask("rdma.isExclusive", "", () => rdma.exclusive),
    devices: (where) =>
      gate.ask("rdma.devices", netnsOf(where).label, () =>
        rdma.in(netnsOf(where)).map(({ index, name, pci }) => ({
          index,
          name,
          nodeGuid: bus.vfs.get(pci)?.probed?.nodeGuid,
        })),
      ),
    ipoibUse: (namespace, index) =>
      gate.ask("rdma.ipoibUse", `${index} of ${netnsOf(namespace).label}`, () => {
        const device = rdma.in(netnsOf(namespace)).find((each) => each.index === index);
        if (device === undefined || !rdma.showsKernelObjects) return undefined;
        const isFirst = bus.vfs.get(device.pci)?.probed?.devices[0] === device;
        return { device: device.name, netdevs: isFirst ? bus.netdevsOf(device.pci) : 0 };
      }),
    move: (from, index, to) => {
      const [source, target] = [netnsOf(from), netnsOf(to)];
      gate.change(
        "rdma.move",
        `${index} of ${source.label} to ${target.label}`,
        () => bus.moveRdma(source, index, target),
        { nothing() {} },
      );
    },
    rename: (where, index, name) =>
      gate.change(
        "rdma.rename",
        `${index} to ${name}`,
        () => rdma.rename(rdma.require(netnsOf(where), index, `rename ${index}`), name),
        { nothing() {} },
      ),
    watch: () => watchOf(gate, "rdma.watch", "devices", () => rdma.changes),
  };
}
