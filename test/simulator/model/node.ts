import type { Clock } from "../../../src/node/clock.ts";
import type { Node } from "../../../src/node/node.ts";
import { ModelFiles } from "./files.ts";
import { ModelLinks } from "./links.ts";
import type { Machine } from "./machine.ts";
import { ModelNamespaces } from "./netns.ts";
import { ModelPciFunctions } from "./pci-functions.ts";
import { ModelProcesses, type Process } from "./process.ts";
import { ModelRdmaDevices } from "./rdma.ts";
import { EPOCH } from "./timeline.ts";

/** Returns the plugin's second implementation of a node: the model, as a process of the machine sees it. */
export function nodeOf(machine: Machine, process: Process, environment: readonly string[]): Node {
  const { logs, journal } = machine;
  return {
    functions: new ModelPciFunctions(machine),
    links: new ModelLinks(machine, process),
    rdma: new ModelRdmaDevices(machine, process),
    namespaces: new ModelNamespaces(machine, process),
    files: new ModelFiles(machine, process),
    processes: new ModelProcesses(machine, process, environment),
    clock: clockOf(machine, process),
    logs: {
      append: (path, line) => void logs.set(path, (logs.get(path) ?? "") + line),
      send: (entry) => void journal.push(entry),
    },
  };
}

function clockOf(machine: Machine, process: Process): Clock {
  return {
    now: () => machine.time.now,
    wall: () => EPOCH + machine.time.now,
    bootId: () => machine.bootId,
    bootTime: () => EPOCH,
    pid: process.pid,
    checkInterrupted: () => process.checkInterrupted(),
    heedInterrupts: () => {
      process.ignoresSignals = false;
    },
    ignoreInterrupts: () => {
      process.ignoresSignals = true;
    },
  };
}
