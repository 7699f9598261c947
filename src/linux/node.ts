import type { Node } from "../node/node.ts";
import { LinuxClock } from "./clock.ts";
import { LinuxFiles } from "./files.ts";
import { LinuxFunctions } from "./functions.ts";
import { LinuxLinks } from "./links.ts";
import { linuxLogs } from "./logs.ts";
import { LinuxNamespaces } from "./namespaces.ts";
import { LinuxProcesses } from "./processes.ts";
import { LinuxRdmaDevices } from "./rdma-devices.ts";
import { Waits } from "./waits.ts";

/** The machine that this runs on. Nothing is opened, and no system call made, before it is asked for. */
export function linuxNode(): Node {
  const waits = new Waits();
  const clock = new LinuxClock(waits);
  const functions = new LinuxFunctions();
  const namespaces = new LinuxNamespaces();
  return {
    functions,
    links: new LinuxLinks(namespaces, functions, waits),
    rdma: new LinuxRdmaDevices(namespaces, waits),
    namespaces,
    files: new LinuxFiles(clock, waits),
    processes: new LinuxProcesses(namespaces, waits),
    clock,
    logs: linuxLogs,
  };
}
