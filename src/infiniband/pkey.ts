/** A partition key (InfiniBand Architecture Specification, 10.9): 15 bits of number, and a membership bit. */
export interface PKey {
  /** 1 to 0x7fff; 0x7fff is the default partition. */
  readonly partition: number;
  /** Bit 15. If the text does not set it, ib-kubernetes, which adds members to the partition, decides. */
  readonly fullMember: boolean;
}

/**
 * Parses a partition key: "0x5", "0x8005", "5".
 * @returns `undefined` if the text is not a number, has more than 16 bits, or names partition 0, which does not exist.
 */
export function parsePKey(text: string): PKey | undefined {
  const value = numberOf(text);
  if (value === undefined || value > 0xffff) return undefined;
  const partition = value & 0x7fff;
  return partition === 0 ? undefined : { partition, fullMember: value > 0x7fff };
}

/** Formats a partition key as the InfiniBand tools do, e.g. "0x8005". */
export function formatPKey(pkey: PKey): string {
  return `0x${(pkey.partition + (pkey.fullMember ? 0x8000 : 0)).toString(16).padStart(4, "0")}`;
}

/**
 * Reports whether a key of 16 bits, from a port's table or the kernel, belongs to that partition. The membership bit is
 * not compared, because the subnet manager decides about it.
 */
export function isOfPartition(key: number, { partition }: PKey): boolean {
  return (key & 0x7fff) === partition;
}

/** At most 8 digits, so that the number is exact; a key has at most 5. */
const NUMBER = /^(?:0x[0-9a-f]{1,8}|[0-9]{1,8})$/i;

function numberOf(text: string): number | undefined {
  return NUMBER.test(text) ? Number(text) : undefined;
}
