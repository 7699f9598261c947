import { print } from "host";
import type { Limits } from "../attachment/limits.ts";
import type { Node } from "../node/node.ts";

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
