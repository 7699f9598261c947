import type { ListedAttachment } from "../attachments/attachments.ts";
import type { CliContext } from "../context.ts";
import type { InventoriedPf } from "../inventory.ts";
import type { Networks } from "./inputs/networks.ts";

/** A node, and the data that was read from it. */
export interface DoctorContext extends CliContext, DoctorOptions {
  /** `undefined` if they cannot be read, which is a finding already. */
  readonly attached: readonly ListedAttachment[] | undefined;
  readonly pfs: readonly InventoriedPf[] | undefined;
  readonly networks: Networks;
}

/** The options of the doctor. */
export interface DoctorOptions {
  /** CNI_PATH: directories with ":" between them. */
  readonly cniPath: string;
  /** Directories of network configurations. */
  readonly confDirs: readonly string[];
  /** The name or path by which this executable was called, for the commands that are printed. */
  readonly program: string;
}
