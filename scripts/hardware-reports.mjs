// Prints docs/reference/hardware-reports.md with its table made from docs/reports/*.json, which are reports of `ib-sriov selftest`.
// With --write, writes the document.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const document = "docs/reference/hardware-reports.md";
const reports = "docs/reports";
const [begin, end] = ["<!-- Made from docs/reports by `make reference`. -->\n", "<!-- End of the table. -->"];
const columns = [
  "HCA",
  "firmware",
  "driver",
  "kernel",
  "OFED",
  "ib-sriov",
  "result",
  "skipped",
  "ADD",
  "unbind",
  "bind",
  "report",
];

const rows = readdirSync(reports)
  .filter((name) => name.endsWith(".json"))
  .sort()
  .map((name) => rowOf(name, JSON.parse(readFileSync(`${reports}/${name}`, "utf8"))));
const table = [columns, columns.map(() => "---"), ...rows]
  .map((cells) => `| ${cells.join(" | ")} |`)
  .join("\n");
const [before, rest = ""] = readFileSync(document, "utf8").split(begin);
const after = rest.slice(rest.indexOf(end));
const text = `${before}${begin}\n${table}\n\n${after}`;
if (process.argv.includes("--write")) writeFileSync(document, text);
else process.stdout.write(text);

/** Returns the cells of a report. */
function rowOf(file, { result, version, software, hcas, checks, vfs }) {
  const [hca] = hcas;
  const skipped = [
    ...new Set(checks.filter((check) => check.result === "skipped").map(({ check }) => check)),
  ];
  const driver = [hca.driver, hca.driverVersion].filter(Boolean).join(" ");
  return [
    [hca.hca ?? (hca.driver === "vhca" ? "the virtual HCA" : hca.pciId), hca.board].filter(Boolean).join(" "),
    hca.firmware ?? "–",
    driver,
    software.kernel,
    software.ofed ?? "–",
    version,
    result,
    skipped.join(", ") || "–",
    ...["add", "unbind", "bind"].map(
      (phase) => `${median(vfs.map(({ timings }) => timings[phase] ?? 0))} ms`,
    ),
    `[${file}](../reports/${file})`,
  ];
}

/** Returns the median, rounded to ms. */
function median(values) {
  const sorted = values.toSorted((one, other) => one - other);
  return Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0);
}
