import { appendFile, sendDatagram } from "host";
import type { Logs } from "../../node/logs.ts";

/** Maximum size of a log file, bytes: some 10,000 calls. With the previous file, a log takes twice as much. */
const LONGEST = 10 << 20;
/** Root only, like the state directory: a log entry names pods and their GUIDs. */
const MODE = 0o600;
/** journald's socket. In a container, such as a DRA driver's, /run is another directory, and this socket is missing. */
const JOURNAL = "/run/systemd/journal/socket";

/**
 * Log files, and systemd's journal. If the disk is full, or if journald does not read, a call fails at once. A call can
 * still block on a file of a network file system that does not respond.
 */
export const linuxLogs: Logs = {
  append(path, line, mark) {
    appendFile(path, line, mark, MODE, LONGEST);
  },

  send(entry) {
    sendDatagram(JOURNAL, entry);
  },
};
