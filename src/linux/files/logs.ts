import { appendFile, sendDatagram } from "host";
import type { Logs } from "../../node/logs.ts";

/** How long a log file may become, bytes: some 10,000 calls. With the one before it is twice that. */
const LONGEST = 10 << 20;
/** Root only, as the state is: who is where is nobody's business. */
const MODE = 0o600;
/** Where journald listens. A container, as a DRA driver's, has a /run of its own. */
const JOURNAL = "/run/systemd/journal/socket";

/**
 * Log files, and systemd's journal. A disk that is full and a journald that does not read are errors at once; what can
 * make us wait all the same is a file on a network file system that hangs.
 */
export const linuxLogs: Logs = {
  append(path, line, mark) {
    appendFile(path, line, mark, MODE, LONGEST);
  },

  send(entry) {
    sendDatagram(JOURNAL, entry);
  },
};
