import { readFileSync } from "node:fs";

/** A panel of the dashboard, as far as tests look at it. */
export interface DashboardPanel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: unknown;
  readonly targets?: readonly { readonly expr: string; readonly datasource: unknown }[];
}

/** The variable of Grafana whose value is a range for rate(). */
const RATE_INTERVAL = "$__rate_interval";

/** Returns the panels of deploy/monitoring/dashboard.json. */
export function dashboardPanels(): DashboardPanel[] {
  return JSON.parse(readFileSync("deploy/monitoring/dashboard.json", "utf8")).panels;
}

/** Returns the queries of the dashboard with the panels' titles, for all nodes, and for a range. */
export function dashboardQueries(range: string): { readonly title: string; readonly query: string }[] {
  return dashboardPanels().flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      title,
      query: expr.replaceAll("$instance", ".*").replaceAll(RATE_INTERVAL, range),
    })),
  );
}
