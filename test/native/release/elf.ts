/** Reads the program headers of an executable: 64-bit little-endian ELF (elf.h). */
import { readFileSync } from "node:fs";

export const PT_NULL = 0;
export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_INTERP = 3;
export const PT_GNU_STACK = 0x6474e551;
export const PT_GNU_RELRO = 0x6474e552;
export const PT_GNU_PROPERTY = 0x6474e553;
export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

/** A program header. Places and sizes are in bytes. */
export interface Segment {
  /** The place of the header itself in the file. */
  readonly header: number;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly align: number;
}

export interface Elf {
  readonly file: Buffer;
  /** e_type: 2 is ET_EXEC. */
  readonly type: number;
  /** e_machine. */
  readonly machine: number;
  readonly segments: readonly Segment[];
}

/** Returns an executable with its program headers. */
export function readElf(path: string): Elf {
  const file = readFileSync(path);
  const begin = Number(file.readBigUInt64LE(32));
  const segments = Array.from({ length: file.readUInt16LE(56) }, (_, i) => {
    const header = begin + i * file.readUInt16LE(54);
    const word = (place: number) => Number(file.readBigUInt64LE(header + place));
    return {
      header,
      type: file.readUInt32LE(header),
      flags: file.readUInt32LE(header + 4),
      offset: word(8),
      address: word(16),
      fileSize: word(32),
      memorySize: word(40),
      align: word(48),
    };
  });
  return { file, type: file.readUInt16LE(16), machine: file.readUInt16LE(18), segments };
}

/** Returns the segments of a type. */
export function ofType({ segments }: Elf, type: number): readonly Segment[] {
  return segments.filter((segment) => segment.type === type);
}

/** Returns the permissions of a segment as readelf prints them, without blanks: "RX". */
export function permissions({ flags }: Segment): string {
  return [flags & PF_R && "R", flags & PF_W && "W", flags & PF_X && "X"].filter(Boolean).join("");
}
