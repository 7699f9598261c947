import type { Node } from "../node/node.ts";
import { LinuxClock } from "./clock.ts";
import { LinuxFiles } from "./files/files.ts";
import { linuxLogs } from "./files/logs.ts";
import { LinuxLinks } from "./network/links.ts";
import { LinuxNamespaces } from "./network/namespaces.ts";
import { LinuxRdmaDevices } from "./network/rdma-devices.ts";
import { LinuxPciFunctions } from "./pci/pci-functions.ts";
import { LinuxProcesses } from "./processes.ts";
import { Waits } from "./waits.ts";

/**
 * Returns the node that the process runs on. This makes no system calls; its parts open files and sockets on first use.
 */
export function linuxNode(): Node {
  const waits = new Waits();
  const clock = new LinuxClock(waits);
  const functions = new LinuxPciFunctions();
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
