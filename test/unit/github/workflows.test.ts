// The workflows call the targets of the Makefile, with pinned actions and few permissions.
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { makesOf, parseWorkflow, targetsOf, workflowAt, workflows } from "../../support/workflows.ts";

const targets = targetsOf(readFileSync("Makefile", "utf8"));
const make = ".github/workflows/make.yaml";

/** Everything else that a workflow needs: preparing the machine, and handing out files. */
const programs = ["make", "apt-get", "npm", "git", "tar", "skopeo", "gh"];
const permissions: Record<string, readonly string[]> = {
  contents: ["read", "write"],
  packages: ["write"],
  "security-events": ["write"],
};

function problemsOfPermissions(where: string, granted: unknown): string[] {
  if (typeof granted !== "object" || granted === null) return [`${where} does not declare its permissions`];
  return Object.entries(granted)
    .filter(([name, access]) => !permissions[name]?.includes(access as string))
    .map(([name, access]) => `${where} has the permission ${name}: ${access}`);
}

function problemsOfAction(text: string, uses: string): string[] {
  if (uses.startsWith("./")) return existsSync(uses) ? [] : [`${uses} does not exist`];
  if (!/^[\w-]+\/[\w/-]+@[0-9a-f]{40}$/.test(uses)) return [`${uses} is not pinned to a commit`];
  const line = text.split("\n").find((each) => each.includes(uses)) ?? "";
  return / # v\d+\.\d+\.\d+$/.test(line) ? [] : [`${uses} does not name its version`];
}

function problemsOfRun(run: string): string[] {
  return run
    .trim()
    .split("\n")
    .filter((line) => !programs.includes(line.trim().split(" ")[0] ?? ""))
    .map((line) => `runs ${line.trim()}`)
    .concat(/\$\{\{/.test(run) ? ["a value is inserted into a script; pass it in `env`"] : []);
}

function problemsOfMake(args: string): string[] {
  return args
    .split(" ")
    .filter((word) => word !== "$TARGETS" && !/^[A-Z_]+=\S+$/.test(word) && !targets.has(word))
    .map((word) => `make has no target ${word}`);
}

/** Returns the rules that a workflow breaks. */
function problemsIn(text: string): string[] {
  const workflow = parseWorkflow(text);
  const jobs = Object.entries(workflow.jobs);
  const steps = jobs.flatMap(([, job]) => job.steps ?? []);
  const uses = [...jobs.map(([, job]) => job.uses), ...steps.map((step) => step.uses)];
  return [
    ...problemsOfPermissions("the workflow", workflow.permissions),
    ...jobs.flatMap(([name, job]) => (job.permissions ? problemsOfPermissions(name, job.permissions) : [])),
    ...jobs
      .filter(([, job]) => job.uses === undefined && !((job["timeout-minutes"] ?? 999) <= 30))
      .map(([name]) => `${name} may take longer than 30 minutes`),
    ...uses.flatMap((action) => (action === undefined ? [] : problemsOfAction(text, action))),
    ...steps.flatMap(({ run }) => (run === undefined ? [] : problemsOfRun(run))),
    ...makesOf(workflow).flatMap(problemsOfMake),
    ...Array.from(text.matchAll(/secrets\.\w+/g), ([name]) => `uses ${name}`),
    ...Array.from(text.matchAll(/hashFiles\(([^)]*)\)/g), ([, list = ""]) => list.split(", "))
      .flat()
      .map((pattern) => pattern.replaceAll("'", ""))
      .filter((pattern) => !existsSync(pattern.replace(/\/\*\*$/, "")))
      .map((pattern) => `${pattern} matches no file`),
  ];
}

test.each(workflows)("%s calls targets, files and actions that exist, and grants few permissions", (path) => {
  expect(problemsIn(readFileSync(path, "utf8"))).toEqual([]);
});

test.each([
  ["the workflow does not declare its permissions", "permissions:\n  contents: read", ""],
  ["the workflow has the permission contents: write-all", "contents: read", "contents: write-all"],
  ["the workflow has the permission id-token: write", "contents: read", "id-token: write"],
  ["actions/checkout@v7 is not pinned to a commit", /@3d3c42e\w+/, "@v7"],
  [/^actions\/checkout@\w+ does not name its version$/, / # v7\.0\.1/, ""],
  ["make has no target tests", "run: make $TARGETS", "run: make tests"],
  ["runs node test", "run: make $TARGETS", "run: node test"],
  [/^a value is inserted into a script/, "run: make $TARGETS", `run: make ${"$"}{{ inputs.targets }}`],
  ["make may take longer than 30 minutes", "timeout-minutes: 30", "timeout-minutes: 45"],
  ["uses secrets.NAME", "false", `${"$"}{{ secrets.NAME }}`],
  ["virtual/** matches no file", "'vhca/**'", "'virtual/**'"],
])("a changed workflow is reported: %s", (problem, before, after) => {
  const text = readFileSync(make, "utf8");
  const changed = text.replace(before, after);
  expect(changed).not.toBe(text);
  expect(problemsIn(changed)).toContainEqual(
    typeof problem === "string" ? problem : expect.stringMatching(problem),
  );
});

test("a workflow that calls a workflow that does not exist is reported", () => {
  const text = readFileSync(".github/workflows/test.yaml", "utf8").replace("/make.yaml", "/makes.yaml");
  expect(problemsIn(text)).toEqual(["./.github/workflows/makes.yaml does not exist"]);
});

test("the same action has the same commit in all workflows", () => {
  const commits = new Map<string, Set<string>>();
  for (const path of workflows)
    for (const [, action = "", commit = ""] of readFileSync(path, "utf8").matchAll(
      /uses: (\w[\w-]*\/[\w-]+)\S*@(\w+)/g,
    ))
      commits.set(action, (commits.get(action) ?? new Set()).add(commit));
  expect([...commits.keys()]).toContain("actions/checkout");
  for (const [action, found] of commits) expect([action, found.size]).toEqual([action, 1]);
});

test("the jobs of test.yaml run every suite of scripts/test.mjs, each shard once", () => {
  const [, block = ""] =
    /^const suites = \{\n([\s\S]*?)^\};/m.exec(readFileSync("scripts/test.mjs", "utf8")) ?? [];
  const suites = Array.from(block.matchAll(/^ {2}"?([a-z0-9-]+)"?: /gm), ([, name = ""]) => name);
  const [, linted = ""] = /scripts\/test\.mjs (format .*)$/m.exec(readFileSync("Makefile", "utf8")) ?? [];
  expect(suites).toEqual(
    expect.arrayContaining(["unit", "simulator", "native", "fuzz", "e2e", ...linted.split(" ")]),
  );

  const shards = new Map<string, string[]>();
  for (const args of makesOf(workflowAt(".github/workflows/test.yaml"))) {
    const words = args.split(" ");
    const shard = words.find((word) => word.startsWith("SHARD="))?.slice("SHARD=".length) ?? "1/1";
    for (const word of words.filter((each) => !each.includes("=")))
      for (const suite of word === "lint" ? linted.split(" ") : [word])
        shards.set(suite, [...(shards.get(suite) ?? []), shard]);
  }
  expect([...shards.keys()].sort()).toEqual(suites.sort());
  for (const [suite, parts] of shards) {
    const all = parts.map((_, index) => `${index + 1}/${parts.length}`);
    expect([suite, parts.sort()]).toEqual([suite, all]);
  }
});

test("a release is made of a tag, with the targets for it, and without a cache", () => {
  const release = workflowAt(".github/workflows/release.yaml");
  expect(release.on).toEqual({ push: { tags: ["v*"] } });
  expect(makesOf(release)).toEqual(["release packages verify-release IMAGE=… SOURCE_URL=…/…"]);
  expect(release.jobs.build?.with).not.toHaveProperty("cache");
});

test("the inputs that make.yaml is given are those that it has", () => {
  const { inputs } = (workflowAt(make).on as { workflow_call: { inputs: object } }).workflow_call;
  for (const path of workflows)
    for (const job of Object.values(workflowAt(path).jobs))
      if (job.uses) expect(Object.keys(inputs)).toEqual(expect.arrayContaining(Object.keys(job.with ?? {})));
});

test("updates of npm packages and of actions are requested", () => {
  const { version, updates } = parse(readFileSync(".github/dependabot.yml", "utf8"), { uniqueKeys: true });
  expect(version).toBe(2);
  const kinds = updates.map((update: Record<string, string>) => [
    update["package-ecosystem"],
    update.directory,
  ]);
  expect(kinds).toEqual([
    ["npm", "/"],
    ["github-actions", "/"],
  ]);
  for (const { schedule } of updates) expect(["daily", "weekly", "monthly"]).toContain(schedule.interval);
});
