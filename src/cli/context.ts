import { print } from "host";
import type { Limits } from "../attachment/limits.ts";
import { linuxNode } from "../linux/node.ts";
import { LinuxInventory } from "../linux/pci/inventory.ts";
import type { Inventory } from "../node/inventory.ts";
import type { Node } from "../node/node.ts";

/** What a command works on: the machine that it runs on, or a test's. */
export interface CliContext {
  readonly node: Node;
  readonly inventory: Inventory;
}

/** The machine that this runs on. */
export function linuxContext(): CliContext {
  return { node: linuxNode(), inventory: new LinuxInventory() };
}

/** How long a command that changes something may wait for others, ms. */
const PATIENCE = 60_000;

/** What bounds a command. Warnings go to stderr; how long its parts take, who has called it sees. */
export function limitsOf(node: Node): Limits {
  return {
    deadline: node.clock.now() + PATIENCE,
    warn: (message) => print(2, `ib-sriov: ${message}\n`),
    observe: (_action, _what, _record, act) => act(),
  };
}
