import type { Node } from "../../../src/node/node.ts";
import { clockOf } from "./clock.ts";
import { filesOf } from "./files.ts";
import { functionsOf } from "./functions.ts";
import type { Gate } from "./gate.ts";
import { linksOf } from "./links.ts";
import { logsOf } from "./logs.ts";
import { namespacesOf } from "./namespaces.ts";
import { processesOf } from "./processes.ts";
import { rdmaDevicesOf } from "./rdma-devices.ts";

/** Makes the second implementation of the plugin's node: a model, for the process of the gate. */
export function nodeOf(gate: Gate, environment: readonly string[]): Node {
  return {
    functions: functionsOf(gate),
    links: linksOf(gate),
    rdma: rdmaDevicesOf(gate),
    namespaces: namespacesOf(gate),
    files: filesOf(gate),
    processes: processesOf(gate, environment),
    clock: clockOf(gate),
    logs: logsOf(gate),
  };
}
