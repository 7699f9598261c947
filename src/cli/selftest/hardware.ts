import { textIn } from "../../linux/sysfs.ts";
import type { Port } from "../../node/inventory.ts";
import { runProgram } from "../bugreport/run-program.ts";
import type { InventoriedPf } from "../inventory.ts";

/** Time limit for the program that prints OFED's version, ms. */
const OFED_TIME = 10_000;

/** Describes the software of the node. */
export function softwareOf(isExclusive: boolean) {
  const { text, problem } = runProgram({ name: "ofed_info", arguments: ["-s"] }, OFED_TIME);
  return {
    kernel: textIn("/proc/sys/kernel/osrelease") ?? "unknown",
    // Distributions compile the drivers of their kernels; OFED replaces them.
    ofed: problem === undefined ? text.trim().replace(/:$/, "") : undefined,
    rdmaMode: isExclusive ? "exclusive" : "shared",
  };
}

/** Describes a PF: its driver, its firmware, and its ports as the subnet manager has configured them. */
export function hcaOf({ pci, driver, ports, portGuid, vfs }: InventoriedPf) {
  const attribute = (name: string) => {
    const device = ports[0]?.device;
    const text = device === undefined ? undefined : textIn(`/sys/class/infiniband/${device}/${name}`);
    return text === "" ? undefined : text;
  };
  const id = (name: string) => (textIn(`/sys/bus/pci/devices/${pci}/${name}`) ?? "").replace(/^0x/, "");
  return {
    pci,
    pciId: `${id("vendor")}:${id("device")}`,
    driver,
    driverVersion: textIn(`/sys/module/${driver}/version`),
    hca: attribute("hca_type"),
    board: attribute("board_id"),
    firmware: attribute("fw_ver"),
    portGuid,
    vfs: vfs.length,
    ports: ports.map(portDocument),
  };
}

/** Describes a port, as far as the subnet manager has configured it: not its device, whose name an administrator chooses. */
export function portDocument({ number, state, physicalState, linkLayer, lid, subnetManager, rate }: Port) {
  return { number, state, physicalState, linkLayer, lid, subnetManagerLid: subnetManager, rate };
}
