import { expect, test } from "vitest";
import { Report } from "../../../../src/cli/bugreport/part.ts";
import { Redactor } from "../../../../src/cli/bugreport/redact.ts";
import { TarWriter } from "../../../../src/cli/bugreport/tar.ts";
import { InterruptedError } from "../../../../src/node/clock.ts";

/** Returns a report, and the paths and texts of its files. */
function newReport() {
  const files: Record<string, string> = {};
  const tar = new TarWriter(() => {}, 0, 0o600);
  tar.add = (path, text) => {
    files[path] = text;
  };
  return { report: new Report(tar, "report", new Redactor()), files };
}

test("a part is a file, and its problem a line of errors.txt", () => {
  const { report, files } = newReport();
  report.add("good", () => ({ text: "text" }));
  report.add("cut", () => ({ text: "beginning", problem: "too long\nby far\n" }));
  report.add("missing", () => ({ text: "", problem: "not installed" }));
  report.add("empty", () => ({ text: "" }));
  report.end();
  expect(files).toEqual({
    "report/good": "text",
    "report/cut": "beginning",
    "report/errors.txt": "cut: too long by far\nmissing: not installed\n",
  });
});

test("names in errors.txt are escaped", () => {
  const { report, files } = newReport();
  report.add("c1-\x1b[2J", () => ({ text: "", problem: "\u009b \ud800" }));
  report.end();
  expect(files["report/errors.txt"]).toBe("c1-\\u001b[2J: \\u009b \\ud800\n");
});

test("secrets are redacted in texts and problems, unless the text is redacted already", () => {
  const { report, files } = newReport();
  report.add("text", () => ({ text: "password=hunter", problem: "token hunter" }));
  report.add("redacted", () => ({ text: "password=(redacted)!", isRedacted: true }));
  report.end();
  expect(files).toEqual({
    "report/text": "password=(redacted)",
    "report/redacted": "password=(redacted)!",
    "report/errors.txt": "text: token (redacted)\n",
  });
});

test("an error of a part is a line, and the other parts follow", () => {
  const { report, files } = newReport();
  report.add("bad", () => {
    throw new Error("open /x: Permission denied (EACCES)");
  });
  report.addAll("parts", () => [["one", () => ({ text: "1" })]]);
  report.addAll("others", () => {
    throw new Error("cannot be listed");
  });
  report.end();
  expect(files).toEqual({
    "report/one": "1",
    "report/errors.txt": "bad: open /x: Permission denied (EACCES)\nothers: cannot be listed\n",
  });
});

test("a signal ends the report", () => {
  const { report } = newReport();
  const stop = () => {
    throw new InterruptedError("stopped");
  };
  expect(() => report.add("part", stop)).toThrow(InterruptedError);
  expect(() => report.addAll("parts", stop)).toThrow(InterruptedError);
});

test("the path of a file of the node stays below the directory of the report", () => {
  const { report, files } = newReport();
  report.add("log//var/../../etc/./x", () => ({ text: "text" }));
  expect(Object.keys(files)).toEqual(["report/log/var/etc/x"]);
});
