import { build } from "host";
import type { InventoriedPf } from "../inventory.ts";
import { type Listing, type Table, tablesText } from "../output/listing.ts";
import { colorize, REDACTED, type Tone } from "../output/text.ts";
import { hcaOf, portDocument, softwareOf } from "./hardware.ts";
import { CHECKS, type CheckResult } from "./results.ts";
import type { Selftest } from "./stages.ts";

/**
 * Texts that contain a GUID: a GUID in pairs, in groups of four, or without separators, as in the names of the files in
 * .guid; a GID; and a link-local address.
 */
const GUIDS =
  /(?<![0-9a-z])(?:fe80:[0-9a-f:]*[0-9a-f]|(?:[0-9a-f]{2}[:.-]?){7}[0-9a-f]{2}|(?:[0-9a-f]{4}[:.-]){3}[0-9a-f]{4}|0x[0-9a-f]{16})(?![0-9a-z])/gi;

/** Returns a text without GUIDs. */
export function withoutGuids(text: string): string {
  return text.replace(GUIDS, REDACTED);
}

/** A selftest that has ended. */
export interface Finished {
  readonly test: Selftest;
  readonly pfs: readonly InventoriedPf[];
  /** The VFs that could not be put back, a sentence for each. */
  readonly left: readonly string[];
}

/** Returns the report of a selftest in all formats. */
export function reportOf(finished: Finished, { isRedacted }: { readonly isRedacted: boolean }): Listing {
  const { test, left } = finished;
  const redact = (text: string) => (isRedacted ? withoutGuids(text) : text);
  const document = documentOf(finished);
  const results = test.results.list;
  return {
    document: isRedacted ? (redacted(document, redact) as typeof document) : document,
    names: [...new Set(results.filter(({ result }) => result === "failed").map(({ check }) => check))],
    text: (style) => redact([...textOf(finished, style), "", verdictOf(results, left)].join("\n")),
  };
}

/** Reports whether a selftest found nothing wrong, and left nothing behind. */
export function isGood({ test, left }: Finished): boolean {
  return !test.results.hasFailed && left.length === 0;
}

function documentOf(finished: Finished) {
  const { test, pfs, left } = finished;
  const tested = pfs.filter(({ vfs }) => vfs.some(({ pci }) => test.vfs.some((each) => each.pci === pci)));
  return {
    result: isGood(finished) ? "ok" : "failed",
    version: build.version,
    commit: build.commit,
    software: softwareOf(test.isExclusive),
    hcas: tested.map(hcaOf),
    checks: test.results.list.map((each) => ({ ...each, requires: CHECKS[each.check] })),
    vfs: test.vfs.map(({ pci, guid, port, timings }) => ({
      pci,
      guid,
      port: port && portDocument(port),
      timings: rounded(timings),
    })),
    left,
  };
}

function textOf({ test, left }: Finished, style: Parameters<Listing["text"]>[0]): string[] {
  const tones: Readonly<Record<CheckResult["result"], Tone>> = {
    ok: "ok",
    failed: "error",
    skipped: "aside",
  };
  const headings = (...names: string[]) => names.map((heading) => ({ heading }));
  const checks: Table = {
    columns: headings("RESULT", "CHECK", "VF", "DETAIL"),
    rows: test.results.list.map(({ result, check, vf = "", detail }) => [result, check, vf, detail]),
  };
  const phases = ["add", "unbind", "bind", "netdev", "carrier", "dad", "ping", "check", "del"] as const;
  const timings: Table = {
    columns: headings("VF", ...phases.map((phase) => `${phase.toUpperCase()} ms`)),
    rows: test.vfs.map(({ pci, timings: all }) => [
      pci,
      ...phases.map((phase) => (all[phase] === undefined ? "" : String(rounded(all)[phase]))),
    ]),
  };
  const colored = tablesText([checks], style).replace(/^(ok|failed|skipped)\b/gm, (word) =>
    colorize(tones[word as CheckResult["result"]], word),
  );
  return [colored, "", tablesText([timings], style), ...left];
}

function verdictOf(results: readonly CheckResult[], left: readonly string[]): string {
  const count = (result: CheckResult["result"]) => results.filter((each) => each.result === result).length;
  const counts = `${count("ok")} ok, ${count("failed")} failed, ${count("skipped")} skipped`;
  return left.length === 0 ? counts : `${counts}; ${left.length} VFs are not as before`;
}

/** Rounds durations to µs. */
function rounded<T extends object>(timings: T): T {
  const entries = Object.entries(timings).filter(([, ms]) => ms !== undefined);
  return Object.fromEntries(entries.map(([name, ms]) => [name, Math.round(ms * 1000) / 1000])) as T;
}

function redacted(value: unknown, redact: (text: string) => string): unknown {
  if (typeof value === "string") return redact(value);
  if (Array.isArray(value)) return value.map((each) => redacted(each, redact));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, redacted(each, redact)]));
}
