import type { Attached } from "../attachments.ts";
import type { Machine } from "../machine.ts";
import type { SurveyedPf } from "../survey.ts";
import type { Networks } from "./networks.ts";

/** What the doctor goes by. */
export interface Given {
  /** CNI_PATH: directories with ":" between them. */
  readonly cniPath: string;
  /** Directories of network configurations. */
  readonly confDirs: readonly string[];
  /** How this executable is called. */
  readonly program: string;
}

/** A node, and what was seen of it. */
export interface Patient extends Machine, Given {
  /** undefined: they cannot be looked at, which is a finding already. */
  readonly attached: readonly Attached[] | undefined;
  readonly pfs: readonly SurveyedPf[] | undefined;
  readonly networks: Networks;
}
