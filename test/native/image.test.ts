// The image of the engine's memory that the executables hold (native/image.h).
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { machines } from "./machines.ts";

const text = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: "utf8" });

/** Versions of one function that libc, or libgcc, has for different processors, by the ends of their names. */
const versions = [
  ...["sse\\w*", "avx\\w*", "evex\\w*", "fma\\w*", "erms", "rtm"],
  ...["generic", "mops", "a64fx", "oryon1", "sve\\w*", "emag", "zva64", "asimd"],
  ...["ppc", "power\\d+", "sw", "hw"],
];
const version = new RegExp(`^__.*_(${versions.join("|")})$`);

describe.each(machines)("for $architecture", ({ build, run, nm }) => {
  const [untaken = "", ...rest] = [...run, `${build}/obj/untaken`];
  const take = (env: NodeJS.ProcessEnv, ...args: string[]) =>
    spawnSync(untaken, [...rest, ...args], { env, maxBuffer: 1 << 24 });

  test("it is the same each time that it is taken, whatever the environment and the time", () => {
    const image = readFileSync(`${build}/obj/image`);
    expect(image.length).toBeGreaterThan(100_000);
    expect(take({}, "an argument").stdout.equals(image)).toBe(true);
    expect(take({ CNI_COMMAND: "VERSION", LONG: "x".repeat(50_000) }).stdout.equals(image)).toBe(true);
  });

  test("it points to no function that libc has chosen for the processor of the build", () => {
    // Those that an IRELATIVE relocation chooses stand beside each other under names that tell the processor.
    const chosen = new Map<bigint, string>();
    let known = 0;
    const functions = new Set<bigint>();
    for (const line of text(nm, `${build}/obj/ib-sriov`).split("\n")) {
      const [address = "", type = "", name = ""] = line.split(" ");
      if (!/^[tTwWi]$/.test(type)) continue;
      functions.add(BigInt(`0x${address}`));
      if (type === "i" || version.test(name)) chosen.set(BigInt(`0x${address}`), name);
    }
    expect(chosen.size).toBeGreaterThan(20);
    const image = readFileSync(`${build}/obj/image`);
    const found: string[] = [];
    for (let offset = 0; offset + 8 <= image.length; offset += 8) {
      const pointer = image.readBigUInt64LE(offset);
      if (functions.has(pointer)) known++;
      const name = chosen.get(pointer);
      if (name !== undefined) found.push(name);
    }
    // It does look at function pointers: those of the engine's own functions.
    expect(known).toBeGreaterThan(100);
    expect(found).toEqual([]);
  });

  test("an executable in which it has not been taken can do nothing else", () => {
    const { status, stdout } = take({ CNI_COMMAND: "VERSION" });
    expect(status).toBe(0);
    expect(stdout.includes("supportedVersions")).toBe(true);
    expect(stdout.length).toBeGreaterThan(100_000);
  });

  test("what runs from it leaves it as it was: a second call finds the same", () => {
    const before = readFileSync(`${build}/ib-sriov`);
    const call = () => text("env", "CNI_COMMAND=VERSION", ...run, `${build}/ib-sriov`);
    expect(call()).toBe(call());
    expect(readFileSync(`${build}/ib-sriov`).equals(before)).toBe(true);
  });
});
