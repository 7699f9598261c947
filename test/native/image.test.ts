// The image of the engine's memory in the executables (native/startup/image.h).
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { machines } from "./release/machines.ts";

const text = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: "utf8" });

describe.each(machines)("for $architecture", ({ build, run, nm }) => {
  const [untaken = "", ...rest] = [...run, `${build}/obj/untaken`];
  const take = (env: NodeJS.ProcessEnv, ...args: string[]) =>
    spawnSync(untaken, [...rest, ...args], { env, maxBuffer: 1 << 24 });

  test("it is always the same, whatever the environment and the time", () => {
    const image = readFileSync(`${build}/obj/image`);
    expect(image.length).toBeGreaterThan(100_000);
    expect(take({}, "an argument").stdout.equals(image)).toBe(true);
    expect(take({ CNI_COMMAND: "VERSION", LONG: "x".repeat(50_000) }).stdout.equals(image)).toBe(true);
  });

  test("it has no pointers to functions that depend on the processor", () => {
    // Type i: an IRELATIVE relocation would choose at each start, but the image would keep one choice.
    const functions = new Set<bigint>();
    const chosen: string[] = [];
    for (const line of text(nm, `${build}/obj/ib-sriov`).split("\n")) {
      const [address = "", type = "", name = ""] = line.split(" ");
      if (/^[tTwW]$/.test(type)) functions.add(BigInt(`0x${address}`));
      if (type === "i") chosen.push(name);
    }
    expect(chosen).toEqual([]);
    const image = readFileSync(`${build}/obj/image`);
    let known = 0;
    for (let offset = 0; offset + 8 <= image.length; offset += 8) {
      if (functions.has(image.readBigUInt64LE(offset))) known++;
    }
    expect(known).toBeGreaterThan(100);
  });

  test("an executable without an image takes it, and does nothing else", () => {
    const { status, stdout } = take({ CNI_COMMAND: "VERSION" });
    expect(status).toBe(0);
    expect(stdout.includes("supportedVersions")).toBe(true);
    expect(stdout.length).toBeGreaterThan(100_000);
  });

  test("a call does not change it: a second call finds the same image", () => {
    const before = readFileSync(`${build}/ib-sriov`);
    const call = () => text("env", "CNI_COMMAND=VERSION", ...run, `${build}/ib-sriov`);
    expect(call()).toBe(call());
    expect(readFileSync(`${build}/ib-sriov`).equals(before)).toBe(true);
  });
});
