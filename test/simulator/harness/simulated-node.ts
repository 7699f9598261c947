import { releasePending } from "../../../src/attachment/ipam/pending-releases.ts";
import type { AttachmentName } from "../../../src/attachment/record/record.ts";
import { StateDirectory } from "../../../src/attachment/record/state-directory.ts";
import type { Guid } from "../../../src/infiniband/guid.ts";
import { unobserved } from "../../support/unobserved.ts";
import type { Machine } from "../model/machine.ts";
import type { Fault } from "../node/gate.ts";
import { addressesWithoutLease } from "./addresses.ts";
import { attachmentErrors, isThere } from "./attachment-errors.ts";
import { c1, freshGuid, freshVf, makeWorld, type Setting, vf, withOwnGuids } from "./default-node.ts";
import { type OriginalsByVf, originalsIn } from "./originals.ts";
import { other, otherAttachment } from "./other.ts";
import { doubleOwners, pathOf, recordsOf } from "./records.ts";
import type { AttachmentRequest, Pod } from "./requests.ts";
import { add, del, gc, gcOfAll, messageChain, provisionOne, type Run, releaseOf, run } from "./run.ts";
import { difference, snapshot, withoutNamespace } from "./snapshot.ts";
import { stateDirectory } from "./state.ts";
import { judgeAtTeardown } from "./teardown.ts";

/** How often a DEL that fails may be tried again, without faults. */
const MOST_DELS = 3;

/** What can be lost and no promise is broken. */
export type AllowedDifference =
  | "attributes"
  | "link state"
  | "GUIDs on file"
  | "derived GUID"
  | "an administrator's GUIDs";

/**
 * What happens on one node, and what of it must not.
 *
 * The teardown of the test that makes a story fails the test if the story has problems, or if nothing is attached and the
 * node is not as before. A test about a complaint names it with {@link expectProblems}.
 */
export class SimulatedNode {
  readonly machine: Machine;
  /** What the node was like before anything happened. */
  before: readonly string[];
  /** What its VFs were like. */
  originals: OriginalsByVf;
  /** See {@link Expectations}; for the tests that know it to be another one. */
  autoGuid: Guid | undefined;
  /** What was wrong, in words. */
  readonly problems: string[] = [];
  expectedProblems: readonly unknown[] = [];
  /** What the node was like before any event. */
  readonly initial: Pick<SimulatedNode, "before" | "originals">;
  readonly #events: ((machine: Machine) => void)[] = [];
  #other: readonly unknown[];
  readonly #deleted: string[] = [];
  /** What DESIGN.md allows to be lost, see {@link forgive}. */
  readonly #forgiven = new Set<AllowedDifference>();

  /** @param sweep makes a story whose problems the caller reports, see {@link SimulatedNode.ofSweep}. */
  constructor(
    readonly setting: Setting,
    sweep?: { readonly first: SimulatedNode | undefined },
  ) {
    this.machine = makeWorld(setting);
    this.initial = sweep?.first?.initial ?? {
      before: snapshot(this.machine),
      originals: originalsIn(this.machine),
    };
    this.before = this.initial.before;
    this.originals = this.initial.originals;
    this.#other = otherAttachment(this.machine);
    if (sweep === undefined) judgeAtTeardown(this);
  }

  /**
   * Returns a story of a sweep, which reads the problems itself and reports each with its case: the teardown of the test
   * does not look at it.
   * @param first of the sweep, which has read already what such a node is like.
   */
  static ofSweep(setting: Setting, first?: SimulatedNode): SimulatedNode {
    return new SimulatedNode(setting, { first });
  }

  /**
   * States the problems that the test is about, all of them and in their order. The teardown fails the test if the problems
   * differ.
   * @param problems texts, or matchers of vitest.
   */
  expectProblems(...problems: readonly unknown[]): void {
    this.expectedProblems = problems;
  }

  /** ADD. One that says that it is done must be. */
  add(pod: Pod, wish: AttachmentRequest, fault?: Fault): Run {
    const ran = this.#judge(`ADD of ${pod.containerId}`, add(this.machine, pod, wish, fault), fault);
    // Where the namespace, or the VF, went meanwhile, only DEL can tell what became of it.
    if (ran.end === "done" && isThere(this.machine, pod)) this.requireAttached(pod, wish, ran);
    return ran;
  }

  /** ADD that has no reason to fail. */
  mustAdd(pod: Pod, wish: AttachmentRequest): Run {
    const ran = this.add(pod, wish);
    if (ran.end === "failed")
      this.problems.push(`ADD of ${pod.containerId} failed: ${messageChain(ran.error)}`);
    return ran;
  }

  del(pod: Pod, wish: AttachmentRequest, fault?: Fault, netns?: string | null): Run {
    return this.#judge(`DEL of ${pod.containerId}`, del(this.machine, pod, wish, fault, netns), fault);
  }

  /** DEL without faults, again where it fails, as a runtime does it. */
  mustDel(pod: Pod, wish: AttachmentRequest, netns?: string | null): void {
    let ran: Run | undefined;
    for (let i = 0; i < MOST_DELS && ran?.end !== "done"; i++) ran = this.del(pod, wish, undefined, netns);
    if (ran?.end !== "done")
      this.problems.push(`DEL of ${pod.containerId} fails for ever: ${messageChain(ran?.error)}`);
  }

  /** GC of a network: valid are those that are named, and who must never notice anything. */
  gc(valid: readonly AttachmentName[], fault?: Fault, network = "mynet"): Run {
    return this.#judge("GC", gc(this.machine, network, [...valid, other], fault), fault);
  }

  /** `ib-sriov provision` of a VF. */
  provision(pci: string, fault?: Fault): Run {
    return this.#judge("provision", provisionOne(this.machine, pci, fault), fault);
  }

  /** `ib-sriov gc`; with `act` false, --dry-run. */
  gcOfAll(act = true, fault?: Fault): Run {
    return this.#judge("gc", gcOfAll(this.machine, act, fault), fault);
  }

  /** `ib-sriov attachments release`. */
  release(pod: Pod, force: boolean, fault?: Fault): Run {
    return this.#judge("release", releaseOf(this.machine, pod, force, fault), fault);
  }

  /** Lets so much time pass that GC no longer takes an attachment for one that may be newer than the list. */
  waitForGracePeriod(): void {
    this.machine.time.pass(10 * 60_000);
  }

  /** GC without faults, again where it fails. */
  mustGc(valid: readonly AttachmentName[], network = "mynet"): void {
    let ran: Run | undefined;
    for (let i = 0; i < MOST_DELS && ran?.end !== "done"; i++) ran = this.gc(valid, undefined, network);
    if (ran?.end !== "done") this.problems.push(`GC fails for ever: ${messageChain(ran?.error)}`);
  }

  /**
   * Something happens to the node that nobody puts back: from now on "before" is what a node is like to which
   * nothing but such events has happened.
   */
  happens(event: (machine: Machine) => void): void {
    this.#events.push(event);
    const twin = makeWorld(this.setting);
    for (const each of this.#events) each(twin);
    twin.time.settle();
    this.before = snapshot(twin);
    this.originals = originalsIn(twin);
    event(this.machine);
    this.#other = otherAttachment(this.machine);
  }

  /** The runtime deletes a pod's namespace. */
  deleteNamespace(pod: Pod): void {
    this.machine.deleteNamespace(pod.netns);
    this.#deleted.push(pod.netns.slice(pod.netns.lastIndexOf("/") + 1));
  }

  /** What gc will do: releases leases that are owed. */
  settleOwed(): void {
    for (const path of this.owed()) {
      run(this.machine, c1, "DEL", (node, warn) => {
        const state = new StateDirectory(node.files);
        const deadline = node.clock.now() + 5000;
        releasePending(node, state, path, state.read(path)?.record, [], {
          deadline,
          warn,
          observe: unobserved,
        });
        return undefined;
      });
    }
  }

  /** Paths of the records of a VF. */
  records(pci: string): string[] {
    return [...recordsOf(this.machine)].flatMap(([path, record]) => (record.vf.pci === pci ? [path] : []));
  }

  /** Paths of what is owed. */
  owed(): string[] {
    return [...this.machine.files.texts.keys()].filter((path) => path.startsWith(`${stateDirectory}/.owed/`));
  }

  lines(): string[] {
    this.machine.time.settle();
    return snapshot(this.machine);
  }

  requireAttached(pod: Pod, wish: AttachmentRequest, ran: Run): void {
    const found = attachmentErrors(this.machine, pod, wish, ran, this);
    this.problems.push(
      ...found
        .filter((flaw) => !(this.#forgiven.has("link state") && flaw.startsWith("link state")))
        .filter((flaw) => !(this.#forgiven.has("attributes") && flaw.startsWith("RDMA device of"))),
    );
  }

  /**
   * From now on this need not be as before. "attributes": name, alternative names and admin state of the VF's
   * netdev on the host, and the name of its RDMA device, where a warning said that they could not be given back.
   * "an administrator's GUIDs": those that were set at the PF after ADD. "derived GUID": the one that the fresh VF was given for good, of which a kill can leave a part. The others: what
   * the PF has on file for the VF, where the kernel could not tell what it was.
   */
  forgive(what: AllowedDifference): void {
    this.#forgiven.add(what);
  }

  /** Nothing is attached any more: is the node as it was, but for namespaces that were deleted? */
  requireAsBefore(when: string): void {
    const kept = (lines: readonly string[]) => {
      const left = this.#deleted.reduce<readonly string[]>(
        (rest, label) => withoutNamespace(rest, label),
        lines,
      );
      return [...this.#forgiven].reduce((rest, what) => without(rest, what), left);
    };
    const changed = difference(kept(this.before), kept(this.lines()));
    if (changed.length > 0)
      this.problems.push(`${when} the node is not as before:\n    ${changed.join("\n    ")}`);
  }

  /** If nothing is attached, the node is as before: the last check of each story, at the test's teardown. */
  requireAsBeforeIfFree(): void {
    if (this.#attachments().length > 0) return;
    this.settleOwed();
    this.requireAsBefore("at the end of the test");
  }

  /** Paths of all records and cache files except the other container's. */
  #attachments(): string[] {
    const own = (path: string) => path.startsWith(`${stateDirectory}/`) && path !== pathOf(other);
    const isRecord = (path: string) =>
      !path.startsWith(`${stateDirectory}/.`) || path.startsWith(`${stateDirectory}/.x/`);
    return [...this.machine.files.texts.keys()].filter((path) => own(path) && isRecord(path));
  }

  /** Nothing has changed since these lines. */
  requireUnchanged(since: readonly string[], when: string): void {
    const changed = difference(since, this.lines());
    if (changed.length > 0)
      this.problems.push(`${when} something has changed:\n    ${changed.join("\n    ")}`);
  }

  #judge(what: string, ran: Run, fault: Fault | undefined): Run {
    this.problems.push(
      ...ran.violations.map((violation) => `${what}: ${violation}`),
      ...doubleOwners(this.machine),
      ...addressesWithoutLease(this.machine),
    );
    // A warning is an excuse only where there was something to warn of.
    const lost = ran.warnings.filter((warning) => /^cannot (give|bring) /.test(warning));
    if (fault !== undefined && lost.length > 0) this.forgive("attributes");
    const now = otherAttachment(this.machine);
    const touched = now.some((each, at) => each !== this.#other[at]);
    if (touched) this.problems.push(`${what} has touched the other container's VF: ${now.slice(2)}`);
    return ran;
  }
}

/** The lines without what is forgiven. */
function without(lines: readonly string[], what: AllowedDifference): readonly string[] {
  switch (what) {
    case "link state":
      return lines.map((line) => line.replace(/^(vf .*) link \w+$/, "$1"));
    case "GUIDs on file":
      return lines.map((line) => line.replace(/^(vf .*) on file \S+ \S+/, "$1"));
    case "an administrator's GUIDs":
      return lines.map(withOwnGuids);
    case "derived GUID":
      return lines.map((line) => line.replaceAll(freshGuid, "none"));
    case "attributes":
      return [vf, freshVf]
        .reduce(withoutAttributes, lines)
        .map((line) => line.replace(/ rdma \S+ /g, " rdma "));
  }
}

function withoutAttributes(lines: readonly string[], pci: string): readonly string[] {
  const name = lines.find((line) => line.startsWith("in -: ") && line.endsWith(` of ${pci}`))?.split(" ")[2];
  return lines
    .filter((line) => !line.startsWith(`in -: ${name} altname `))
    .map((line) =>
      line.startsWith(`in -: ${name} `) ? line.replace(` ${name} `, ` netdev of ${pci} `) : line,
    )
    .map((line) => (line.endsWith(` of ${pci}`) ? line.replace(/ (up|down) of /, " of ") : line));
}
