import { print } from "host";
import type { Limits } from "../attachment/limits.ts";
import { linuxNode } from "../linux/node.ts";
import { LinuxInventory } from "../linux/pci/inventory.ts";
import type { Inventory } from "../node/inventory.ts";
import type { Node } from "../node/node.ts";

/** The machine on which a command works: the real one, or the model of a test. */
export interface CliContext {
  readonly node: Node;
  readonly inventory: Inventory;
}

/** Returns the context of the real machine. */
export function linuxContext(): CliContext {
  return { node: linuxNode(), inventory: new LinuxInventory() };
}

/** Time limit of a command that changes something, ms; it includes waiting for locks. */
const LOCK_TIMEOUT = 60_000;

/** Returns the limits of a command. Warnings go to stderr; the durations of steps are not recorded. */
export function limitsOf(node: Node): Limits {
  return {
    deadline: node.clock.now() + LOCK_TIMEOUT,
    warn: (message) => print(2, `ib-sriov: ${message}\n`),
    observe: (_action, _what, _record, act) => act(),
  };
}
