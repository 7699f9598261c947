// Prometheus's own checks (promtool of Debian's package) of the files in deploy/monitoring/, and of the metrics.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { executable, freshPath } from "../harness.ts";

const rules = resolve("deploy/monitoring/alerts.yaml");
const ruleTests = resolve("test/native/deploy/alerts.yaml");

function promtool(args: readonly string[], input = "") {
  const { status, stdout, stderr } = spawnSync("scripts/with", ["prometheus", "promtool", ...args], {
    encoding: "utf8",
    input,
  });
  return { status, output: stdout + stderr };
}

const succeeds = expect.objectContaining({ status: 0 });

test("the alert rules and the scrape configuration are valid", () => {
  expect(promtool(["check", "rules", "--lint-fatal", rules])).toEqual(succeeds);
  const configuration = "deploy/monitoring/scrape-config.yaml";
  // Without --syntax-only it would need the token of a pod.
  expect(promtool(["check", "config", "--syntax-only", configuration])).toEqual(succeeds);
});

test("each alert fires on a node that deserves it, and none on a healthy node", () => {
  expect(promtool(["test", "rules", ruleTests])).toEqual(succeeds);
});

test.each([
  [
    "always fire",
    (rule: string) => rule.replace(/for: \d+m/, "for: 0m").replace(/expr: (>-\s+)?/, "$&vector(1) or "),
  ],
  ["never fire", (rule: string) => rule.replace(/for: \d+m/, "for: 10h")],
])("the tests of the rules would report alerts that %s", (_, change) => {
  const [head = "", ...each] = readFileSync(rules, "utf8").split("- alert: ");
  const path = freshPath("rules");
  writeFileSync(path, [head, ...each.map(change)].join("- alert: "));
  const tests = freshPath("tests");
  writeFileSync(tests, readFileSync(ruleTests, "utf8").replace("../../deploy/monitoring/alerts.yaml", path));
  const { status, output } = promtool(["test", "rules", tests]);
  expect(status).toBe(1);
  for (const rule of each) expect(output).toContain(rule.split("\n")[0]);
});

let agent: ChildProcess;
const port = 30_000 + Math.floor(Math.random() * 10_000);

beforeAll(() => {
  agent = spawn(executable, ["agent", "--listen", `127.0.0.1:${port}`, "--gc"], { stdio: "ignore" });
});
afterAll(() => void agent.kill());

test("the agent's metrics follow Prometheus's rules for names, types and help", async () => {
  const answer = () => fetch(`http://127.0.0.1:${port}/metrics`).then((response) => response.text());
  const hasEndedRound = async () => /^ib_sriov_agent_task_success\{/m.test(await answer().catch(() => ""));
  await expect.poll(hasEndedRound, { timeout: 60_000 }).toBe(true);
  const text = await answer();
  expect(text).toContain("ib_sriov_build_info");
  expect(promtool(["check", "metrics"], text)).toEqual({ status: 0, output: "" });
  // This shows that it would report an error.
  const wrong = text.replaceAll("ib_sriov_agent_rounds_total", "ib_sriov_agentRounds");
  expect(promtool(["check", "metrics"], wrong).status).not.toBe(0);
});
