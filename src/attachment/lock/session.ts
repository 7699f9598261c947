import type { Node } from "../../node/node.ts";
import type { Limits } from "../limits.ts";
import { StateDirectory } from "../record/state-directory.ts";

/** The context of a call: the node, the state directory, the time limit, and the receivers of warnings and measurements. */
export interface Session extends Limits {
  readonly node: Node;
  readonly state: StateDirectory;
}

/** Begins a call on a node. It reads nothing. */
export function openSession(node: Node, { deadline, warn, observe }: Limits): Session {
  return { node, state: new StateDirectory(node.files), deadline, warn, observe };
}
