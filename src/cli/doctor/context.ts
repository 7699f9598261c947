import type { ListedAttachment } from "../attachments/attachments.ts";
import type { CliContext } from "../context.ts";
import type { InventoriedPf } from "../inventory.ts";
import type { Networks } from "./networks.ts";

/** A node, and what was seen of it. */
export interface DoctorContext extends CliContext, DoctorOptions {
  /** undefined: they cannot be looked at, which is a finding already. */
  readonly attached: readonly ListedAttachment[] | undefined;
  readonly pfs: readonly InventoriedPf[] | undefined;
  readonly networks: Networks;
}

/** What the doctor goes by. */
export interface DoctorOptions {
  /** CNI_PATH: directories with ":" between them. */
  readonly cniPath: string;
  /** Directories of network configurations. */
  readonly confDirs: readonly string[];
  /** How this executable is called. */
  readonly program: string;
}
