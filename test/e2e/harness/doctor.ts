import { expect } from "vitest";
import type { FindingId, Level, SafeFix } from "../../../src/cli/doctor/finding.ts";
import type { TestNode } from "./node.ts";
import { withoutProgress } from "./progress.ts";

/** A finding of the doctor, in the form of its JSON. */
export interface Finding {
  readonly id: FindingId;
  readonly subject: string;
  readonly level: Level;
  readonly found: string;
  readonly command?: string;
  readonly advice?: string;
  /** The remedy for --fix. */
  readonly fix?: SafeFix;
}

/** Runs the doctor and returns its findings. It is started by its name in PATH, as a person starts it. */
export async function examine(
  node: TestNode,
): Promise<{ readonly status: number; readonly text: string; readonly findings: readonly Finding[] }> {
  const outcome = await node.guest.execute("PATH=/host:$PATH; ib-sriov doctor -o json");
  const { status, stdout, stderr } = withoutProgress(outcome);
  expect(stderr).toBe("");
  const { attachable, findings } = JSON.parse(stdout) as { attachable: boolean; findings: Finding[] };
  expect(attachable).toBe(status === 0);
  expect(attachable).toBe(!findings.some(({ level }) => level === "error"));
  for (const { id, found } of findings) {
    expect(id).toMatch(/^[a-z]+(-[a-z]+)+$/);
    expect(found).not.toMatch(/undefined|NaN|null/);
  }
  return { status, text: stdout, findings };
}

/** Returns the findings that are problems. */
export const problemsIn = (findings: readonly Finding[]) =>
  findings.filter(({ level }) => level === "warning" || level === "error");

/** Runs the commands of a finding exactly as they were printed. */
async function runCommand(node: TestNode, { command }: Finding): Promise<void> {
  if (command !== undefined) await node.guest.execute(`PATH=/host:$PATH; ${command}`);
}

/**
 * Runs the commands that the doctor prints until it reports no more problems. Fixing one problem can reveal another.
 * @param defects the findings of an earlier run.
 * @returns all findings.
 */
export async function runRemedies(node: TestNode, defects?: readonly Finding[]): Promise<readonly Finding[]> {
  const all: Finding[] = [];
  let next = defects ?? problemsIn((await examine(node)).findings);
  for (let round = 0; round < 4 && next.length > 0; round++) {
    all.push(...next);
    for (const finding of next) await runCommand(node, finding);
    next = problemsIn((await examine(node)).findings);
  }
  expect(next).toEqual([]);
  return all;
}
