// A state directory that users other than root can change: no call does as root what is in it.
import { expect, test } from "vitest";
import { STATE_DIRECTORY } from "../../../src/attachment/record/state-directory.ts";
import { codes } from "../../../src/cni/errors.ts";
import { everything } from "../harness/common-requests.ts";
import { c1, c2, freshVf } from "../harness/default-node.ts";
import { messageChain, type Run } from "../harness/run.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";

const untrusted = [
  ["of another user", { user: 1000, group: 0, mode: 0o700 }],
  ["that all can write to", { user: 0, group: 0, mode: 0o777 }],
  ["that another group can write to", { user: 0, group: 1000, mode: 0o770 }],
] as const;

const calls: readonly (readonly [string, (simulated: SimulatedNode) => Run])[] = [
  ["ADD", (simulated) => simulated.add(c2, { vf: freshVf })],
  ["DEL", (simulated) => simulated.del(c1, everything)],
  ["GC", (simulated) => simulated.gc([])],
  ["gc", (simulated) => simulated.gcOfAll()],
  ["attachments release", (simulated) => simulated.release(c1, { force: true })],
];

/** A node with an attachment whose container is gone. */
function arranged(): SimulatedNode {
  const simulated = new SimulatedNode({});
  simulated.mustAdd(c1, everything);
  simulated.deleteNamespace(c1);
  return simulated;
}

test.each(calls.flatMap((call) => untrusted.map((each) => [call[0], each[0], call[1], each[1]] as const)))(
  "%s leaves the node as it is with a directory %s",
  (_, __, call, permissions) => {
    const simulated = arranged();
    const before = simulated.lines();
    const { machine } = simulated;
    machine.files.permissions.set(STATE_DIRECTORY, permissions);
    const { error } = call(simulated);
    expect(error).toMatchObject({ code: codes.node });
    expect(messageChain(error)).toMatch(/users other than root can change .*chown -R 0:0/);
    simulated.requireUnchanged(before, "after the refusal");

    machine.files.permissions.delete(STATE_DIRECTORY);
    simulated.mustDel(c1, everything, null);
    simulated.requireAsBefore("after DEL");
  },
);

test("root's own group may write to the directory", () => {
  const simulated = arranged();
  simulated.machine.files.permissions.set(STATE_DIRECTORY, { user: 0, group: 0, mode: 0o775 });
  simulated.mustDel(c1, everything, null);
  simulated.requireAsBefore("after DEL");
});
