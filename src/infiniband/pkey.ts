/** A partition key (InfiniBand Architecture Specification, 10.9): 15 bits of number, one of membership. */
export interface PKey {
  /** 1 to 0x7fff; 0x7fff is the default partition. */
  readonly partition: number;
  /** Bit 15. Where the text did not set it, who fills the partition (ib-kubernetes) decides. */
  readonly fullMember: boolean;
}

/**
 * Reads a partition key: "0x5", "0x8005", "5".
 * @returns undefined where the text is none, has more than 16 bits, or names partition 0, which does not exist.
 */
export function parsePKey(text: string): PKey | undefined {
  const value = numberOf(text);
  if (value === undefined || value > 0xffff) return undefined;
  const partition = value & 0x7fff;
  return partition === 0 ? undefined : { partition, fullMember: value > 0x7fff };
}

/** As the tools of InfiniBand print it, e.g. "0x8005". */
export function formatPKey(pkey: PKey): string {
  return `0x${(pkey.partition + (pkey.fullMember ? 0x8000 : 0)).toString(16).padStart(4, "0")}`;
}

/**
 * Is a key of 16 bits, as a port's table or the kernel has it, one of that partition? Of what kind of member it makes
 * the port is the subnet manager's affair.
 */
export function isOfPartition(key: number, { partition }: PKey): boolean {
  return (key & 0x7fff) === partition;
}

/** 8 digits keep the number exact, and a key has at most 5. */
const NUMBER = /^(?:0x[0-9a-f]{1,8}|[0-9]{1,8})$/i;

function numberOf(text: string): number | undefined {
  return NUMBER.test(text) ? Number(text) : undefined;
}
