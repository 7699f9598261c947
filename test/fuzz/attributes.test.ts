// The attribute decoder in C returns the same as its stand-in in TypeScript, for any bytes.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { netlinkAttributes } from "../support/host.ts";
import { vector } from "../unit/vectors/vectors.ts";
import { CASE_TIME, fuzz } from "./fuzz.ts";
import { mutate } from "./mutate.ts";
import type { Random } from "./random.ts";

const vectors = fileURLToPath(new URL("../unit/vectors/", import.meta.url));
/** Messages of a real kernel, without their header: attributes begin 8 to 24 bytes later. */
const seeds = readdirSync(vectors)
  .filter((name) => name.endsWith(".txt"))
  .flatMap((name) => vector(name.slice(0, -4)).received)
  .map((datagram) => datagram.subarray(16, 4096));

/** Inputs of one batch: starting the engine takes longer than decoding all of them. */
const batch = 40;

interface Input {
  readonly bytes: number[];
  readonly start: number;
  /** Types, and how they are decoded; `null` for all attributes. */
  readonly wanted: number[] | null;
}

describe.each(["", "asan/"])("build/%shost-test", (variant) => {
  const program = fileURLToPath(new URL(`../../build/${variant}host-test`, import.meta.url));
  let directory = "";
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "attributes-"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  fuzz(`batches of attributes in ${variant}host-test`, { cases: 40, share: 0.05 }, (random) => {
    const inputs = Array.from({ length: batch }, (): Input => {
      const bytes = mutate(random.pick(seeds), random, seeds).subarray(0, 8192);
      const start = random.pick([0, 4, 8, 16, 16, 16, 24, bytes.length, random.below(bytes.length + 8)]);
      return { bytes: [...bytes], start, wanted: random.below(8) === 0 ? null : wantedBy(random) };
    });
    const script = join(directory, "script.js");
    writeFileSync(
      script,
      `const take = ${take}; host.print(1, JSON.stringify(${JSON.stringify(inputs)}.map(take)));`,
    );
    const { status, signal, stdout, stderr } = spawnSync(program, [script], {
      encoding: "utf8",
      maxBuffer: 1 << 28,
      timeout: CASE_TIME,
    });
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: "" });
    expect(JSON.parse(stdout)).toEqual(inputs.map(expected));
  });
});

/** Twelve types, most of them with a valid way to decode. */
function wantedBy(random: Random): number[] {
  return Array.from({ length: 12 }, () => [
    random.below(256),
    random.pick([0, 0, 255, 1, 2, 4, 4, random.below(256)]),
  ]).flat();
}

/** This function runs in the engine, as text. */
const take = `function ({ bytes, start, wanted }) {
  try {
    const values = host.netlinkAttributes(Uint8Array.from(bytes), start, wanted ? Uint8Array.from(wanted) : undefined);
    return values === undefined ? "malformed" : values.map((value) => value ?? null);
  } catch (error) {
    return error.name;
  }
}`;

function expected({ bytes, start, wanted }: Input): unknown {
  try {
    const values = netlinkAttributes(
      Uint8Array.from(bytes),
      start,
      wanted ? Uint8Array.from(wanted) : undefined,
    );
    return values === undefined
      ? "malformed"
      : JSON.parse(JSON.stringify(values.map((value) => value ?? null)));
  } catch (error) {
    return error instanceof Error ? error.name : error;
  }
}
