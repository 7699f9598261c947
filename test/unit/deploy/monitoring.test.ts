import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { commands } from "../../../src/cli/commands.ts";
import { dashboardPanels, dashboardQueries } from "../../support/dashboard.ts";
import { documentedMetrics } from "../../support/documented-metrics.ts";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const read = (name: string) => parse(readFileSync(`deploy/monitoring/${name}`, "utf8"));
const plain = read("alerts.yaml");
const rules: readonly Rule[] = plain.groups.flatMap(({ rules }: { rules: Rule[] }) => rules);

/** The metrics that a scrape of Prometheus itself adds. */
const ofPrometheus = ["up"];
const known = [
  ...ofPrometheus,
  ...documentedMetrics().flatMap(({ name, type }) =>
    type === "histogram" || type === "summary"
      ? ["_bucket", "_sum", "_count"].map((suffix) => name + suffix)
      : [name],
  ),
];
const unknownIn = (query: string) =>
  (query.match(/\b(?:ib_sriov_\w+|up)\b/g) ?? []).filter((name) => !known.includes(name));

describe("the alert rules", () => {
  test("prometheus-rule.yaml has the rules of alerts.yaml", () => {
    expect(read("prometheus-rule.yaml").spec).toEqual(plain);
  });

  test.each(rules)("$alert waits, and has a severity, a summary, a description and a remedy", (rule) => {
    expect(rule.alert).toMatch(/^IbSriov[A-Z]/);
    expect(rule.for).toMatch(/^\d+m$/);
    expect(["info", "warning", "critical"]).toContain(rule.labels.severity);
    const { summary = "", description = "", remedy = "", ...others } = rule.annotations;
    expect(others).toEqual({});
    expect(summary).not.toMatch(/\.$/);
    // Without the parts that a template inserts.
    expect(description.replaceAll(/{{.*?}}/g, "").trim()).toMatch(/\.$/);
    expect(remedy).not.toBe("");
  });

  test.each(rules)("$alert names metrics and commands that exist", ({ expr, annotations }) => {
    expect(unknownIn(expr)).toEqual([]);
    const texts = Object.values(annotations).join("\n").replaceAll("{{ $labels.task }}", "gc");
    const names = commands.map(({ name }) => name);
    for (const [, name = ""] of texts.matchAll(/(?:^|; |`)ib-sriov ([a-z]+)/gm))
      expect(
        names.some((each) => each.split(" ")[0] === name),
        name,
      ).toBe(true);
  });
});

describe("the dashboard", () => {
  const panels = dashboardPanels();

  test("has only fields of Grafana's schema, according to the type checker", () => {
    const scratch = mkdtempSync(join(tmpdir(), "dashboard-"));
    try {
      symlinkSync(resolve("node_modules"), join(scratch, "node_modules"));
      const check = (content: string) => {
        // JSON has texts in the place of an enum's members.
        writeFileSync(
          join(scratch, "dashboard.ts"),
          `import type { Dashboard } from "@grafana/schema";
type Json<T> = T extends string ? \`\${T}\` : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
export const dashboard: Json<Dashboard> = ${content};`,
        );
        const options = ["--noEmit", "--strict", "--skipLibCheck", "--types", "", "--module", "esnext"];
        try {
          execFileSync(
            resolve("node_modules/.bin/tsc"),
            [...options, "--moduleResolution", "bundler", "dashboard.ts"],
            { cwd: scratch, encoding: "utf8" },
          );
          return "";
        } catch (error) {
          return (error as { stdout: string }).stdout;
        }
      };
      const text = readFileSync("deploy/monitoring/dashboard.json", "utf8");
      expect(check(text)).toBe("");
      // This shows that it would report an error.
      expect(check(text.replace('"gridPos"', '"gridPosition"'))).toContain("gridPosition");
    } finally {
      rmSync(scratch, { recursive: true });
    }
  }, 60_000);

  test("uses the data source that the reader selects", () => {
    const text = readFileSync("deploy/monitoring/dashboard.json", "utf8");
    const { templating } = JSON.parse(text);
    expect(templating.list.map(({ name, type }: Record<string, string>) => `${type} ${name}`)).toEqual([
      "datasource DS_PROMETHEUS",
      "query instance",
    ]);
    const uids = Array.from(text.matchAll(/"type": "prometheus",\s*"uid": "([^"]*)"/g), ([, uid]) => uid);
    expect(uids.length).toBeGreaterThan(panels.length);
    expect(new Set(uids)).toEqual(new Set([`\${DS_PROMETHEUS}`]));
    for (const { targets = [], type, datasource } of panels)
      for (const each of [
        ...targets.map((target) => target.datasource),
        ...(type === "row" ? [] : [datasource]),
      ])
        expect(each).toBeDefined();
  });

  test("panels have different numbers, and do not overlap", () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  });

  test.each(dashboardQueries("5m"))(
    "$title: $query names existing metrics, of the selected nodes",
    ({ query }) => {
      expect(unknownIn(query)).toEqual([]);
      for (const [, name, selector = ""] of query.matchAll(/\b(ib_sriov_\w+)(\{[^}]*\})?/g))
        expect(selector, name).toContain('instance=~".*"');
      // A variable that was not replaced.
      expect(query).not.toContain("$");
    },
  );
});
