import { expect } from "vitest";
import type { TestNode } from "./node.ts";

/** A finding of the doctor, in the form of its JSON. */
export interface Finding {
  readonly subject: string;
  readonly level: "ok" | "warning" | "error" | "unknown";
  readonly found: string;
  readonly command?: string;
  readonly advice?: string;
}

/** Runs the doctor and returns its findings. It is started by its name in PATH, as a person starts it. */
export async function examine(node: TestNode): Promise<{ status: number; findings: readonly Finding[] }> {
  const { status, stdout, stderr } = await node.guest.execute("PATH=/host:$PATH; ib-sriov doctor -o json");
  expect(stderr).toBe("");
  const { attachable, findings } = JSON.parse(stdout) as { attachable: boolean; findings: Finding[] };
  expect(attachable).toBe(status === 0);
  expect(attachable).toBe(!findings.some(({ level }) => level === "error"));
  return { status, findings };
}

/** Returns the findings that are not ok. */
export const short = (findings: readonly Finding[]) => findings.filter(({ level }) => level !== "ok");

/** Runs the command of a finding exactly as it was printed. */
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
  let next = defects ?? short((await examine(node)).findings);
  for (let round = 0; round < 4 && next.length > 0; round++) {
    all.push(...next);
    for (const finding of next) await runCommand(node, finding);
    next = short((await examine(node)).findings);
  }
  expect(next).toEqual([]);
  return all;
}
