import { LinuxInventory } from "../linux/inventory.ts";
import { linuxNode } from "../linux/node.ts";
import type { Inventory } from "../node/inventory.ts";
import type { Node } from "../node/node.ts";

/** What a command works on: the machine that it runs on, or a test's. */
export interface Machine {
  readonly node: Node;
  readonly inventory: Inventory;
}

/** The machine that this runs on. */
export function thisMachine(): Machine {
  return { node: linuxNode(), inventory: new LinuxInventory() };
}
