import { c2 } from "../harness/default-node.ts";
import {
  type FollowUp,
  thenAgain,
  thenAnother,
  thenDel,
  thenDelWithoutNamespace,
} from "../harness/follow-ups.ts";
import { contrary, same } from "./requests.ts";

/** All that can happen next to an attachment of c1's. */
export function anything(): FollowUp[] {
  return [
    thenDel,
    thenDelWithoutNamespace,
    thenAnother(c2, same, false),
    thenAnother(c2, contrary, true),
    thenAgain,
  ];
}

/** The two ways that are most unlike. */
export function something(): FollowUp[] {
  return [thenDel, thenAnother(c2, contrary, true)];
}

/** The same for a VF that cannot be had without a GUID. */
export function somethingSimilar(): FollowUp[] {
  return [thenDel, thenAnother(c2, same, true)];
}
