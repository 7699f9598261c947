import type { NapiSettings } from "../../../src/node/napi-settings.ts";
import {
  PciFunctionError,
  type PciFunctions,
  type VirtualFunction,
} from "../../../src/node/pci-functions.ts";
import { pfGuid } from "../model/bus.ts";
import { Refusal } from "../model/refusal.ts";
import type { Gate } from "./gate.ts";

/** PCI functions of the model, as sysfs shows them. */
export function functionsOf(gate: Gate): PciFunctions {
  const { machine } = gate;
  const { bus, host } = machine;
  const vfAt = (pci: string) => (bus.shows(pci) ? bus.vfs.get(pci) : undefined);
  const isPf = (pci: string) => bus.shows(pci) && bus.pfs.has(pci);
  const named = (pci: string, name: string) =>
    host.ofFunction(pci).find(([, netdev]) => netdev.name === name)?.[1];
  return {
    virtualFunction: (pci) =>
      gate.ask("functions.virtualFunction", pci, (): VirtualFunction => {
        const vf = vfAt(pci);
        if (vf !== undefined) return { pci, pf: vf.pf, index: vf.index, generation: vf.incarnation };
        const reason = isPf(pci) ? "not-virtual" : "absent";
        throw new PciFunctionError(reason, pci, `PCI function ${pci} is ${reason}`);
      }),
    isVirtualOf: ({ pci, pf, index }) =>
      gate.ask("functions.isVirtualOf", pci, () => {
        // The PF has a link to each VF, also to a VF whose own link is hidden.
        const vf = bus.shows(pf) ? bus.vfs.get(pci) : undefined;
        return vf?.pf === pf && vf.index === index;
      }),
    generation: (pci) =>
      gate.ask("functions.incarnation", pci, () => vfAt(pci)?.incarnation ?? (isPf(pci) ? "pf" : undefined)),
    any: () => gate.ask("functions.any", "", () => bus.hidden !== "everything"),
    anyVirtual: () => gate.ask("functions.anyVirtual", "", () => bus.vfs.size > 0),
    driver: (pci) =>
      gate.ask("functions.driver", pci, () => (bus.shows(pci) ? bus.driverOf(pci) : undefined)),
    driverOverride: (pci) => gate.ask("functions.driverOverride", pci, () => vfAt(pci)?.driverOverride),
    netdevs: (pci) =>
      gate.ask("functions.netdevs", pci, () => host.ofFunction(pci).map(([, netdev]) => netdev.name)),
    hasNetdev: (pci) =>
      gate.ask("functions.hasNetdev", pci, () =>
        [...machine.namespaces].some((namespace) => namespace.ofFunction(pci).length > 0),
      ),
    napiSettings: (pci, name) =>
      gate.ask("functions.napiSettings", `${pci} ${name}`, () => named(pci, name)?.napi),
    setNapiSettings: (pci, name, settings) => {
      const set = (some: Partial<NapiSettings>) => {
        const netdev = named(pci, name);
        if (netdev === undefined) throw new Refusal("ENOENT", `set NAPI settings of ${name}`);
        if (netdev.isNapiFixed) throw new Refusal("EOPNOTSUPP", `set NAPI settings of ${name}`);
        netdev.napi = { ...netdev.napi, ...some };
      };
      // Each setting is a separate write.
      const entries = Object.entries(settings);
      gate.change("functions.setNapiSettings", `${pci} ${name}`, () => set(settings), {
        nothing() {},
        "the first": () => set(Object.fromEntries(entries.slice(0, 1))),
      });
    },
    rdmaDevices: (pci) =>
      gate.ask("functions.rdmaDevices", pci, () => {
        const devices = vfAt(pci)?.probed?.devices ?? [];
        return devices.filter((device) => bus.rdma.isIn(device, host)).map(({ name }) => name);
      }),
    rdmaDevicesAnywhere: (pci) =>
      gate.ask("functions.rdmaDevicesAnywhere", pci, () =>
        (vfAt(pci)?.probed?.devices ?? []).filter((each) => !each.isMoving).map(({ name }) => name),
      ),
    rdmaFiles: (pci) =>
      gate.ask("functions.rdmaFiles", pci, () =>
        (vfAt(pci)?.probed?.devices ?? []).flatMap(({ files }) => files),
      ),
    hasRdmaNames: (pci, names) =>
      gate.ask("functions.hasRdmaNames", pci, () => {
        const devices = vfAt(pci)?.probed?.devices ?? [];
        const files = devices.flatMap((device) => device.files);
        const onHost = devices.filter((device) => bus.rdma.isIn(device, host)).map(({ name }) => name);
        return (
          names.devices.every((name) => onHost.includes(name)) &&
          names.files.every((name) => files.includes(name))
        );
      }),
    nodeGuid: (pci, rdmaDevice) =>
      gate.ask("functions.nodeGuid", `${pci} ${rdmaDevice}`, () => {
        const probed = vfAt(pci)?.probed;
        const device = probed?.devices.find(({ name }) => name === rdmaDevice);
        return device !== undefined && bus.rdma.isIn(device, host) ? probed?.nodeGuid : undefined;
      }),
    portGuid: (pci, rdmaDevice) =>
      gate.ask("functions.portGuid", `${pci} ${rdmaDevice}`, () => {
        const probed = vfAt(pci)?.probed;
        const device = probed?.devices.find(({ name }) => name === rdmaDevice);
        return device !== undefined && bus.rdma.isIn(device, host) ? probed?.portGuid : undefined;
      }),
    firstPKey: (pci, rdmaDevice) =>
      gate.ask("functions.firstPKey", `${pci} ${rdmaDevice}`, () => {
        const vf = vfAt(pci);
        const device = vf?.probed?.devices.find(({ name }) => name === rdmaDevice);
        return device !== undefined && bus.rdma.isIn(device, host) ? vf?.pkey : undefined;
      }),
    othersGuids: (pci) =>
      gate.ask("functions.othersGuids", pci, () => [
        ...[...bus.pfs.values()].filter((pf) => pf.pci !== pci && pf.driver !== "vfio-pci").map(() => pfGuid),
        ...[...bus.vfs.values()]
          .filter((vf) => vf.pci !== pci)
          .flatMap(({ probed }) => (probed === undefined ? [] : [probed.nodeGuid, probed.portGuid])),
      ]),
    isOpenByVfio: (pci) => gate.ask("functions.isOpenByVfio", pci, () => vfAt(pci)?.isOpen === true),
    unbind: (pci, driver) =>
      gate.change("functions.unbind", `${pci} from ${driver}`, () => bus.unbind(pci, driver), {
        nothing() {},
      }),
    bind: (pci, driver) =>
      gate.change("functions.bind", `${pci} to ${driver}`, () => bus.bind(pci, driver), {
        nothing() {},
        // The state after a kill of all processes in the middle of the bind.
        "no netdev": () => {
          bus.bind(pci, driver);
          for (const [, netdev] of host.ofFunction(pci)) host.remove(netdev);
        },
      }),
  };
}
