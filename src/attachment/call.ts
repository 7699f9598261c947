import type { AttachmentName } from "./record.ts";

/** What every verb is called with. */
export interface Call {
  readonly name: AttachmentName;
  /** Path of the container's namespace; undefined where the runtime gives none (DEL only). */
  readonly netns: string | undefined;
  /** The network configuration as it came. */
  readonly stdin: string;
  /** CNI_ARGS. */
  readonly args: string;
  /** CNI_PATH. */
  readonly path: string;
  /** Point on the node's clock where waiting ends. */
  readonly deadline: number;
  /** Says something that the operator should know and that fails nothing. */
  readonly warn: (message: string) => void;
}
