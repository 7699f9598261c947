import { expect } from "vitest";
import type { TestNode } from "./node.ts";

/** A finding of the doctor's, as its JSON has it. */
export interface Finding {
  readonly subject: string;
  readonly level: "ok" | "warning" | "error" | "unknown";
  readonly found: string;
  readonly command?: string;
  readonly advice?: string;
}

/** What the doctor says. It is called by a name in PATH, as a person does. */
export async function examine(node: TestNode): Promise<{ status: number; findings: readonly Finding[] }> {
  const { status, stdout, stderr } = await node.guest.execute("PATH=/host:$PATH; ib-sriov doctor --json");
  expect(stderr).toBe("");
  const { attachable, findings } = JSON.parse(stdout) as { attachable: boolean; findings: Finding[] };
  expect(attachable).toBe(status === 0);
  expect(attachable).toBe(!findings.some(({ level }) => level === "error"));
  return { status, findings };
}

/** What falls short. */
export const short = (findings: readonly Finding[]) => findings.filter(({ level }) => level !== "ok");

/** Runs a command as it was printed. */
async function obey(node: TestNode, { command }: Finding): Promise<void> {
  if (command !== undefined) await node.guest.execute(`PATH=/host:$PATH; ${command}`);
}

/**
 * Runs what the doctor says until it has no more to say. One thing mended can show another.
 * @param defects what it said before.
 * @returns all that it said.
 */
export async function mendAll(node: TestNode, defects?: readonly Finding[]): Promise<readonly Finding[]> {
  const said: Finding[] = [];
  let next = defects ?? short((await examine(node)).findings);
  for (let round = 0; round < 4 && next.length > 0; round++) {
    said.push(...next);
    for (const finding of next) await obey(node, finding);
    next = short((await examine(node)).findings);
  }
  expect(next).toEqual([]);
  return said;
}
