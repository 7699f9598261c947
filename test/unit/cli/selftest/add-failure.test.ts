import { expect, test } from "vitest";
import { checkOfFailure, checkOfWarnings } from "../../../../src/cli/selftest/add-failure.ts";
import type { LoggedStep, PluginAnswer } from "../../../../src/cli/selftest/plugin-call.ts";

const step = (name: string, { action = "apply", failed = true } = {}): LoggedStep => ({
  step: name,
  action,
  ms: 1,
  failed,
});
const wait = (name: string, failed = true) => step(name, { action: "wait", failed });
/** The answer of an ADD, with a message that names other causes. */
const answer = (steps: readonly LoggedStep[], result?: PluginAnswer["result"]): PluginAnswer => ({
  result,
  error: result === undefined ? "cannot bind VF 0000:03:00.2: it has no netdev" : undefined,
  ms: 1,
  warnings: ["its port allows no more"],
  steps: [step("lease", { failed: false }), ...steps],
});

test.each([
  ["link-policy", [step("link state")]],
  ["rebind", [wait("driver bind"), step("GUID")]],
  ["netdev", [wait("driver bind", false), wait("netdev"), step("GUID")]],
  ["guid", [wait("driver bind", false), wait("netdev", false), step("GUID")]],
  ["isolation", [step("RDMA device")]],
  ["add", [wait("netdev"), step("interface")]],
  ["add", [step("GUID", { action: "undo" })]],
  ["add", []],
])("the check %s is about a failed ADD with these steps: %j", (check, steps) => {
  expect(checkOfFailure(answer(steps))).toBe(check);
});

test.each([
  ["a driver that did not bind at once", [wait("driver bind")], 2044, "rebind"],
  ["an interface with a lower MTU", [wait("driver bind", false)], 1020, "mtu"],
  ["another cause", [wait("driver bind", false)], 2044, "add"],
])("the warnings of an ADD with %s belong to a check", (_, steps, mtu, check) => {
  expect(checkOfWarnings(answer(steps, { interfaces: [{ name: "net1", mtu }] }), 2044)).toBe(check);
  expect(checkOfWarnings(answer(steps, {}), 2044)).toBe(check === "mtu" ? "add" : check);
});
