import * as host from "host";
import type { Logs } from "../../node/logs.ts";
import { appendToLog } from "./log-file.ts";

/** Maximum size of a log file, bytes: some 10,000 calls. With the previous file, a log takes twice as much. */
const LONGEST = 10 << 20;
/** Root only, like the state directory: a log entry names pods and their GUIDs. */
const MODE = 0o600;
/** Length of sun_path of linux/un.h, bytes. */
const LONGEST_ADDRESS = 108;
/** Constants of linux/socket.h, and SOCK_DGRAM | SOCK_CLOEXEC of linux/net.h. */
const AF_UNIX = 1;
const DATAGRAM = 2 | 0o2000000;
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
/** The errnos of a path that no socket has, and of a socket that no process has open: normal in a container. */
const UNUSED = ["ENOENT", "ECONNREFUSED"];

/** journald's socket. In a container, such as a DRA driver's, /run is another directory, and this socket is missing. */
const JOURNAL = unixAddress("/run/systemd/journal/socket");

/** The socket for all entries of this process. It stays open: a verb writes one entry, and then ends. */
let journalSocket: number | undefined;

/**
 * Log files, and systemd's journal. If the disk is full, or if journald does not read, a call fails at once. A call can
 * still block on a file of a network file system that does not respond.
 */
export const linuxLogs: Logs = {
  append(path, line, mark) {
    appendToLog({ path, mark, mode: MODE, limit: LONGEST }, line);
  },

  send(entry) {
    journalSocket ??= host.socket(AF_UNIX, DATAGRAM, 0);
    sendThrough(journalSocket, JOURNAL, entry);
  },
};

/** Returns struct sockaddr_un of a path. */
export function unixAddress(path: string): Uint8Array {
  const address = host.utf8Encode(`\u0001\0${path}`);
  if (address.length - 2 >= LONGEST_ADDRESS) host.fail("ENAMETOOLONG", "sendto", path);
  return address;
}

/**
 * Sends a datagram to the AF_UNIX socket at an address.
 * @returns false if no process listens there.
 * @throws {HostError} EAGAIN if the receiver's queue is full: it has not read for some time, so waiting would not help.
 */
export function sendDatagram(address: Uint8Array, text: string): boolean {
  const fd = host.socket(AF_UNIX, DATAGRAM, 0);
  try {
    return sendThrough(fd, address, text);
  } finally {
    host.close(fd);
  }
}

function sendThrough(fd: number, address: Uint8Array, text: string): boolean {
  return host.sendTo(fd, host.utf8Encode(text), MSG_DONTWAIT_NOSIGNAL, address, UNUSED) !== undefined;
}
