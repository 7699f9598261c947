/** Reads the workflows of .github for tests. */
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";

const directory = ".github/workflows";

export interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Record<string, unknown>;
  readonly env?: Record<string, string>;
}

export interface Job {
  readonly "timeout-minutes"?: number;
  readonly permissions?: unknown;
  readonly uses?: string;
  readonly with?: Record<string, string>;
  readonly steps?: readonly Step[];
  readonly strategy?: { readonly matrix: { readonly include: readonly Record<string, string>[] } };
}

export interface Workflow {
  readonly on: Record<string, unknown>;
  readonly permissions?: unknown;
  readonly jobs: Record<string, Job>;
}

/** The paths of all workflows. */
export const workflows: readonly string[] = readdirSync(directory).map((name) => `${directory}/${name}`);

/** Parses the text of a workflow. */
export const parseWorkflow = (text: string): Workflow => parse(text, { uniqueKeys: true });

/** Returns a workflow. */
export const workflowAt = (path: string): Workflow => parseWorkflow(readFileSync(path, "utf8"));

/** The phony targets of a Makefile. */
export function targetsOf(makefile: string): ReadonlySet<string> {
  const lines = makefile.matchAll(/^\.PHONY: (.*)$/gm);
  return new Set(Array.from(lines, ([, names = ""]) => names.split(" ")).flat());
}

/** Returns a text for each element of the job's matrix, with the element's values in it. */
function expanded(text: string, { strategy }: Job): string[] {
  const elements = strategy?.matrix.include ?? [{}];
  return elements.map((element: Record<string, string>) =>
    text.replaceAll(/\$\{\{ matrix\.([a-z-]+) \}\}/g, (whole, key: string) => element[key] ?? whole),
  );
}

/**
 * Returns the arguments of each `make` that a workflow runs, itself or by the workflow make.yaml. Values that are only known
 * when it runs are "…".
 */
export function makesOf({ jobs }: Workflow): string[] {
  const makes = Object.values(jobs).flatMap((job) => [
    ...(job.uses?.endsWith("/make.yaml") ? expanded(job.with?.targets ?? "", job) : []),
    ...(job.steps ?? []).flatMap(({ run = "" }) =>
      Array.from(run.matchAll(/^make (.*)$/gm), ([, args = ""]) => args).flatMap((args) =>
        expanded(args, job),
      ),
    ),
  ]);
  return makes.map((args) => args.replaceAll(/\$\{\{ (?:vars|github)\.\w+ \}\}/g, "…"));
}
