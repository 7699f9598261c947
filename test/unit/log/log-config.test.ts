import fc from "fast-check";
import { expect, test } from "vitest";
import { parseConfiguration } from "../../../src/cni/configuration.ts";
import { configuredLog } from "../../../src/log/log-config.ts";

const log = (keys: object) => configuredLog(parseConfiguration(JSON.stringify({ name: "mynet", ...keys })));

test("without keys everything from info on goes to the journal", () => {
  expect(log({})).toEqual({ level: "info", file: undefined, warnings: [] });
  expect(log({ logLevel: "", logFile: "" })).toEqual(log({}));
  expect(log({ logLevel: null, logFile: null })).toEqual(log({}));
});

test.each(["panic", "error", "warning", "info", "debug"])("logLevel %s, in any case", (level) => {
  expect(log({ logLevel: level })).toEqual({ level, file: undefined, warnings: [] });
  expect(log({ LOGLEVEL: level.toUpperCase() }).level).toBe(level);
});

test("a logFile", () => {
  expect(log({ logFile: "/var/log/ib-sriov.log" })).toEqual({
    level: "info",
    file: "/var/log/ib-sriov.log",
    warnings: [],
  });
});

test.each([
  [{ logLevel: "verbose" }, 'logLevel must be one of panic, error, warning, info, debug, not "verbose"'],
  [{ logLevel: 5 }, "logLevel must be a string, not 5"],
  [{ logFile: "var/log/x" }, 'logFile must be an absolute path, not "var/log/x"'],
  [{ logFile: ["/var/log/x"] }, 'logFile must be a string, not ["/var/log/x"]'],
])("%j does not make a call fail: it causes a warning, and the default is used", (keys, message) => {
  expect(log(keys)).toEqual({ ...log({}), warnings: [`network configuration: ${message}`] });
});

test("an error in one key does not affect the other", () => {
  expect(log({ logLevel: "loud", logFile: "/x" })).toMatchObject({ level: "info", file: "/x" });
  expect(log({ logLevel: "debug", logFile: "x" })).toMatchObject({ level: "debug", file: undefined });
});

test("no value makes a call fail", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (logLevel, logFile) => {
      const { level, file = "/" } = log({ logLevel, logFile });
      expect(["panic", "error", "warning", "info", "debug"]).toContain(level);
      expect(file[0]).toBe("/");
    }),
  );
});
