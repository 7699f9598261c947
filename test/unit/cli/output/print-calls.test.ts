// A text must pass printLine or printMessage, which escape what a terminal would obey. Therefore few files print.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const PRINTING: Readonly<Record<string, string>> = {
  "src/cli/output/text.ts": "printLine",
  "src/log/print-message.ts": "printMessage",
  "src/cli/agent/agent-log.ts": "escapes lines, and loses them if no process reads them",
  "src/cli/bugreport/bugreport.ts": "a tar",
  "src/cli/install/install.ts": "escapes lines, and ignores that no process reads them",
  "src/cli/progress.ts": "escapes a line that printAfter can print, too",
  "src/cli/metrics/metrics.ts": "the exposition is escaped",
  "src/main.ts": "the version, and JSON",
  "src/plugin.ts": "JSON",
};

test("only these files print", () => {
  const paths = readdirSync("src", { recursive: true, encoding: "utf8" }).map((path) => `src/${path}`);
  const printing = paths.filter(
    (path) =>
      path.endsWith(".ts") &&
      /import \{[^}]*\b(?:print|printAfter)\b[^}]*\} from "host"|\bhost\.print/.test(
        readFileSync(path, "utf8"),
      ),
  );
  expect(printing.sort()).toEqual(Object.keys(PRINTING).sort());
});
