import type { Inventory } from "../../node/inventory.ts";
import { type Distance, distanceBetween, type PciPlace, placeOf } from "./distance.ts";

/** A GPU or another accelerator, as a PF sees it. */
export interface NearGpu {
  readonly pci: string;
  readonly distance: Distance;
  /** The model, if the GPU's driver reports it. */
  readonly name: string | undefined;
}

const PCI_DEVICES = "/sys/bus/pci/devices";
/** Base class and subclass of a VGA controller (PCI Code and ID Assignment Specification, 1.4). */
const VGA = 0x0300;
/** 3D controller, other display controller, processing accelerator. */
const ACCELERATORS: readonly number[] = [0x0302, 0x0380, 0x1200];
/** Vendors of GPUs: AMD, NVIDIA, Intel. A VGA controller of another vendor belongs to a server's management controller. */
const GPU_VENDORS: readonly number[] = [0x1002, 0x10de, 0x8086];

/** Returns, for each of some PFs, all GPUs of the machine with their distance. This reads a file of each PCI function. */
export function gpusOf(
  inventory: Inventory,
  pfs: readonly string[],
): ReadonlyMap<string, readonly NearGpu[]> {
  const gpus = inventory
    .names(PCI_DEVICES)
    .filter((pci) => isGpu(inventory, pci))
    .map((pci) => ({ pci, place: placeOf(inventory, pci), name: modelOf(inventory, pci) }));
  const from = (place: PciPlace) =>
    gpus.map((gpu) => ({ pci: gpu.pci, distance: distanceBetween(place, gpu.place), name: gpu.name }));
  return new Map(pfs.map((pf) => [pf, gpus.length === 0 ? [] : from(placeOf(inventory, pf))]));
}

function isGpu(inventory: Inventory, pci: string): boolean {
  const read = (name: string) => inventory.text(`${PCI_DEVICES}/${pci}/${name}`);
  // Three bytes: base class, subclass, programming interface.
  const type = Number(read("class")) >> 8;
  if (type === VGA && !GPU_VENDORS.includes(Number(read("vendor")))) return false;
  // A VF of a GPU is a part of the GPU.
  return (type === VGA || ACCELERATORS.includes(type)) && read("physfn/class") === undefined;
}

/** Returns the model of a GPU as the driver of NVIDIA or of AMD reports it. */
function modelOf(inventory: Inventory, pci: string): string | undefined {
  const information = inventory.text(`/proc/driver/nvidia/gpus/${pci}/information`) ?? "";
  const [, model] = /^Model:\s*(.*\S)/m.exec(information) ?? [];
  return model ?? inventory.text(`${PCI_DEVICES}/${pci}/product_name`);
}
