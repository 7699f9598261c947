import type { Clock } from "./clock.ts";
import type { Files } from "./files.ts";
import type { Links } from "./links.ts";
import type { Logs } from "./logs.ts";
import type { Namespaces } from "./namespaces.ts";
import type { PciFunctions } from "./pci-functions.ts";
import type { Processes } from "./processes.ts";
import type { RdmaDevices } from "./rdma-devices.ts";

/**
 * The node, as far as the plugin uses it; the plugin reaches it in no other way. `linux/` implements it on the real
 * kernel, tests on a model. A request that the node refuses throws an error with `code` ("ENOENT", …), see
 * {@link errnoOf}.
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

/** Returns the name of an error's errno, e.g. "EEXIST"; `undefined` for errors of another kind. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
