import { afterEach, expect } from "vitest";
import type { ProvisionOptions } from "../../../src/attachment/admin/provision.ts";
import { releaseLeaseAt } from "../../../src/attachment/ipam/unreleased-leases.ts";
import { openSession } from "../../../src/attachment/lock/session.ts";
import type { AttachmentName } from "../../../src/attachment/record/record.ts";
import { STATE_DIRECTORY } from "../../../src/attachment/record/state-directory.ts";
import type { Guid } from "../../../src/infiniband/guid.ts";
import { unobserved } from "../../support/unobserved.ts";
import type { Machine } from "../model/machine.ts";
import { addressesWithoutLease, attachmentErrors, isThere } from "./attachment-errors.ts";
import { c1, makeDefaultNode, type Setting } from "./default-node.ts";
import { type KillPoint, killAt } from "./faults.ts";
import type { Fault } from "./gate.ts";
import { other, otherAttachment } from "./other-container.ts";
import { doubleOwners, pathOf, recordsOf } from "./records.ts";
import type { AttachmentRequest, Pod } from "./requests.ts";
import type { Run } from "./run.ts";
import * as verbs from "./run.ts";
import {
  type AllowedDifference,
  difference,
  type OriginalsByVf,
  originalsIn,
  snapshot,
  withoutDifference,
  withoutNamespace,
} from "./snapshot.ts";

/** The number of times that a DEL or GC without faults is repeated while it fails. */
const MOST_DELS = 3;

/** The simulated nodes of the running test. Each node adds itself, so that no test can omit its check. */
const nodesOfTest: SimulatedNode[] = [];

/**
 * A node, the verbs that run on it, and the rules that they must keep.
 *
 * The teardown of the test that makes a simulated node fails the test if the node has problems, or if nothing is
 * attached and the node is not as before. A test that expects problems declares them with {@link expectProblems}.
 */
export class SimulatedNode {
  readonly machine: Machine;
  /** The node's state before the first verb. */
  before: readonly string[];
  /** The originals of the node's VFs. */
  originals: OriginalsByVf;
  /** See {@link Expectations}; set by tests that expect another GUID. */
  autoGuid: Guid | undefined;
  /** The violations that were found, as texts. */
  readonly problems: string[] = [];
  expectedProblems: readonly unknown[] = [];
  /** The node's state before any event. */
  readonly initial: Pick<SimulatedNode, "before" | "originals">;
  readonly #events: ((machine: Machine) => void)[] = [];
  #other: readonly unknown[];
  readonly #deleted: string[] = [];
  /** See {@link allowDifference}. */
  readonly #allowed = new Set<AllowedDifference>();

  /** @param sweep makes a node whose problems the caller reports, see {@link SimulatedNode.ofSweep}. */
  constructor(
    readonly setting: Setting,
    sweep?: { readonly first: SimulatedNode | undefined },
  ) {
    this.machine = makeDefaultNode(setting);
    this.initial = sweep?.first?.initial ?? {
      before: snapshot(this.machine),
      originals: originalsIn(this.machine),
    };
    this.before = this.initial.before;
    this.originals = this.initial.originals;
    this.#other = otherAttachment(this.machine);
    if (sweep === undefined) nodesOfTest.push(this);
  }

  /**
   * Returns a node for a sweep, which reads the problems itself and reports each with its case: the teardown of the
   * test ignores such a node.
   * @param first a node of the same sweep, whose initial state is reused.
   */
  static ofSweep(setting: Setting, first?: SimulatedNode): SimulatedNode {
    return new SimulatedNode(setting, { first });
  }

  /**
   * Declares all problems that the test expects, in their order. The teardown fails the test if the problems differ.
   * @param problems texts, or matchers of vitest.
   */
  expectProblems(...problems: readonly unknown[]): void {
    this.expectedProblems = problems;
  }

  /** Runs ADD, and checks the attachment if ADD succeeds. */
  add(pod: Pod, request: AttachmentRequest, fault?: Fault): Run {
    const ran = this.#check(`ADD of ${pod.containerId}`, verbs.add(this.machine, pod, request, fault), fault);
    // If the namespace or the VF was removed during ADD, only DEL can find out what became of the attachment.
    if (ran.end === "done" && isThere(this.machine, pod)) this.requireAttached(pod, request, ran);
    return ran;
  }

  /** Runs an ADD that is killed. */
  killAdd(pod: Pod, request: AttachmentRequest, point: KillPoint): Run {
    const ran = this.add(pod, request, killAt(point));
    if (ran.end !== "killed") this.problems.push(`ADD was not killed after ${point.call}, but ${ran.end}`);
    return ran;
  }

  /** Runs an ADD that must succeed. */
  mustAdd(pod: Pod, request: AttachmentRequest): Run {
    const ran = this.add(pod, request);
    if (ran.end === "failed")
      this.problems.push(`ADD of ${pod.containerId} failed: ${verbs.messageChain(ran.error)}`);
    return ran;
  }

  del(pod: Pod, request: AttachmentRequest, fault?: Fault, netns?: string | null): Run {
    return this.#check(
      `DEL of ${pod.containerId}`,
      verbs.del(this.machine, pod, request, fault, netns),
      fault,
    );
  }

  /** Runs DEL without faults, and repeats it while it fails, as a runtime does. */
  mustDel(pod: Pod, request: AttachmentRequest, netns?: string | null): void {
    this.#repeat(`DEL of ${pod.containerId}`, () => this.del(pod, request, undefined, netns));
  }

  /** Runs GC of a network; the other container (see other-container.ts) is always valid. */
  gc(valid: readonly AttachmentName[], fault?: Fault, network = "mynet"): Run {
    return this.#check("GC", verbs.gc(this.machine, network, [...valid, other], fault), fault);
  }

  /** Runs `ib-sriov provision` of a VF. */
  provision(pci: string, fault?: Fault, options: Partial<ProvisionOptions> = {}): Run {
    return this.#check("provision", verbs.provisionOne(this.machine, pci, options, fault), fault);
  }

  /** Runs `ib-sriov bind` of a VF. */
  bind(pci: string, fault?: Fault, driver?: string): Run {
    return this.#check("bind", verbs.bindOne(this.machine, pci, driver, fault), fault);
  }

  /** Runs `ib-sriov gc`. */
  gcOfAll(options = { dryRun: false }, fault?: Fault): Run {
    return this.#check("gc", verbs.gcOfAll(this.machine, options, fault), fault);
  }

  /** Runs `ib-sriov attachments release`. */
  release(pod: Pod, options: { readonly force: boolean }, fault?: Fault): Run {
    return this.#check("release", verbs.releaseOf(this.machine, pod, options, fault), fault);
  }

  /** Runs `ib-sriov attachments release` of a record whose attachment is not known. */
  releaseAt(path: string, options: { readonly force: boolean }, fault?: Fault): Run {
    return this.#check("release", verbs.releaseAt(this.machine, path, options, fault), fault);
  }

  /** Passes the time during which GC keeps an attachment because it can be newer than the runtime's list. */
  waitForGracePeriod(): void {
    this.machine.time.pass(10 * 60_000);
  }

  /** Runs GC without faults, and repeats it while it fails. */
  mustGc(valid: readonly AttachmentName[], network = "mynet"): void {
    this.#repeat("GC", () => this.gc(valid, undefined, network));
  }

  /** Repeats a call while it fails. */
  #repeat(what: string, call: () => Run): void {
    let ran: Run | undefined;
    for (let i = 0; i < MOST_DELS && ran?.end !== "done"; i++) ran = call();
    if (ran?.end !== "done") this.problems.push(`every ${what} fails: ${verbs.messageChain(ran?.error)}`);
  }

  /**
   * Changes the node in a way that no verb undoes. From now on, "as before" means: as a node to which only these
   * changes have been made.
   */
  changeNode(event: (machine: Machine) => void): void {
    this.#events.push(event);
    const twin = makeDefaultNode(this.setting);
    for (const each of this.#events) each(twin);
    twin.time.settle();
    this.before = snapshot(twin);
    this.originals = originalsIn(twin);
    event(this.machine);
    this.#other = otherAttachment(this.machine);
  }

  /** Deletes a pod's namespace, as the runtime does. */
  deleteNamespace(pod: Pod): void {
    this.machine.deleteNamespace(pod.netns);
    this.#deleted.push(pod.netns.slice(pod.netns.lastIndexOf("/") + 1));
  }

  /** Does the unreleased leases, as a later call would. */
  releaseLeaseAt(): void {
    for (const path of this.unreleasedLeases()) {
      verbs.run(this.machine, c1, "DEL", (node, warn) => {
        const deadline = node.clock.now() + 5000;
        const session = openSession(node, { deadline, warn, observe: unobserved });
        releaseLeaseAt(session, path, session.state.read(path)?.record);
      });
    }
  }

  /** Returns the paths of the records of a VF. */
  records(pci: string): string[] {
    return [...recordsOf(this.machine)].flatMap(([path, record]) => (record.vf.pci === pci ? [path] : []));
  }

  /** Returns the paths of the unreleased leases. */
  unreleasedLeases(): string[] {
    return [...this.machine.files.texts.keys()].filter((path) =>
      path.startsWith(`${STATE_DIRECTORY}/.leases/`),
    );
  }

  lines(): string[] {
    this.machine.time.settle();
    return snapshot(this.machine);
  }

  requireAttached(pod: Pod, request: AttachmentRequest, ran: Run): void {
    const errors = attachmentErrors(this.machine, pod, request, ran, this);
    this.problems.push(
      ...errors
        .filter((error) => !(this.#allowed.has("link state") && error.startsWith("link state")))
        .filter((error) => !(this.#allowed.has("attributes") && error.startsWith("RDMA device of"))),
    );
  }

  /** Allows a difference from the node's state before. */
  allowDifference(what: AllowedDifference): void {
    this.#allowed.add(what);
  }

  /** Requires that nothing is attached and the node is as before, apart from deleted namespaces. */
  requireAsBefore(when: string): void {
    const kept = (lines: readonly string[]) => {
      const left = this.#deleted.reduce<readonly string[]>(
        (rest, label) => withoutNamespace(rest, label),
        lines,
      );
      return [...this.#allowed].reduce((rest, what) => withoutDifference(rest, what), left);
    };
    const changed = difference(kept(this.before), kept(this.lines()));
    if (changed.length > 0)
      this.problems.push(`${when} the node is not as before:\n    ${changed.join("\n    ")}`);
  }

  /** Requires that the node is as before if nothing is attached: the last check of each test, in its teardown. */
  requireAsBeforeIfFree(): void {
    if (this.#attachments().length > 0) return;
    this.releaseLeaseAt();
    this.requireAsBefore("at the end of the test");
  }

  /** Returns the paths of all records and cache files except the other container's. */
  #attachments(): string[] {
    const own = (path: string) => path.startsWith(`${STATE_DIRECTORY}/`) && path !== pathOf(other);
    const isRecord = (path: string) =>
      !path.startsWith(`${STATE_DIRECTORY}/.`) || path.startsWith(`${STATE_DIRECTORY}/.x/`);
    return [...this.machine.files.texts.keys()].filter((path) => own(path) && isRecord(path));
  }

  /** Requires that nothing has changed since these lines. */
  requireUnchanged(since: readonly string[], when: string): void {
    const changed = difference(since, this.lines());
    if (changed.length > 0)
      this.problems.push(`${when} something has changed:\n    ${changed.join("\n    ")}`);
  }

  #check(what: string, ran: Run, fault: Fault | undefined): Run {
    this.problems.push(
      ...ran.violations.map((violation) => `${what}: ${violation}`),
      ...doubleOwners(this.machine),
      ...addressesWithoutLease(this.machine),
    );
    // A warning excuses a difference only if the run had a fault.
    const lost = ran.warnings.filter((warning) =>
      /^cannot (rename|restore the alternative name|bring) /.test(warning),
    );
    if (fault !== undefined && lost.length > 0) this.allowDifference("attributes");
    const now = otherAttachment(this.machine);
    const touched = now.some((each, at) => each !== this.#other[at]);
    if (touched) this.problems.push(`${what} has touched the other container's VF: ${now.slice(2)}`);
    return ran;
  }
}

afterEach(() => {
  const nodes = nodesOfTest.splice(0);
  for (const node of nodes) node.requireAsBeforeIfFree();
  expect(nodes.map(({ problems }) => problems)).toEqual(
    nodes.map(({ expectedProblems }) => expectedProblems),
  );
});
