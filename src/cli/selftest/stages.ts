// The stages of a selftest: each is one part of the life of an attachment, for all tested VFs.
import { gcOrphaned } from "../../attachment/admin/gc-orphaned.ts";
import type { JsonObject } from "../../cni/document.ts";
import { pause } from "../pause.ts";
import { during } from "../progress.ts";
import { checkOfFailure, checkOfWarning } from "./add-failure.ts";
import {
  checkCarrier,
  checkGuids,
  checkIsolation,
  checkLinkPolicy,
  checkMtu,
  checkPing,
  checkPkey,
} from "./examine.ts";
import { type PluginAnswer, PluginCall } from "./plugin-call.ts";
import { checkRcPingpong } from "./rc-pingpong.ts";
import { type CheckName, type Results, Skipped } from "./results.ts";
import { networkFor, type SelftestContext, type TestedVf } from "./tested-vf.ts";

/** The checks of a VF from ADD on. */
export const AFTER_ADD: readonly CheckName[] = [
  ...(["add", "link-policy", "rebind", "netdev", "guid", "isolation", "pkey", "carrier", "mtu"] as const),
  ...(["ping", "rc-pingpong", "check", "del", "restore"] as const),
];
/** Settings whose difference a failed check has explained already. With an MTU below 1280 a netdev has no IPv6. */
const EXPLAINED: Readonly<Partial<Record<CheckName, readonly string[]>>> = {
  mtu: ["MTU ", "ipv6/"],
};

/** Pause between two calls of GC, ms. */
const GC_PAUSE = 1000;

/** A selftest: its VFs and their results. */
export interface Selftest extends SelftestContext {
  readonly results: Results;
  readonly vfs: readonly TestedVf[];
  /** Whether ADD and DEL of all VFs run at the same time. */
  readonly isParallel: boolean;
}

/** Calls STATUS, which is about the node. */
export function checkStatus(test: Selftest): void {
  test.results.make("status", undefined, () => {
    const network = { ...networkFor(test), rdmaIsolation: test.isExclusive };
    return succeeded(PluginCall.start({ verb: "STATUS", network }).wait());
  });
}

/** Attaches all VFs. A VF whose ADD fails is skipped in all later stages. */
export function addAll({ results, vfs, isParallel }: Selftest): void {
  const answers = callAll(vfs, isParallel, "ADD", (tested) => tested.startAdd());
  for (const [i, tested] of vfs.entries()) noteAdd(results, tested, answers[i] as PluginAnswer);
}

function noteAdd(results: Results, tested: TestedVf, answer: PluginAnswer): void {
  const { pci, timings } = tested;
  const { error, result, warnings, ms } = answer;
  for (const warning of warnings) {
    const check = checkOfWarning(warning);
    if (error === undefined && results.of(check, pci) === undefined)
      results.note(check, pci, "failed", warning);
  }
  if (error !== undefined) {
    const check = checkOfFailure(answer);
    results.note(check, pci, "failed", `ADD failed: ${error}`);
    results.skipRest(pci, AFTER_ADD, `ADD failed (${check})`);
    return;
  }
  tested.result = result ?? {};
  timings.add = ms;
  timings.unbind = waitOf(answer, "driver unbind");
  timings.bind = waitOf(answer, "driver bind");
  timings.netdev = waitOf(answer, "netdev");
  const noted = (check: CheckName, detail: string) => {
    if (results.of(check, pci) === undefined) results.note(check, pci, "ok", detail);
  };
  noted("add", `${Math.round(ms)} ms`);
  noted("rebind", `unbind ${formatMs(timings.unbind)}, bind ${formatMs(timings.bind)}`);
  noted("netdev", `${formatMs(timings.netdev)} after the driver was bound`);
}

/** Makes the checks of all attached VFs. */
export function examineAll(test: Selftest): void {
  const { results } = test;
  const attached = attachedOf(test);
  for (const tested of attached) {
    const { pci } = tested;
    [tested.port] = test.inventory.ports(pci);
    results.make("link-policy", pci, () => checkLinkPolicy(test, tested));
    results.make("guid", pci, () => checkGuids(test, tested));
    results.make("isolation", pci, () => checkIsolation(test, tested));
    results.make("pkey", pci, () => checkPkey(test, tested));
    results.make("carrier", pci, () => {
      requireGood(results, tested, "pkey");
      const seen = during(`waiting for the carrier of VF ${pci}`, () => checkCarrier(test, tested));
      [tested.port] = test.inventory.ports(pci);
      return seen;
    });
  }
  for (const tested of attached) examineFabric(test, attached, tested);
  for (const tested of attached)
    results.make("check", tested.pci, () => {
      const answer = tested.start("CHECK").wait();
      tested.timings.check = answer.ms;
      return succeeded(answer);
    });
}

/** Makes the checks that need another VF: the next VF of the same PF, because other PFs can be in another fabric. */
function examineFabric(
  { results, ...test }: Selftest,
  attached: readonly TestedVf[],
  tested: TestedVf,
): void {
  const { pci } = tested;
  const [other] = [...attached.slice(attached.indexOf(tested) + 1), ...attached].filter(
    (each) => each !== tested && each.pf === tested.pf,
  );
  const needOther = () => {
    requireGood(results, tested, "carrier");
    if (other === undefined) throw new Skipped("it needs another VF of the PF");
    if (results.of("carrier", other.pci) !== "ok") throw new Skipped(`VF ${other.pci} has no carrier`);
    return other;
  };
  results.make("ping", pci, () =>
    during(`pinging from VF ${pci}`, () => checkPing(test, tested, needOther())),
  );
  if (results.of("mtu", pci) === undefined) {
    const answering = results.of("ping", pci) === "ok" ? other : undefined;
    results.make("mtu", pci, () => checkMtu(test, tested, answering));
  }
  results.make("rc-pingpong", pci, () => checkRcPingpong(test, tested, needOther()));
}

/** Detaches all attached VFs, and compares them with their state before. */
export function deleteAll(test: Selftest): void {
  const { results, isParallel } = test;
  const attached = attachedOf(test);
  const answers = callAll(attached, isParallel, "DEL", (tested) => tested.start("DEL"));
  for (const [i, tested] of attached.entries()) {
    const { pci } = tested;
    const answer = tested.deleted(answers[i] as PluginAnswer);
    tested.timings.del = answer.ms;
    results.make("del", pci, () => succeeded(answer));
    results.make("restore", pci, () => {
      requireGood(results, tested, "del");
      requireUnchanged(results, tested);
      return `${tested.before.size} settings are as before`;
    });
  }
}

/** Attaches one VF again, gives its namespace up without DEL, and lets GC release it. */
export function checkGc(test: Selftest): void {
  const { results } = test;
  const tested = restoredOf(test);
  results.make("gc", tested?.pci, () => {
    if (tested === undefined) throw new Skipped("no VF was attached and restored");
    succeeded(tested.startAdd().wait());
    tested.closeNetns();
    const network: JsonObject = { ...networkFor(test), "cni.dev/valid-attachments": [] };
    retryWhileDevicesReturn(test, () => {
      const answer = PluginCall.start({ verb: "GC", network }).wait();
      succeeded(answer);
      return tested.record === undefined ? undefined : `GC has left it: ${answer.warnings.join("; ")}`;
    });
    requireUnchanged(results, tested);
    return "released, and as before";
  });
}

/**
 * Kills ADD and DEL of one VF at several points of their duration. Every second killed ADD is completed by gc after its
 * namespace is gone, the others by DEL; a killed DEL is completed by another DEL.
 */
export function checkKill(test: Selftest, points: number): void {
  if (points === 0) return;
  const { results, session } = test;
  const tested = restoredOf(test);
  results.make("kill", tested?.pci, () => {
    if (tested === undefined) throw new Skipped("no VF was attached and restored");
    const { add = 0, del = 0 } = tested.timings;
    for (let point = 1; point <= points; point++) {
      session.node.clock.checkInterrupted();
      const part = point / (points + 1);
      during(`killing ADD and DEL of VF ${tested.pci}`, () => {
        tested.startAdd().killAfter(add * part);
        if (point % 2 === 0) recoverByGc(test, tested);
        else succeeded(tested.del());
        requireUnchanged(results, tested);
        succeeded(tested.startAdd().wait());
        tested.start("DEL").killAfter(del * part);
        succeeded(tested.del());
        requireUnchanged(results, tested);
      });
    }
    return `${points} ADDs and ${points} DELs were killed`;
  });
}

/** Returns the first VF that was attached and detached, and that had its settings of before in the end. */
function restoredOf({ results, vfs }: Selftest): TestedVf | undefined {
  return vfs.find(({ pci }) => results.of("restore", pci) === "ok");
}

function recoverByGc(test: Selftest, tested: TestedVf): void {
  const { session, timeout } = test;
  const { record } = tested;
  tested.closeNetns();
  if (record === undefined) return;
  retryWhileDevicesReturn(test, () => {
    const deadline = session.node.clock.now() + timeout * 1000;
    const outcome = gcOrphaned({ ...session, deadline }, record, { dryRun: false });
    return outcome.kind === "left" ? `gc has left it: ${outcome.why}` : undefined;
  });
}

/**
 * Repeats GC as a runtime does: while the kernel returns the devices of a namespace that is gone, GC leaves them. That
 * takes long if the subnet manager answers late, because IPoIB waits for its answers.
 * @param gc returns why the attachment was left; `undefined` if it was released.
 * @throws {Error} with the reason, if it is left until the time limit of a call.
 */
function retryWhileDevicesReturn(
  { session: { node }, timeout }: Selftest,
  gc: () => string | undefined,
): void {
  const end = node.clock.now() + timeout * 1000;
  for (let why = gc(); why !== undefined; why = gc()) {
    if (node.clock.now() >= end) throw new Error(why);
    pause(GC_PAUSE);
  }
}

/** Returns the VFs that are attached. */
export function attachedOf({ vfs }: Selftest): TestedVf[] {
  return vfs.filter(({ result }) => result !== undefined);
}

function callAll(
  vfs: readonly TestedVf[],
  isParallel: boolean,
  verb: string,
  start: (tested: TestedVf) => PluginCall,
): PluginAnswer[] {
  if (!isParallel)
    return vfs.map((tested) => during(`${verb} of VF ${tested.pci}`, () => start(tested).wait()));
  const calls = vfs.map(start);
  return during(`${verb} of ${vfs.length} VFs`, () => calls.map((call) => call.wait()));
}

/** @throws {Error} with the answer's error. */
function succeeded({ error, ms }: PluginAnswer): string {
  if (error !== undefined) throw new Error(error);
  return `${Math.round(ms)} ms`;
}

/** @throws {Skipped} if an earlier check of the VF, which another one needs, was not ok. */
function requireGood(results: Results, { pci }: TestedVf, check: CheckName): void {
  if (results.of(check, pci) !== "ok") throw new Skipped(`it needs the check ${check}`);
}

/** @throws {Error} naming the settings that are not as before, unless a failed check has named them. */
function requireUnchanged(results: Results, tested: TestedVf): void {
  const explained = Object.entries(EXPLAINED)
    .filter(([check]) => results.of(check as CheckName, tested.pci) === "failed")
    .flatMap(([, names]) => names);
  const changed = tested.changes().filter((change) => !explained.some((name) => change.startsWith(name)));
  if (changed.length > 0) throw new Error(changed.join("; "));
}

function waitOf({ steps }: PluginAnswer, name: string): number | undefined {
  return steps.find(({ action, step }) => action === "wait" && step === name)?.ms;
}

/** Formats a duration. `undefined` is a wait of less than 1 ms, which the log omits. */
function formatMs(ms: number | undefined): string {
  return ms === undefined ? "less than 1 ms" : `${Math.round(ms)} ms`;
}
