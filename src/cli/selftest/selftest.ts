import { deferSignals } from "host";
import { gcOrphaned } from "../../attachment/admin/gc-orphaned.ts";
import { openSession, type Session } from "../../attachment/lock/session.ts";
import { messageOf } from "../../cni/error-document.ts";
import type { Lock } from "../../node/files.ts";
import type { Node } from "../../node/node.ts";
import { attachmentsOf } from "../attachments/attachments.ts";
import { type Command, type CommandCall, UsageError } from "../command.ts";
import { type CliContext, limitsOf, linuxContext, secondsOf } from "../context.ts";
import { type InventoriedPf, takeInventory } from "../inventory.ts";
import { listingOptions, printListing } from "../output/listing.ts";
import { REDACTED } from "../output/text.ts";
import { during } from "../progress.ts";
import { tryAcquire } from "../try-acquire.ts";
import { chooseVfs, type FreeVf } from "./free-vfs.ts";
import { LOG_FILE } from "./plugin-call.ts";
import { type Finished, isGood, reportOf } from "./report.ts";
import { Results } from "./results.ts";
import {
  AFTER_ADD,
  addAll,
  checkGc,
  checkKill,
  checkStatus,
  deleteAll,
  examineAll,
  type Selftest,
} from "./stages.ts";
import { NETWORK, TestedVf } from "./tested-vf.ts";

/** Default time limit of a call, s. */
const TIMEOUT = 60;
/** The largest value of `timeoutSeconds`. */
const LONGEST_TIMEOUT = 3600;
/** Most points at which ADD and DEL are killed. */
const MOST_KILLS = 1000;

/** Attaches free VFs as a runtime would, and reports whether everything works on this hardware. */
export const selftest: Command = {
  name: "selftest",
  parameters: ["[VF…]"],
  summary: "Attaches and detaches free VFs, and reports whether everything works on this hardware",
  details: `It calls ADD, CHECK, DEL, STATUS and GC of this executable, for network namespaces that it makes itself, and restores
everything. VF is a PCI address; by default two free VFs of one PF are tested. A VF is free if no container has it, no
process has opened its RDMA device, and its netdev has neither an address nor pkey children nor a master.
Some checks need a subnet manager that supports VFs. If the command is killed, the next selftest or \`ib-sriov gc\`
restores the VFs. docs/how-to/test-the-hardware.md describes how to send the report.`,
  examples: [
    ["ib-sriov selftest", "tests two free VFs of one PF"],
    [
      "ib-sriov selftest --parallel --kill 20 -o json --redact >report.json",
      "tests all free VFs, for a report",
    ],
  ],
  options: [
    { name: "kill", value: "N", summary: "also kills ADD and DEL at N points of their duration" },
    { name: "parallel", summary: "tests all free VFs of all PFs at the same time" },
    { name: "redact", summary: `replaces GUIDs in the output by "${REDACTED}"` },
    {
      name: "timeout",
      value: "SECONDS",
      summary: `time limit of each call of the plugin (default ${TIMEOUT})`,
    },
    ...listingOptions,
  ],
  run(call: CommandCall): number {
    const timeout = timeoutOf(call);
    const kills = killsOf(call);
    deferSignals();
    const machine = linuxContext();
    const { node } = machine;
    const session = openSession(node, limitsOf(node, call));
    const lock = lockSelftest(node);
    try {
      recoverInterrupted(session);
      const { pfs } = takeInventory(machine);
      const isParallel = call.options.has("parallel");
      const free = chooseVfs(session, pfs, { named: call.words, all: isParallel });
      const finished = test(machine, session, pfs, free, { timeout, kills, isParallel });
      printListing(call, reportOf(finished, { isRedacted: call.options.has("redact") }));
      return isGood(finished) ? 0 : 1;
    } finally {
      node.files.remove(LOG_FILE);
      lock.release();
    }
  },
};

/** Returns the time limit for `timeoutSeconds` of the network, s. */
function timeoutOf(call: CommandCall): number {
  const seconds = secondsOf(call, TIMEOUT);
  if (seconds < 1 || seconds > LONGEST_TIMEOUT)
    throw new UsageError(`--timeout ${seconds} is not a number of seconds from 1 to ${LONGEST_TIMEOUT}`);
  return seconds;
}

function killsOf({ options }: CommandCall): number {
  const text = options.get("kill") ?? "0";
  const kills = Number(text);
  if (!/^\d+$/.test(text) || kills > MOST_KILLS)
    throw new UsageError(`--kill ${text} is not a whole number up to ${MOST_KILLS}`);
  return kills;
}

/** Makes sure that only one selftest runs. @throws {Error} if another one runs. */
function lockSelftest(node: Node): Lock {
  const lock = node.files.lock(LOG_FILE);
  if (tryAcquire(lock, node.clock.now())) return lock;
  lock.release();
  throw new Error(`another selftest is running (${LOG_FILE} is locked)`);
}

/** Releases the VFs of a selftest that was killed: its namespaces are gone. */
function recoverInterrupted(session: Session): void {
  for (const { network, path } of attachmentsOf(session.node)) {
    if (network !== NETWORK) continue;
    try {
      during(`releasing ${path} of an interrupted selftest`, () =>
        gcOrphaned(session, path, { dryRun: false }),
      );
    } catch (error) {
      session.warn(`release the VF of an interrupted selftest (${path}): ${messageOf(error)}`);
    }
  }
}

/** The options of a selftest. */
interface TestOptions {
  readonly timeout: number;
  readonly kills: number;
  readonly isParallel: boolean;
}

/** Runs all stages, and detaches whatever a failed stage has left attached. */
function test(
  { node, inventory }: CliContext,
  session: Session,
  pfs: readonly InventoriedPf[],
  free: readonly FreeVf[],
  { timeout, kills, isParallel }: TestOptions,
): Finished {
  const results = new Results();
  const context = { session, inventory, timeout, isExclusive: node.rdma.isExclusive() };
  const vfs: TestedVf[] = [];
  for (const each of free) {
    const { pci, config } = each.vf;
    results.make("settings", pci, () => {
      vfs.push(new TestedVf(context, each));
      return `link policy ${config.linkState}`;
    });
    if (results.of("settings", pci) === "failed")
      results.skipRest(pci, AFTER_ADD, "its settings are not known");
  }
  const whole: Selftest = { ...context, results, vfs, isParallel };
  try {
    const stages = [
      () => checkStatus(whole),
      () => addAll(whole),
      () => examineAll(whole),
      () => deleteAll(whole),
      () => checkGc(whole),
      () => checkKill(whole, kills),
    ];
    for (const stage of stages) {
      node.clock.checkInterrupted();
      stage();
    }
  } catch (error) {
    const left = detachLeft(whole);
    if (left.length > 0) throw new Error(`${messageOf(error)}\n${left.join("\n")}`, { cause: error });
    throw error;
  }
  return { test: whole, pfs, left: detachLeft(whole) };
}

/**
 * Detaches the VFs that a failure has left attached, and compares those that no check has compared.
 * @returns a sentence for each that is not as before.
 */
function detachLeft({ session: { node }, results, vfs }: Selftest): string[] {
  node.clock.ignoreInterrupts();
  return vfs.flatMap((tested) => {
    const { record, pci } = tested;
    const { error } = record === undefined ? {} : during(`detaching VF ${pci}`, () => tested.del());
    tested.closeNetns();
    if (error !== undefined)
      return [`VF ${pci} is not as before: ${error}; remove the cause, and run: ib-sriov gc`];
    const isCompared = ["ok", "failed"].includes(results.of("restore", pci) ?? "");
    const changed = isCompared ? [] : tested.changes();
    return changed.length === 0 ? [] : [`VF ${pci} is not as before: ${changed.join("; ")}`];
  });
}
