/** One metric, as a scraper reads it. */
export interface Metric {
  readonly type: string;
  readonly help: string;
  /** Values by name and labels, the labels sorted: `ib_sriov_vfs{pf="0000:01:00.0",state="free"}`. */
  readonly samples: ReadonlyMap<string, number>;
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (\\S+)$`);

/**
 * Parses Prometheus's text format (version 0.0.4), more strictly than a scraper must: HELP, TYPE, and then all samples
 * of a metric, each once; counters and histograms must follow the rules of their types.
 * @throws {Error} with the invalid line.
 */
export function readMetrics(text: string): Map<string, Metric> {
  const metrics = new Map<string, Metric>();
  if (!text.endsWith("\n")) throw new Error("the last line has no newline");
  for (const block of text.split(/^(?=# HELP )/m)) {
    const [help = "", type = "", ...lines] = block.trimEnd().split("\n");
    const [, name = "", helpText = ""] =
      new RegExp(`^# HELP (${NAME}) ((?:[^\\\\]|\\\\[\\\\n])+)$`).exec(help) ?? [];
    const [, typed, kind = ""] =
      new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary)$`).exec(type) ?? [];
    if (name === "" || typed !== name || metrics.has(name))
      throw new Error(`not the beginning of a metric: ${help}\n${type}`);
    const samples = new Map<string, number>();
    for (const line of lines) {
      const [, sample = "", labels = "", value = ""] = SAMPLE.exec(line) ?? [];
      const suffix = sample.slice(name.length);
      if (!sample.startsWith(name) || !suffixes[kind]?.includes(suffix))
        throw new Error(`not a sample of ${name}: ${line}`);
      const key = `${sample}{${(labels.match(new RegExp(LABEL, "g")) ?? []).sort().join(",")}}`;
      if (samples.has(key) || value === "" || Number.isNaN(Number(value)))
        throw new Error(`duplicate, or no value: ${line}`);
      samples.set(key, Number(value));
    }
    if (samples.size === 0) throw new Error(`${name} has no samples`);
    if (kind === "counter" && !name.endsWith("_total"))
      throw new Error(`the name of the counter ${name} does not end in _total`);
    metrics.set(name, { type: kind, help: helpText, samples });
    if (kind === "histogram") requireHistogram(name, samples);
  }
  return metrics;
}

const suffixes: Readonly<Record<string, readonly string[]>> = {
  counter: [""],
  gauge: [""],
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["_sum", "_count"],
};

/** Each bucket includes those before it, and the last one, +Inf, includes all. */
function requireHistogram(name: string, samples: ReadonlyMap<string, number>): void {
  const last = new Map<string, { le: number; count: number }>();
  for (const [key, count] of samples) {
    const [, le, rest = ""] = /_bucket\{le="([^"]+)",?(.*)\}$/.exec(key) ?? [];
    if (le === undefined) continue;
    const bound = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
    const before = last.get(rest) ?? { le: Number.NEGATIVE_INFINITY, count: 0 };
    if (!(bound > before.le) || count < before.count)
      throw new Error(`${key} is less than or overlaps ${before.le}`);
    last.set(rest, { le: bound, count });
  }
  for (const [labels, { le, count }] of last) {
    if (
      le !== Number.POSITIVE_INFINITY ||
      samples.get(`${name}_count{${labels}}`) !== count ||
      !samples.has(`${name}_sum{${labels}}`)
    )
      throw new Error(`the histogram ${name}{${labels}} is incomplete`);
  }
  if (last.size === 0) throw new Error(`the histogram ${name} has no buckets`);
}
