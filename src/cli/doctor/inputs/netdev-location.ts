import type { CliContext } from "../../context.ts";
import { shellWord } from "../../run-script.ts";
import type { Remedy } from "../finding.ts";

/** The directory of namespaces with a name; container runtimes use it, too. */
const NAMESPACES = "/run/netns";

/** The network namespace that has the netdev of a function, if it is not the host namespace. */
export interface NetdevLocation {
  /** Name of the namespace. */
  readonly namespace: string;
  readonly netdev: string;
  /** Whether a process is in the namespace: it is that of a running container. */
  readonly isInUse: boolean;
}

/** Finds the netdev of a function in the namespaces that have a name; `undefined` if it is in none of them. */
export function findNetdev({ node, inventory }: CliContext, pci: string): NetdevLocation | undefined {
  for (const namespace of inventory.names(NAMESPACES)) {
    try {
      const opened = node.namespaces.open(`${NAMESPACES}/${namespace}`);
      try {
        const link = node.links.ofFunction(opened, pci).find(({ child }) => !child);
        if (link !== undefined)
          return { namespace, netdev: link.name, isInUse: node.namespaces.inhabited(opened) };
      } finally {
        node.namespaces.close(opened);
      }
    } catch {
      // The namespace was deleted, or the file is not a namespace.
    }
  }
  return undefined;
}

/** Describes a location for a sentence: "in network namespace a", "in a network namespace without a name". */
export function locationText(location: NetdevLocation | undefined): string {
  return location === undefined
    ? "in a network namespace without a name"
    : `in network namespace ${location.namespace}`;
}

/** Returns the remedy for a netdev that no container uses, or that is at an unknown place. */
export function returningRemedy(location: NetdevLocation | undefined): Remedy {
  if (location === undefined)
    return { advice: "'lsns -t net' lists namespaces and their processes; the netdev returns when they end" };
  if (location.isInUse) return { advice: "it returns when the processes of that namespace have ended" };
  const { namespace, netdev } = location;
  return { command: `ip -n ${shellWord(namespace)} link set ${shellWord(netdev)} netns 1` };
}
