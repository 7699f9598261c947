import { shellWord } from "../../../attachment/shell-word.ts";
import { headingOf, SHOWN } from "../../calls/recent-failures.ts";
import type { DoctorContext } from "../context.ts";
import { type Finding, warning } from "../finding.ts";

/** Reports the calls of the last day that failed, and whose pods may still lack what the calls were for. */
export function failedCalls({ recent, program }: DoctorContext): Finding[] {
  const unresolved = recent().failures.filter((each) => each.unresolved === true);
  return unresolved.slice(0, SHOWN).flatMap((failure, i) => {
    const { pod, containerID, msg } = failure;
    const others = i === SHOWN - 1 ? unresolved.length - SHOWN : 0;
    const more = others > 0 ? ` (and ${others} more, see the JSON output)` : "";
    return warning("call-failed", `${headingOf(failure)} ${msg}${more}`, {
      advice:
        pod === ""
          ? "if the container is gone, nothing is left to do"
          : `for more about the pod: ${shellWord(program)} doctor --pod ${shellWord(pod)}`,
      objects: [pod || containerID],
    });
  });
}
