/** Errnos that callers compare with, of asm-generic/errno-base.h and errno.h. */
export const EAGAIN = 11;
export const ENODEV = 19;
export const EINVAL = 22;
export const EMSGSIZE = 90;

/** The names of errnos, from 1 on. */
const NAMES = (
  "EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY " +
  "EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK " +
  "EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP E41 ENOMSG EIDRM ECHRNG EL2NSYNC " +
  "EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT E58 EBFONT ENOSTR " +
  "ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG " +
  "EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE " +
  "EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP " +
  "EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED " +
  "ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN " +
  "EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM " +
  "EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL " +
  "EHWPOISON"
).split(" ");

/**
 * Returns the name of an errno, e.g. "EEXIST" for 17; "E" and the number if it has no name.
 *
 * The numbers of asm-generic/errno-base.h and errno.h are the same on amd64, arm64 and ppc64le, except 58, EDEADLOCK on
 * powerpc, which is not an answer to any netlink request.
 */
export function errnoName(errno: number): string {
  return NAMES[errno - 1] ?? `E${errno}`;
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
