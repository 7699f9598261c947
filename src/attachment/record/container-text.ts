import { argument, parseArgs } from "../../cni/args.ts";
import type { AttachmentRecord } from "./record.ts";

/** Returns the pod of an attachment as "namespace/name"; `undefined` if its ADD did not come from a kubelet. */
export function podOf({ call }: Pick<AttachmentRecord, "call">): string | undefined {
  const args = parseArgs(call.args);
  const name = argument(args, "K8S_POD_NAME");
  return name === undefined ? undefined : `${argument(args, "K8S_POD_NAMESPACE") ?? ""}/${name}`;
}

/** Names the container of an attachment in a message: "container c1 of pod default/trainer". */
export function containerText(record: Pick<AttachmentRecord, "call" | "containerId">): string {
  const pod = podOf(record);
  return `container ${record.containerId}${pod === undefined ? "" : ` of pod ${pod}`}`;
}
