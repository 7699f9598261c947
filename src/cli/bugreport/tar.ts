import { utf8Encode } from "host";

/** Size of a block of a tar, bytes. */
const BLOCK = 512;
/** Bytes of the fields `name` and `prefix` of a header. */
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
/** Types of entries: a file, and an extended header of POSIX.1-2001 for the next entry. */
const FILE = "0";
const EXTENDED = "x";
const SLASH = 0x2f;

/** Writes a tar (POSIX.1-1988, ustar) to a stream, one file after the other. */
export class TarWriter {
  /**
   * @param write writes all bytes to the stream.
   * @param time modification time of all files, ms since 1970.
   * @param mode permission bits of all files.
   */
  constructor(
    private readonly write: (bytes: Uint8Array) => void,
    private readonly time: number,
    private readonly mode: number,
  ) {}

  /** Adds a file. */
  add(path: string, text: string): void {
    const name = utf8Encode(path);
    const split = splitAt(name);
    // A path that does not fit is in an extended header, and cut in the file's own.
    if (split === undefined) this.entry(EXTENDED, utf8Encode("path"), 0, pathRecord(name));
    this.entry(FILE, split === undefined ? name.subarray(0, NAME_BYTES) : name, split ?? 0, utf8Encode(text));
  }

  /** Writes the end of the tar: two empty blocks. */
  end(): void {
    this.write(new Uint8Array(2 * BLOCK));
  }

  /** @param split length of the prefix with its slash; 0 without a prefix. */
  private entry(type: string, name: Uint8Array, split: number, content: Uint8Array): void {
    const header = new Uint8Array(BLOCK);
    const put = (offset: number, text: string) => header.set(utf8Encode(text), offset);
    header.set(name.subarray(split));
    put(100, octal(this.mode, 8));
    put(108, octal(0, 8));
    put(116, octal(0, 8));
    put(124, octal(content.length, 12));
    put(136, octal(Math.floor(this.time / 1000), 12));
    // The checksum is that of a header with spaces in its place.
    put(148, " ".repeat(8));
    put(156, type);
    put(257, "ustar\u000000");
    header.set(name.subarray(0, Math.max(0, split - 1)), 345);
    put(
      148,
      `${octal(
        header.reduce((sum, byte) => sum + byte, 0),
        7,
      )}\0 `,
    );
    this.write(header);
    this.write(content);
    this.write(new Uint8Array((BLOCK - (content.length % BLOCK)) % BLOCK));
  }
}

/**
 * Returns the length of a path's prefix, with its slash, in a header; 0 if the path needs no prefix, and `undefined` if
 * it does not fit.
 */
function splitAt(name: Uint8Array): number | undefined {
  if (name.length <= NAME_BYTES) return 0;
  for (let at = Math.min(PREFIX_BYTES, name.length - 2); at > 0; at--)
    if (name[at] === SLASH) return name.length - at - 1 <= NAME_BYTES ? at + 1 : undefined;
  return undefined;
}

/** Returns the record "LENGTH path=NAME\n" of an extended header, whose length includes its own digits. */
function pathRecord(name: Uint8Array): Uint8Array {
  const rest = name.length + " path=\n".length;
  let length = rest + 1;
  while (String(length).length + rest !== length) length++;
  const record = new Uint8Array(length);
  const begin = utf8Encode(`${length} path=`);
  record.set(begin);
  record.set(name, begin.length);
  record.set(utf8Encode("\n"), length - 1);
  return record;
}

/** Returns a number in octal digits, for a field of this size: the last byte stays zero. */
function octal(number: number, size: number): string {
  return number.toString(8).padStart(size - 1, "0");
}
