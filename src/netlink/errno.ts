/** Those that are looked for, of asm-generic/errno-base.h and errno.h. */
export const EAGAIN = 11;
export const ENODEV = 19;
export const EINVAL = 22;
export const EMSGSIZE = 90;

/** In their order, from 1 on. */
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
 * Name of an errno, e.g. "EEXIST" of 17; "E" and the number where there is none.
 *
 * Numbers of asm-generic/errno-base.h and errno.h, which amd64, arm64 and ppc64le share (powerpc differs in
 * 58, EDEADLOCK, which no netlink request answers).
 */
export function errnoName(errno: number): string {
  return NAMES[errno - 1] ?? `E${errno}`;
}

/** What an errno commonly means for a netdev, where the kernel does not say it in words; else "refused". */
export function errnoText(errno: number): string {
  switch (errno) {
    case 1:
      return "not permitted (it takes CAP_NET_ADMIN)";
    case 2:
      return "there is no such thing";
    case 16:
      return "it is in use";
    case 17:
      return "it exists already";
    case 19:
      return "there is no such netdev";
    case 22:
      return "the kernel finds the request invalid";
    case 90:
      return "the message is too long";
    case 95:
      return "this netdev or kernel does not support it";
    default:
      return "the kernel refused";
  }
}
