import { attributeDecoder, decodeAttributes, getU16 } from "./attributes.ts";
import { IFLA_IPOIB_PKEY, linkIn } from "./if-link.ts";
import { linkInfoOf } from "./link.ts";
import { LINK_INFO } from "./link-settings.ts";
import type { Message } from "./message.ts";

const IPOIB = attributeDecoder(linkIn, getU16({ IFLA_IPOIB_PKEY }));

/**
 * Returns the pkey of the IPoIB netdev that a message describes; `undefined` if it is another kind of netdev.
 * @throws {MalformedReply} if the message does not describe a netdev, or is malformed.
 */
export function parseIpoibPKey(message: Message): number | undefined {
  const info = linkInfoOf(message);
  if (info === undefined) return undefined;
  const [kind, data] = decodeAttributes(info, 0, LINK_INFO, message.payload);
  if (kind !== "ipoib" || data === undefined) return undefined;
  return decodeAttributes(data, 0, IPOIB, message.payload)[0];
}
