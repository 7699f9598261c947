// `make demo` shows an attachment, and fails if the plugin fails.
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { inRepository } from "./harness/guest.ts";

const demo = (plugin: string) => spawnSync(inRepository("vhca/demo"), [plugin], { encoding: "utf8" });

test("the demo shows an attachment and that the node is as before", () => {
  const { status, stdout } = demo(inRepository("build/ib-sriov"));
  expect(stdout).toContain("0% packet loss");
  expect(stdout).toMatch(/1000 iters in .* usec\/iter/);
  expect(stdout).toMatch(/OK: .* are the same/);
  expect(status).toBe(0);
});

test("the demo fails with a plugin that does nothing", () => {
  const { status, stdout } = demo("/bin/true");
  expect(stdout).not.toContain("OK:");
  expect(status).toBe(1);
});
