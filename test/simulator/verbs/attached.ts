// An attachment, and its CHECK, for the tests of CHECK.
import { emptyResult, type Result } from "../../../src/cni/result.ts";
import { everything } from "../harness/common-requests.ts";
import { c1, type Setting } from "../harness/default-node.ts";
import type { Fault } from "../harness/gate.ts";
import type { AttachmentRequest } from "../harness/requests.ts";
import { check, type Run } from "../harness/run.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";

/** Attaches a VF, and returns its CHECK. `remembered` turns ADD's result into the runtime's prevResult. */
export function attached(
  request: AttachmentRequest = everything,
  setting: Setting = {},
  remembered: (result: Result) => Result = (result) => result,
) {
  const simulated = new SimulatedNode(setting);
  const { result } = simulated.mustAdd(c1, request);
  const prevResult = remembered(result ?? emptyResult());
  const checked = (fault?: Fault): Run => check(simulated.machine, c1, request, prevResult, fault);
  return { simulated, checked };
}
