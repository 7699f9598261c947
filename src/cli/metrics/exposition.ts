import { printable } from "../../log/printable.ts";

/** One value of a metric, with its labels. */
export interface Sample {
  /** Appended to the family's name: "_bucket", "_sum"; default "". */
  readonly suffix?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram" | "summary";
  readonly samples: readonly Sample[];
}

/** Formats metrics in Prometheus's text format, version 0.0.4. A metric without samples is omitted. */
export function exposition(families: readonly Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, help, type, samples }) => {
      const lines = samples.map(
        (sample) => `${name}${sample.suffix ?? ""}${labelsOf(sample)} ${sample.value}\n`,
      );
      return `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n${lines.join("")}`;
    })
    .join("");
}

function labelsOf({ labels }: Sample): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/**
 * Escapes a help text. The value of a label also needs escaped quotes. The format has no escapes for characters that are
 * not printable, so that the value contains those of JSON.
 */
function escaped(text: string): string {
  const lines = text.split("\n").map((line) => printable(line).replaceAll("\\", "\\\\"));
  return lines.join("\\n");
}
