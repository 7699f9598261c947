// How the executables for all machines are hardened, and that docs/explanation/security.md describes them as they are.
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import type { Tokens } from "marked";
import { describe, expect, test } from "vitest";
import { only, textOf, tokensIn } from "../../support/documents.ts";
import { patience } from "../../support/patience.ts";
import { freshPath } from "../harness.ts";
import {
  type Elf,
  ofType,
  PF_W,
  PF_X,
  PT_DYNAMIC,
  PT_GNU_PROPERTY,
  PT_GNU_RELRO,
  PT_GNU_STACK,
  PT_INTERP,
  PT_LOAD,
  PT_NULL,
  permissions,
  readElf,
  type Segment,
} from "./elf.ts";
import { type Machine, machines } from "./machines.ts";

/** arm64's instruction `bti c`, a landing pad of indirect calls. */
const BTI_C = Buffer.from([0x5f, 0x24, 0x03, 0xd5]);
/** arm64's instruction `paciasp`, which signs the return address. */
const PACIASP = Buffer.from([0x3f, 0x23, 0x03, 0xd5]);
/** arm64's instruction `nop`. */
const NOP = Buffer.from([0x1f, 0x20, 0x03, 0xd5]);
/** x86's instruction `endbr64`. */
const ENDBR64 = Buffer.from([0xf3, 0x0f, 0x1e, 0xfa]);

/** Returns the places at which bytes begin. */
function placesOf(bytes: Buffer, file: Buffer): number[] {
  const places = [];
  for (let at = file.indexOf(bytes); at >= 0; at = file.indexOf(bytes, at + 1)) places.push(at);
  return places;
}

/** Returns the address to which the instruction at a place calls; `undefined` if it is not a direct call. */
function callTarget(architecture: string, code: Buffer, at: number, address: number): number | undefined {
  if (architecture === "amd64")
    return code[at] === 0xe8 ? address + at + 5 + code.readInt32LE(at + 1) : undefined;
  if (at % 4 !== 0) return undefined;
  const word = code.readUInt32LE(at);
  if (architecture === "arm64")
    return word >>> 26 === 0b100101 ? address + at + (((word << 6) >> 6) << 2) : undefined;
  return word >>> 26 === 18 && (word & 3) === 1 ? address + at + (((word & 0x3fffffc) << 6) >> 6) : undefined;
}

/** Returns the symbols of an executable, as nm prints them: of the same file before its symbols were removed. */
function symbolsOf({ build, nm }: Machine): string {
  return execFileSync(nm, [`${build}/obj/ib-sriov`], { encoding: "utf8", maxBuffer: 1 << 24 });
}

/** Counts the calls that report an overwritten stack canary: each function with a canary has one. */
function canaryChecks(machine: Machine, { file, segments }: Elf): number {
  const failure = Number.parseInt(/^(\w+) \w __stack_chk_fail$/m.exec(symbolsOf(machine))?.[1] ?? "", 16);
  let count = 0;
  for (const { offset, fileSize, address } of segments.filter(({ flags }) => (flags & PF_X) !== 0)) {
    const code = file.subarray(offset, offset + fileSize);
    for (let at = 0; at + 5 <= code.length; at++)
      if (callTarget(machine.architecture, code, at, address) === failure) count++;
  }
  return count;
}

/** Returns the features of the property note. AND of arm64 (0xc0000000): bit 0 is BTI; of x86 (0xc0000002): IBT, SHSTK. */
function properties(elf: Elf): string {
  const names: Readonly<Record<number, readonly string[]>> = {
    3221225472: ["BTI", "PAC"],
    3221225474: ["IBT", "SHSTK"],
  };
  return (
    ofType(elf, PT_GNU_PROPERTY)
      .flatMap(({ offset }) => {
        const [kind, bits] = [elf.file.readUInt32LE(offset + 16), elf.file.readUInt32LE(offset + 24)];
        return (names[kind] ?? []).filter((_, bit) => ((bits >> bit) & 1) === 1);
      })
      .join(", ") || "none"
  );
}

/** The hardening facts of an executable, in the words of the table of the security model. */
function factsOf(machine: Machine): Readonly<Record<string, string>> {
  const elf = readElf(`${machine.build}/ib-sriov`);
  const is = (condition: boolean) => (condition ? "yes" : "no");
  const ET_EXEC = 2;
  return {
    "fixed addresses (not PIE)": is(elf.type === ET_EXEC),
    "interpreter, shared libraries":
      ofType(elf, PT_INTERP).length + ofType(elf, PT_DYNAMIC).length === 0 ? "none" : "some",
    "segments, in the order of addresses": ofType(elf, PT_LOAD).map(permissions).join(", "),
    stack: ofType(elf, PT_GNU_STACK).map(permissions).join(", "),
    "code shares no page with data, up to pages of": `${machine.page >> 10} KiB`,
    "stack canary": is(canaryChecks(machine, elf) > 100),
    "property note": properties(elf),
    "signed return addresses": placesOf(PACIASP, elf.file).length > 100 ? "PAC" : "no",
    RELRO: is(ofType(elf, PT_GNU_RELRO).length > 0),
  };
}

test("the security model describes the executables as they are", () => {
  const tables = only<Tokens.Table>(tokensIn(textOf("docs/explanation/security.md")), "table");
  const table = tables.find(({ header }) => header.some(({ text }) => text === "ppc64le"));
  const architectures = table?.header.slice(1).map(({ text }) => text) ?? [];
  expect(architectures).toEqual(machines.map(({ architecture }) => architecture));
  const documented = architectures.map((_, column) =>
    Object.fromEntries(table?.rows.map((row) => [row[0]?.text, row[column + 1]?.text]) ?? []),
  );
  expect(documented).toEqual(machines.map(factsOf));
});

/** Counts the pointers into the executable that its writable data contains, and the pages of 4 KiB with a pointer. */
function pointersIn(elf: Elf): {
  readonly pointers: number;
  readonly pages: number;
  readonly ofPages: number;
} {
  const loaded = ofType(elf, PT_LOAD);
  const begin = Math.min(...loaded.map(({ address }) => address));
  const end = Math.max(...loaded.map(({ address, memorySize }) => address + memorySize));
  const [data] = loaded.filter(({ flags }) => (flags & PF_W) !== 0) as [Segment];
  const pages = new Set<number>();
  let pointers = 0;
  for (let at = 0; at + 8 <= data.fileSize; at += 8) {
    const value = elf.file.readBigUInt64LE(data.offset + at);
    if (value < begin || value >= end) continue;
    pointers++;
    pages.add((data.address + at) >> 12);
  }
  return { pointers, pages: pages.size, ofPages: data.fileSize >> 12 };
}

test("the security model names the number of pointers that a position-independent executable would adjust", () => {
  const text = textOf("docs/explanation/security.md");
  const { pointers, pages, ofPages } = pointersIn(readElf("build/ib-sriov"));
  const documented = Number(/about\s+([\d,]+)\s+pointers/.exec(text)?.[1]?.replace(",", ""));
  expect(Math.abs(pointers - documented)).toBeLessThan(pointers / 20);
  const documentedPages = Number(/almost all of its (\d+) pages/.exec(text)?.[1]);
  expect(Math.abs(ofPages - documentedPages)).toBeLessThan(ofPages / 20);
  expect(pages).toBeGreaterThan(0.9 * ofPages);
});

describe.each(machines)("the executable for $architecture", (machine) => {
  const { architecture, build, elf: number, page } = machine;
  const elf = readElf(`${build}/ib-sriov`);
  const loaded = ofType(elf, PT_LOAD);

  test("is for that machine, 64 bits, and little-endian", () => {
    expect(elf.file.subarray(0, 6)).toEqual(Buffer.from("\x7fELF\x02\x01", "latin1"));
    expect(elf.machine).toBe(number);
  });

  test("can be mapped by kernels with the largest pages", () => {
    for (const { offset, address, align } of loaded) {
      expect(align).toBeGreaterThanOrEqual(page);
      expect(address % page).toBe(offset % page);
    }
  });

  test("has no segment that is writable and executable, and no executable stack", () => {
    expect(loaded.filter(({ flags }) => (flags & PF_X) !== 0)).toHaveLength(1);
    expect(loaded.filter(({ flags }) => (flags & PF_W) !== 0)).toHaveLength(1);
    expect(loaded.map(permissions)).not.toContain("RWX");
    // Without this header, the kernel would make the stack executable.
    expect(ofType(elf, PT_GNU_STACK).map(permissions)).toEqual(["RW"]);
  });

  test("has no page, in the file or in memory, with code and something else", () => {
    const pages = (begin: number, size: number) => [
      Math.floor(begin / page),
      Math.ceil((begin + size) / page),
    ];
    const shares = (one: number[], other: number[]) =>
      (one[0] ?? 0) < (other[1] ?? 0) && (other[0] ?? 0) < (one[1] ?? 0);
    const [code] = loaded.filter(({ flags }) => (flags & PF_X) !== 0) as [Segment];
    for (const other of loaded.filter((each) => each !== code)) {
      const inMemory = [code, other].map(({ address, memorySize }) => pages(address, memorySize));
      const inFile = [code, other].map(({ offset, fileSize }) => pages(offset, fileSize));
      expect(shares(...(inMemory as [number[], number[]]))).toBe(false);
      expect(shares(...(inFile as [number[], number[]]))).toBe(false);
    }
  });

  test("has almost no writable constants, because nothing is relocated at a start", () => {
    const sections = execFileSync("readelf", ["--sections", "--wide", `${build}/ib-sriov`], {
      encoding: "utf8",
    });
    // POWER's compiler puts some jump tables there.
    const relocated = /\.data\.rel\.ro\s+PROGBITS\s+\w+\s+\w+\s+(\w+)/.exec(sections)?.[1] ?? "0";
    expect(Number.parseInt(relocated, 16)).toBeLessThan(0x600);
  });

  test("has no landing pads of CET, which would have no effect", () => {
    // Some functions of libgcc have them.
    expect(architecture === "amd64" ? placesOf(ENDBR64, elf.file).length : 0).toBeLessThan(20);
  });

  test("does not contain the parser of JavaScript", () => {
    const symbols = symbolsOf(machine);
    expect(symbols).toMatch(/ JS_ReadObject$/m);
    expect(symbols).not.toMatch(/ __JS_EvalInternal$/m);
  });

  test("contains no path of the machine that it was built on, and is small", () => {
    expect(elf.file.includes(process.cwd())).toBe(false);
    expect(elf.file.includes("/.cache/")).toBe(false);
    expect(elf.file.length).toBeLessThan(architecture === "amd64" ? 2e6 : 2.6e6);
  });
});

describe("guards of jumps in the executable for arm64", () => {
  const { run, build } = machines.find(({ architecture }) => architecture === "arm64") as Machine;
  // The emulator has BTI and PAC; processors of arm64 build machines need not have them.
  const isEmulated = run.length > 0;
  const original = readElf(`${build}/ib-sriov`);
  const version = (file: Buffer) => {
    const path = freshPath("changed");
    writeFileSync(path, file, { mode: 0o755 });
    const [program = "", ...args] = [...run, path];
    return spawnSync(program, args, { env: { CNI_COMMAND: "VERSION" }, timeout: patience });
  };
  const withReplaced = (instruction: Buffer, replacement: Buffer) => {
    const file = Buffer.from(original.file);
    for (const at of placesOf(instruction, file)) replacement.copy(file, at);
    return file;
  };

  test("landing pads: without them, the first indirect call fails", ({ skip }) => {
    if (!isEmulated) skip("this machine's processor may lack BTI");
    expect(version(original.file)).toMatchObject({ status: 0, signal: null });
    expect(version(withReplaced(BTI_C, NOP))).toMatchObject({ status: null, signal: "SIGILL" });
  });

  test("landing pads: they are required because of the property note", () => {
    const [note] = ofType(original, PT_GNU_PROPERTY) as [Segment];
    const unmarked = withReplaced(BTI_C, NOP);
    unmarked.writeUInt32LE(PT_NULL, note.header);
    expect(version(unmarked)).toMatchObject({ status: 0, signal: null });
  });

  test("signed return addresses: the first return to an unsigned address fails", ({ skip }) => {
    if (!isEmulated) skip("this machine's processor may lack PAC");
    // paciasp is a landing pad, too.
    const { status, signal } = version(withReplaced(PACIASP, BTI_C));
    expect(status).toBe(null);
    expect(["SIGSEGV", "SIGILL", "SIGBUS"]).toContain(signal);
  });
});
