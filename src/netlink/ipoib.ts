import { pickAttributes, readString, readU16, selection } from "./attributes.ts";
import { linkInfoOf } from "./link.ts";
import type { Message } from "./message.ts";

const LINK_INFO = selection({
  /** IFLA_INFO_KIND and IFLA_INFO_DATA, linux/if_link.h. */
  kind: 1,
  data: 2,
});

const IPOIB = selection({
  /** IFLA_IPOIB_PKEY, linux/if_link.h: u16 in host order. */
  pkey: 1,
});

/**
 * The pkey of the IPoIB netdev that a message tells of; undefined where it is another kind of netdev.
 * @throws {MalformedReply} where the message does not tell of a netdev, or cannot be read.
 */
export function parseIpoibPKey(message: Message): number | undefined {
  const info = linkInfoOf(message);
  if (info === undefined) return undefined;
  const { kind, data } = pickAttributes(info, 0, LINK_INFO);
  if (kind === undefined || data === undefined || readString(kind) !== "ipoib") return undefined;
  const { pkey } = pickAttributes(data, 0, IPOIB);
  return pkey === undefined ? undefined : readU16(pkey);
}
