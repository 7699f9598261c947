// DEL of a container without a record, and its IPAM plugin.
import { expect, test } from "vitest";
import { codes } from "../../src/cni/errors.ts";
import { c1 } from "./harness/default-node.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import type { Program } from "./model/child.ts";
import { everything } from "./scenarios/requests.ts";

/** Runs DEL of an attachment that never existed, with another IPAM plugin. */
function delWith(program: Program) {
  const simulated = new SimulatedNode({});
  simulated.machine.programs.set("/opt/cni/bin/host-local", program);
  return simulated.del(c1, everything);
}

test.each([
  [
    "an error object",
    JSON.stringify({ code: 999, msg: "no IP ranges specified" }),
    /IPAM plugin "host-local": no IP ranges specified/,
  ],
  ["nothing", "", /IPAM plugin "host-local": .*no error message/],
])("a warning reports a plugin that answers with %s", (_, answer, pattern) => {
  expect(delWith((child) => child.exit(1, answer))).toMatchObject({
    end: "done",
    warnings: [expect.stringMatching(pattern)],
  });
});

test("DEL fails if the plugin was killed, or hangs: the next DEL may succeed", () => {
  expect(delWith((child) => child.kill(9))).toMatchObject({ end: "failed" });
  expect(delWith(() => {})).toMatchObject({ end: "failed", error: { code: codes.tryAgain } });
});
