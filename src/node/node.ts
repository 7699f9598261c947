import type { Clock } from "./clock.ts";
import type { Files } from "./files.ts";
import type { Links } from "./links.ts";
import type { Logs } from "./logs.ts";
import type { Namespaces } from "./namespaces.ts";
import type { PciFunctions } from "./pci-functions.ts";
import type { Processes } from "./processes.ts";
import type { RdmaDevices } from "./rdma-devices.ts";

/**
 * Everything that the plugin may ask of a node, and the only way to it. `linux/` is the real one; tests have
 * a model of one. What is refused throws an error with `code` ("ENOENT", …), see {@link errnoOf}.
 */
export interface Node {
  readonly functions: PciFunctions;
  readonly links: Links;
  readonly rdma: RdmaDevices;
  readonly namespaces: Namespaces;
  readonly files: Files;
  readonly processes: Processes;
  readonly clock: Clock;
  readonly logs: Logs;
}

/** The name of the errno that an error carries, e.g. "EEXIST"; undefined for errors of another kind. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
