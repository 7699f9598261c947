import { attributeDecoder, decodeAttributes, getBytes, getText, getU16 } from "./attributes.ts";
import { linkInfoOf } from "./link.ts";
import type { Message } from "./message.ts";

/** IFLA_INFO_KIND and IFLA_INFO_DATA, linux/if_link.h. */
const LINK_INFO = attributeDecoder(getText(1), getBytes(2));

/** IFLA_IPOIB_PKEY, linux/if_link.h: u16 in host order. */
const IPOIB = attributeDecoder(getU16(1));

/**
 * Returns the pkey of the IPoIB netdev that a message describes; `undefined` if it is another kind of netdev.
 * @throws {MalformedReply} if the message does not describe a netdev, or is malformed.
 */
export function parseIpoibPKey(message: Message): number | undefined {
  const info = linkInfoOf(message);
  if (info === undefined) return undefined;
  const [kind, data] = decodeAttributes(info, 0, LINK_INFO);
  if (kind !== "ipoib" || data === undefined) return undefined;
  return decodeAttributes(data, 0, IPOIB)[0];
}
