import type { Attached } from "../attachments.ts";
import type { Machine } from "../machine.ts";
import type { SurveyedPf } from "../survey.ts";
import type { Given } from "./given.ts";
import type { Networks } from "./networks.ts";

/** A node, and what was seen of it. */
export interface Patient extends Machine, Given {
  /** undefined: they cannot be looked at, which is a finding already. */
  readonly attached: readonly Attached[] | undefined;
  readonly pfs: readonly SurveyedPf[] | undefined;
  readonly networks: Networks;
}
