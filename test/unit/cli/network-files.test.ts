import { expect, test } from "vitest";
import { isNetworkFile, logFilesIn } from "../../../src/cli/network-files.ts";

test.each([
  [{ logFile: "/a" }, ["/a"]],
  [{ logFile: "/a", plugins: [{ logFile: "/b" }, {}, { logFile: 1 }, "x"] }, ["/a", "/b"]],
  [{ logFile: "a" }, []],
  [undefined, []],
])("the log files in %j", (document, files) => {
  expect(logFilesIn(document)).toEqual(files);
});

test("the files that libcni reads as networks", () => {
  const names = ["10-a.conf", "a.conflist", "b.json", "a.conf.bak", "conf", "a.txt"];
  expect(names.filter(isNetworkFile)).toEqual(["10-a.conf", "a.conflist", "b.json"]);
});
