import type { Limits } from "../../attachment/limits.ts";
import { openSession } from "../../attachment/lock/session.ts";
import { shellWord } from "../../attachment/shell-word.ts";
import { messageOf } from "../../cni/error-document.ts";
import { printable } from "../../log/printable.ts";
import { gcEntries } from "../attachments/gc.ts";
import { bindAll } from "../bind.ts";
import type { CliContext } from "../context.ts";
import { takeInventory } from "../inventory.ts";
import { colorize } from "../output/text.ts";
import { wrapLine } from "../output/wrap.ts";
import { provisionAll } from "../provision.ts";
import { runScript } from "../run-script.ts";
import { outcomeText, selectedVfs, type VfOutcome } from "../vf-outcomes.ts";
import type { Finding, SafeFix } from "./finding.ts";

/** The kinds of remedies in the order in which they are carried out: a later one can need an earlier one. */
const ORDER: readonly SafeFix["kind"][] = ["load module", "gc", "bind", "provision"];
/** Most examinations: fixing a problem can reveal another, as a VF without a driver has no GUID that could be read. */
const MOST_ROUNDS = 3;
/** Time limit for loading a module, ms. */
const MODULE_TIME = 30_000;

/** A remedy that was carried out. */
export interface FixOutcome {
  /** The same as a command of a shell. */
  readonly command: string;
  readonly outcome: "done" | "failed";
  /** The result for each VF, record or module. */
  readonly results: readonly string[];
}

/**
 * Returns the safe remedies of findings, each once, in the order in which they are carried out. The VFs of several
 * findings are combined.
 */
export function safeFixesOf(findings: readonly Finding[]): SafeFix[] {
  const all = findings.flatMap(({ level, fix }) => (fix === undefined || level === "ok" ? [] : [fix]));
  return ORDER.flatMap((kind): SafeFix[] => {
    const same = all.filter((fix) => fix.kind === kind);
    if (same.length === 0) return [];
    if (kind === "gc") return [{ kind }];
    if (kind === "load module") {
      const modules = same.flatMap((fix) => (fix.kind === "load module" ? [fix.module] : []));
      return [...new Set(modules)].map((module) => ({ kind, module }));
    }
    const vfs = same.flatMap((fix) => ("vfs" in fix ? fix.vfs : []));
    return vfs.length === 0 ? [] : [{ kind, vfs: [...new Set(vfs)] }];
  });
}

/** Returns a remedy as a command of a shell. @param program the name or path of this executable. */
export function commandOf(fix: SafeFix, program: string): string {
  if (fix.kind === "load module") return `modprobe ${shellWord(fix.module)}`;
  const words = fix.kind === "gc" ? [fix.kind] : [fix.kind, ...fix.vfs];
  return [program, ...words].map(shellWord).join(" ");
}

/**
 * Carries out the safe remedies of findings, and examines again, as long as there are remedies that were not carried out
 * yet. A remedy that fails does not prevent the others.
 * @param examine returns the findings of the node as it is.
 * @param limits returns the limits for each VF, and for gc.
 */
export function fixAll<F extends Finding>(
  machine: CliContext,
  program: string,
  limits: () => Limits,
  examine: () => readonly F[],
): { readonly fixes: readonly FixOutcome[]; readonly findings: readonly F[] } {
  const fixes: FixOutcome[] = [];
  let findings = examine();
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = safeFixesOf(findings).filter(
      (fix) => !fixes.some(({ command }) => command === commandOf(fix, program)),
    );
    if (next.length === 0) break;
    for (const fix of next)
      fixes.push({ command: commandOf(fix, program), ...carriedOut(machine, limits, fix) });
    findings = examine();
  }
  return { fixes, findings };
}

function carriedOut(
  machine: CliContext,
  limits: () => Limits,
  fix: SafeFix,
): Pick<FixOutcome, "outcome" | "results"> {
  try {
    if (fix.kind === "gc") return released(machine, limits);
    if ("vfs" in fix) {
      return outcomesOf(
        fix.kind === "bind"
          ? bindAll(machine, limits, selectedVfs(takeInventory(machine), fix.vfs))
          : provisionAll(machine, limits, fix.vfs, { replace: false }),
      );
    }
    const { failure } = runScript(machine.node, `exec modprobe ${shellWord(fix.module)}`, MODULE_TIME);
    return failure === undefined
      ? { outcome: "done", results: [] }
      : { outcome: "failed", results: [failure] };
  } catch (error) {
    return { outcome: "failed", results: [messageOf(error)] };
  }
}

function outcomesOf(outcomes: readonly VfOutcome[]): Pick<FixOutcome, "outcome" | "results"> {
  const isFailed = outcomes.some(({ outcome }) => outcome === "failed" || outcome === "in use");
  return { outcome: isFailed ? "failed" : "done", results: outcomes.map(outcomeText) };
}

function released({ node }: CliContext, limits: () => Limits): Pick<FixOutcome, "outcome" | "results"> {
  const lines = gcEntries(openSession(node, limits()), { dryRun: false });
  return {
    outcome: lines.some(({ outcome }) => outcome === "failed") ? "failed" : "done",
    // The records of running pods are left, and need no line.
    results: lines
      .filter(({ outcome }) => outcome !== "left")
      .map(({ path, outcome, why }) => [`${path}: ${outcome}`, why].filter(Boolean).join(": ")),
  };
}

/** Formats the remedies that were carried out as a section of text, with an empty line at the end. */
export function fixesText(fixes: readonly FixOutcome[]): string {
  if (fixes.length === 0) return "There is nothing that can be fixed safely.\n\n";
  const lines = fixes.flatMap(({ command, outcome, results }) => [
    `  ${printable(command)}: ${colorize(outcome === "done" ? "ok" : "error", outcome)}`,
    ...results.flatMap((result) => wrapLine(`      ${result}`)),
  ]);
  return `${colorize("heading", "Remedies")}\n${lines.join("\n")}\n\n`;
}
