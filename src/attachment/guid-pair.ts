import type { Guid } from "../infiniband/guid.ts";

/** Node and port GUID of a VF; undefined where it cannot be read. */
export interface GuidPair {
  readonly node: Guid | undefined;
  readonly port: Guid | undefined;
}
