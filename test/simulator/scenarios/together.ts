// Two things at once on one node.
import { CniError, codes } from "../../../src/cni/errors.ts";
import { guid } from "../../support/records.ts";
import { c1, c2, freshVf, pf, vf } from "../harness/default-node.ts";
import type { Interleaving } from "../harness/interleave.ts";
import type { Run } from "../harness/run.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import { killedAdd } from "./del.ts";
import { isolated } from "./isolation.ts";
import { contrary, everything } from "./requests.ts";

/** Waits no longer than this for a lock, ms: who is interrupted cannot give it back meanwhile. */
const patience = 50;
const patient = contrary(everything);
const theirs = { ...patient, patience };
const elsewhere = { vf: freshVf, guid: guid("02:00:00:00:00:00:00:79"), subnets: ["10.3.0.0/24"], patience };

/** Everything that two callers, or a caller and the kernel, can do at once. */
export function interleavings(): Interleaving[] {
  return [
    {
      name: "two ADDs for one VF",
      setting: {},
      verb: (story, fault) => story.add(c1, everything, fault),
      meanwhile: (story) => story.add(c2, theirs),
      afterwards(story, ran, other) {
        const winners = [ran, other].filter((each) => each?.end === "done");
        if (winners.length !== 1) story.problems.push(`${winners.length} ADDs have won`);
        const loser = ran.end === "done" ? other : ran;
        requireRefused(story, loser, ran.end === "done" ? "c1" : "c2");
        story.mustDel(ran.end === "done" ? c2 : c1, ran.end === "done" ? theirs : everything);
        if (ran.end === "done") story.requireAttached(c1, everything, ran);
        else if (other !== undefined) story.requireAttached(c2, theirs, other);
        story.mustDel(c1, everything);
        story.mustDel(c2, theirs);
        story.requireAsBefore("after both DELs");
      },
    },
    ...Object.entries({ "the same VF": everything, "two VFs": { ...everything, vf: freshVf } }).map(
      ([what, wish]): Interleaving => ({
        name: `two ADDs for one attachment, of ${what}`,
        setting: {},
        verb: (story, fault) => story.add(c1, everything, fault),
        meanwhile: (story) => story.add(c1, { ...wish, patience }),
        afterwards(story, ran, other) {
          const isFirst = ran.end === "done";
          const loser = isFirst ? other : ran;
          if (isFirst === (other?.end === "done")) story.problems.push("not one of both ADDs has won");
          const { error } = loser ?? {};
          if (!(error instanceof CniError && /net1|ADD of container c1|left no note/.test(error.message)))
            story.problems.push(`who lost was told: ${error instanceof Error ? error.message : error}`);
          const winner = isFirst ? everything : wish;
          const won = isFirst ? ran : other;
          if (won !== undefined) story.requireAttached(c1, winner, won);
          const claims = story.lines().filter((line) => /^owner of .*: c1-net1$/.test(line));
          if (claims.length !== 1) story.problems.push(`c1's VFs are said to be: ${claims}`);
          story.mustDel(c1, winner);
          story.requireAsBefore("after DEL");
        },
      }),
    ),
    {
      name: "ADD of one VF while another of the same PF is attached",
      setting: {},
      verb: (story, fault) => story.add(c1, everything, fault),
      meanwhile: (story) => story.add(c2, elsewhere),
      afterwards(story, ran, other) {
        if (ran.end !== "done") story.problems.push("the first ADD has failed");
        if (other?.end === "failed") requireBusy(story, other);
        story.mustDel(c2, elsewhere);
        if (ran.end === "done") story.requireAttached(c1, everything, ran);
        story.mustDel(c1, everything);
        story.requireAsBefore("after both DELs");
      },
    },
    {
      name: "isolating ADD of one VF while another is isolated",
      setting: { rdma: "exclusive" },
      verb: (story, fault) => story.add(c1, isolated, fault),
      meanwhile: (story) => story.add(c2, { ...elsewhere, rdmaIsolation: true }),
      afterwards(story, ran, other) {
        if (ran.end !== "done") story.problems.push("the first ADD has failed");
        if (other?.end === "failed") requireBusy(story, other);
        story.mustDel(c2, { ...elsewhere, rdmaIsolation: true });
        if (ran.end === "done") story.requireAttached(c1, isolated, ran);
        story.mustDel(c1, isolated);
        story.requireAsBefore("after both DELs");
      },
    },
    {
      name: "DEL while another container asks for the VF",
      setting: {},
      arrange: (story) => void story.mustAdd(c1, everything),
      verb: (story, fault) => story.del(c1, everything, fault),
      meanwhile: (story) => story.add(c2, theirs),
      afterwards(story, ran, other) {
        if (ran.end !== "done") story.problems.push("DEL has failed");
        if (other?.end === "done") story.requireAttached(c2, theirs, other);
        else requireRefused(story, other, "c1");
        story.mustDel(c2, theirs);
        story.requireAsBefore("after both DELs");
      },
    },
    {
      name: "two DELs at once",
      setting: {},
      arrange: (story) => void story.mustAdd(c1, everything),
      verb: (story, fault) => story.del(c1, everything, fault),
      meanwhile: (story) => story.del(c1, { ...everything, patience }),
      afterwards(story, ran, other) {
        if (ran.end !== "done") story.problems.push("DEL has failed");
        if (other?.end === "failed") requireBusy(story, other);
        story.requireAsBefore("after both DELs");
      },
    },
    {
      name: "ADD while DEL comes for it",
      setting: {},
      verb: (story, fault) => story.add(c1, everything, fault),
      meanwhile: (story) => story.del(c1, { ...everything, patience }),
      afterwards(story, _, other) {
        if (other?.end === "failed") requireBusy(story, other);
        story.mustDel(c1, everything);
        story.requireAsBefore("after DEL");
      },
    },
    {
      name: "ADD while two others die over the VF",
      setting: {},
      verb: (story, fault) => story.add(c1, everything, fault),
      meanwhile: (story) => {
        // Only who comes before the lock is taken gets anywhere.
        const ran = story.add(c2, theirs, ({ call }) =>
          call === "links.move" ? { end: "kill" } : undefined,
        );
        return ran;
      },
      afterwards(story, ran) {
        if (ran.end === "failed") story.problems.push("ADD has failed");
        story.mustDel(c1, everything);
        story.mustDel(c2, theirs);
        story.settleOwed();
        story.requireAsBefore("after both DELs");
      },
    },
    ...(["ADD", "DEL"] as const).map((verb): Interleaving => {
      let wasLocked = false;
      return {
        name: `${verb} while the VFs are made anew`,
        setting: {},
        arrange: (story) => {
          if (verb === "DEL") story.mustAdd(c1, everything);
        },
        verb: (story, fault) =>
          verb === "DEL" ? story.del(c1, everything, fault) : story.add(c1, everything, fault),
        meanwhile: (story) => {
          wasLocked = story.machine.files.locks.size > 0;
          story.happens((machine) => machine.bus.makeVfsAnew(pf));
          return undefined;
        },
        // What it did to a VF that it takes for the old one nobody can tell from what the new one's owner did:
        // the VF can stay in the container then, and comes home with the end of that.
        afterwards(story) {
          story.mustDel(c1, everything);
          if (wasLocked) story.deleteNamespace(c1);
          const left = story.lines().filter((line) => line.includes("c1 ") || line.includes("c1-net1"));
          if (left.length > 0) story.problems.push(`left after DEL: ${left}`);
          if (story.machine.bus.driverOf(vf) === undefined) story.problems.push("the VF has no driver");
          if (story.machine.host.ofFunction(vf).length !== 1)
            story.problems.push("the netdev is not at home");
        },
      };
    }),
    ...(["ADD", "DEL", "adopting ADD", "isolating ADD", "isolated DEL"] as const).map(
      (verb): Interleaving => {
        const isIsolated = verb.startsWith("isola");
        const wish = isIsolated ? isolated : everything;
        return {
          name: `${verb} while the container's namespace goes`,
          setting: isIsolated ? { rdma: "exclusive" } : {},
          arrange: (story) => {
            if (verb.endsWith("DEL")) story.mustAdd(c1, wish);
            if (verb === "adopting ADD") killedAdd(story, ["links.move", 1]);
          },
          verb: (story, fault) => {
            if (verb.endsWith("DEL")) return story.del(c1, wish, fault);
            return verb === "adopting ADD" ? story.add(c2, patient, fault) : story.add(c1, wish, fault);
          },
          meanwhile: (story) => {
            story.deleteNamespace(c1);
            return undefined;
          },
          afterwards(story, ran) {
            if (verb === "adopting ADD") {
              if (ran.end !== "done") story.problems.push("ADD has failed");
              story.mustDel(c2, patient);
            }
            story.mustDel(c1, wish, null);
            story.settleOwed();
            story.requireAsBefore("after DEL");
          },
        };
      },
    ),
  ];
}

function requireRefused(story: SimulatedNode, ran: Run | undefined, holder: string): void {
  const { error } = ran ?? {};
  const known =
    error instanceof CniError && [codes.deviceInUse, codes.tryAgain].includes(error.code as 11 | 101);
  // The holder's note is written just after the lock was taken.
  const isNamed =
    error instanceof CniError && [holder, "left no note"].some((text) => error.message.includes(text));
  if (!known || !isNamed) {
    story.problems.push(`who lost was told: ${error instanceof Error ? error.message : ran?.end}`);
  }
}

function requireBusy(story: SimulatedNode, { error }: Run): void {
  if (error instanceof CniError && error.code === codes.tryAgain) return;
  story.problems.push(`who came too early was told: ${error instanceof Error ? error.message : error}`);
}
