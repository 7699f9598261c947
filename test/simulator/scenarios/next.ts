import { c2 } from "../harness/default-node.ts";
import {
  type FollowUp,
  thenAgain,
  thenAnother,
  thenDel,
  thenDelWithoutNamespace,
} from "../harness/follow-ups.ts";
import { contrary, same } from "./requests.ts";

/** Returns all events that can follow an attachment of c1. */
export function anything(): FollowUp[] {
  return [
    thenDel,
    thenDelWithoutNamespace,
    thenAnother(c2, same, false),
    thenAnother(c2, contrary, true),
    thenAgain,
  ];
}

/** Returns the two events that differ most. */
export function something(): FollowUp[] {
  return [thenDel, thenAnother(c2, contrary, true)];
}

/** Returns the same for a VF that no container gets without a GUID. */
export function somethingSimilar(): FollowUp[] {
  return [thenDel, thenAnother(c2, same, true)];
}
