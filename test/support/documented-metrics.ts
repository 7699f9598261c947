import { textOf } from "./documents.ts";

/** A metric, as docs/reference/metrics.md describes it. */
export interface DocumentedMetric {
  readonly name: string;
  readonly type: string;
  /** The names of its labels, sorted; a histogram also has `le`. */
  readonly labels: readonly string[];
}

/** Returns the metrics that docs/reference/metrics.md has a row for. */
export function documentedMetrics(): DocumentedMetric[] {
  const rows = textOf("docs/reference/metrics.md").matchAll(/^\| `(ib_sriov_\w+)` \| (\w+) \| ([^|]*) \|/gm);
  return Array.from(rows, ([, name = "", type = "", labels = ""]) => ({
    name,
    type,
    labels: Array.from(labels.matchAll(/`(\w+)`/g), ([, label = ""]) => label).sort(),
  }));
}
