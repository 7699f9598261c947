// Attachments whose record cannot be read any more, and the command that frees their VFs.
import { LONGEST_FILE } from "../../../src/node/files.ts";
import { c1 } from "../harness/default-node.ts";
import type { FollowUp } from "../harness/follow-ups.ts";
import { originalsOf } from "../harness/originals.ts";
import { pathOf } from "../harness/records.ts";
import type { Scenario } from "../harness/sweep.ts";
import type { Machine } from "../model/machine.ts";
import { isolated } from "./isolation.ts";
import { requests } from "./requests.ts";

const record = pathOf(c1);

const change = (how: (text: string) => string) => {
  return ({ files }: Machine) => void files.texts.set(record, how(files.texts.get(record) ?? ""));
};

/** Ways in which a record becomes unreadable. */
export const losses = {
  empty: change(() => ""),
  "cut off": change((text) => text.slice(0, 400)),
  "too long": change((text) => text + " ".repeat(LONGEST_FILE)),
  "of another kind": change((text) => text.replace('"vf":{', '"vf":[],"was":{')),
  "of a later format": change((text) => text.replace('"format":1,', '"format":2,"needs":"3.1.0",')),
  "not readable (EIO)": ({ files }: Machine) => void files.unreadable.set(record, "EIO"),
  "not readable (EACCES)": ({ files }: Machine) => void files.unreadable.set(record, "EACCES"),
} as const;

/** Returns `attachments release --force`, with all its faults. */
export function releaseUnreadableScenarios(): Scenario[] {
  const wanted = [
    ...requests(),
    { name: "isolation", request: isolated, setting: { rdma: "exclusive" } as const },
  ];
  return wanted.map(({ name, request, setting }) => ({
    name: `release --force of a record that cannot be read (${name})`,
    setting,
    pod: c1,
    request,
    arrange: (simulated) => {
      simulated.mustAdd(c1, request);
      losses["cut off"](simulated.machine);
    },
    act: (simulated, fault) => simulated.release(c1, true, fault),
    followUps: [thenFree],
  }));
}

/** Requires that the VF is on the host, with a driver, and has no owner; the runtime releases the lease. */
const thenFree: FollowUp = {
  name: "then again, and DEL",
  run(simulated, pod, request) {
    const { machine, problems } = simulated;
    for (let i = 0; i < 3 && simulated.release(pod, true).end !== "done"; i++);
    if (machine.files.texts.has(record)) problems.push("the record is left");
    simulated.mustDel(pod, request);
    if (simulated.lines().some((line) => line.includes(`of ${pod.containerId} `)))
      problems.push("a lease is left");
    if (machine.host.ofFunction(request.vf).length !== 1) problems.push("the netdev is not on the host");
    if (machine.bus.driverOf(request.vf) === undefined) problems.push("the VF has no driver");
    const devices = machine.bus.vfs.get(request.vf)?.probed?.devices ?? [];
    if (devices.some(({ where }) => where !== machine.host))
      problems.push("an RDMA device is not on the host");
    const target = machine.bus.vf(request.vf, "look at its GUID");
    const guid = target.probed?.portGuid;
    if (guid !== originalsOf(simulated.originals, target).port) problems.push(`the port GUID is ${guid}`);
  },
};
