import type { ListedAttachment } from "../attachments/attachments.ts";
import type { RecentFailures } from "../calls/recent-failures.ts";
import type { CliContext } from "../context.ts";
import type { InventoriedPf } from "../inventory.ts";
import type { Networks } from "./inputs/networks.ts";
import type { DoctorOptions } from "./inputs/options.ts";

/** A node, and the data that was read from it. */
export interface DoctorContext extends CliContext, DoctorOptions {
  /** `undefined` if they cannot be read, which is a finding already. */
  readonly attached: readonly ListedAttachment[] | undefined;
  readonly pfs: readonly InventoriedPf[] | undefined;
  readonly networks: Networks;
  /** Returns the calls that failed lately. The first call reads the logs. */
  readonly recent: () => RecentFailures;
}
