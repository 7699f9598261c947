import { errnoName as nameOf } from "host";

/** Errnos that callers compare with, of asm-generic/errno-base.h and errno.h. */
export const EAGAIN = 11;
export const ENODEV = 19;
export const EINVAL = 22;
export const EMSGSIZE = 90;

/** Returns the name of an errno, e.g. "EEXIST" for 17; "E" and the number if it has no name. */
export function errnoName(errno: number): string {
  return nameOf(errno) ?? `E${errno}`;
}

/** Returns what an errno usually means for a netdev, for kernels that do not send a text (extended ACK). */
export function errnoText(errno: number): string {
  switch (errno) {
    case 1:
      return "not permitted (CAP_NET_ADMIN is required)";
    case 2:
      return "the object does not exist";
    case 16:
      return "it is in use";
    case 17:
      return "it exists already";
    case 19:
      return "the netdev does not exist";
    case 22:
      return "the kernel considers the request invalid";
    case 90:
      return "the message is too long";
    case 95:
      return "this netdev or kernel does not support it";
    default:
      return "the kernel refused";
  }
}
