import { shellWord } from "../../../attachment/shell-word.ts";
import { isLinkLocal } from "../../../ip/text.ts";
import type { Link } from "../../../node/links.ts";
import type { Namespace } from "../../../node/namespaces.ts";
import type { CliContext } from "../../context.ts";
import type { Remedy } from "../finding.ts";

/** The directory of namespaces with a name; container runtimes use it, too. */
const NAMESPACES = "/run/netns";

/** The network namespace that has the netdev of a function, if it is not the host namespace. */
export interface NetdevLocation {
  /** Name of the namespace. */
  readonly namespace: string;
  readonly netdev: string;
  /** Whether a container may use it. */
  readonly isInUse: boolean;
}

/** Finds the netdev of a function in the namespaces that have a name; `undefined` if it is in none of them. */
export function findNetdev(context: CliContext, pci: string): NetdevLocation | undefined {
  const { node, inventory } = context;
  for (const namespace of inventory.names(NAMESPACES)) {
    try {
      const opened = node.namespaces.open(`${NAMESPACES}/${namespace}`);
      try {
        const link = node.links.ofFunction(opened, pci).find(({ child }) => !child);
        if (link !== undefined)
          return { namespace, netdev: link.name, isInUse: isInUse(context, opened, link) };
      } finally {
        node.namespaces.close(opened);
      }
    } catch {
      // The namespace was deleted, or the file is not a namespace.
    }
  }
  return undefined;
}

/**
 * Reports whether a container may use a netdev. A process in its namespace is not the only evidence: a runtime calls CNI
 * before it starts the first process of a pod. A netdev that was moved by hand is down, and a plugin brings it up.
 */
function isInUse({ node }: CliContext, namespace: Namespace, { index, up }: Link): boolean {
  if (up || node.namespaces.inhabited(namespace)) return true;
  return node.links.addresses(namespace, index).some(({ cidr }) => !isLinkLocal(cidr));
}

/** Describes a location for a sentence: "in network namespace a", "in a network namespace without a name". */
export function locationText(location: NetdevLocation | undefined): string {
  return location === undefined
    ? "in a network namespace without a name"
    : `in network namespace ${location.namespace}`;
}

/** Returns the remedy for a netdev in another namespace. A netdev that a container may use must stay there. */
export function returningRemedy(location: NetdevLocation | undefined): Remedy {
  if (location === undefined)
    return { advice: "'lsns -t net' lists namespaces and their processes; the netdev returns when they end" };
  const { namespace, netdev } = location;
  if (location.isInUse)
    return {
      advice: `it returns when the container ends; to list its processes: ip netns pids ${shellWord(namespace)}`,
    };
  return { command: `ip -n ${shellWord(namespace)} link set ${shellWord(netdev)} netns 1` };
}
