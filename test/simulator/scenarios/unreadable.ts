// Attachments whose record cannot be read any more, and how an operator frees the VF.
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

/** What becomes of a record. */
export const losses = {
  empty: change(() => ""),
  "cut off": change((text) => text.slice(0, 400)),
  "too long": change((text) => text + " ".repeat(LONGEST_FILE)),
  "of another kind": change((text) => text.replace('"vf":{', '"vf":[],"was":{')),
  "of a later format": change((text) => text.replace('"format":1,', '"format":2,"needs":"3.1.0",')),
  "not readable (EIO)": ({ files }: Machine) => void files.unreadable.set(record, "EIO"),
  "not readable (EACCES)": ({ files }: Machine) => void files.unreadable.set(record, "EACCES"),
} as const;

/** `attachments release --force`, with everything that can befall it. */
export function releaseUnreadableScenarios(): Scenario[] {
  const wanted = [
    ...requests(),
    { name: "isolation", wish: isolated, setting: { rdma: "exclusive" } as const },
  ];
  return wanted.map(({ name, wish, setting }) => ({
    name: `release --force of a record that cannot be read (${name})`,
    setting,
    pod: c1,
    wish,
    arrange: (story) => {
      story.mustAdd(c1, wish);
      losses["cut off"](story.machine);
    },
    act: (story, fault) => story.release(c1, true, fault),
    followUps: [thenFree],
  }));
}

/** The VF is on the host, with a driver, and nobody's; the lease is the runtime's to release. */
const thenFree: FollowUp = {
  name: "then again, and DEL",
  goOn(story, pod, wish) {
    const { machine, problems } = story;
    for (let i = 0; i < 3 && story.release(pod, true).end !== "done"; i++);
    if (machine.files.texts.has(record)) problems.push("the record is left");
    story.mustDel(pod, wish);
    if (story.lines().some((line) => line.includes(`of ${pod.containerId} `)))
      problems.push("a lease is left");
    if (machine.host.ofFunction(wish.vf).length !== 1) problems.push("the netdev is not on the host");
    if (machine.bus.driverOf(wish.vf) === undefined) problems.push("the VF has no driver");
    const devices = machine.bus.vfs.get(wish.vf)?.probed?.devices ?? [];
    if (devices.some(({ where }) => where !== machine.host))
      problems.push("an RDMA device is not on the host");
    const target = machine.bus.vf(wish.vf, "look at its GUID");
    const guid = target.probed?.portGuid;
    if (guid !== originalsOf(story.originals, target).port) problems.push(`the port GUID is ${guid}`);
  },
};
