// The parts of src/ that combine system calls: scripts of these tests use them as `linux`. Bundled by harness.ts.
import { OF_STREAM, readText } from "host";
import { LinuxClock } from "../../../src/linux/clock.ts";
import { LinuxFiles } from "../../../src/linux/files/files.ts";
import { Waits } from "../../../src/linux/waits.ts";

export { copyFile } from "../../../src/cli/install/copy-file.ts";
export { waitForChange, watchDirectory } from "../../../src/cli/install/directory-watch.ts";
export { parseJson } from "../../../src/cni/parse-json.ts";
export { formatAddress } from "../../../src/ip/text.ts";
export { ChildProcess } from "../../../src/linux/child-process.ts";
export { appendLocked } from "../../../src/linux/files/append.ts";
export { createFile, createWhole } from "../../../src/linux/files/create-file.ts";
export { renameNew } from "../../../src/linux/files/files.ts";
export { openLockFile, readPadded, writePadded } from "../../../src/linux/files/lock.ts";
export { appendToLog } from "../../../src/linux/files/log-file.ts";
export { sendDatagram, unixAddress } from "../../../src/linux/files/logs.ts";
export { readDirectory, readFile, readRegularFile } from "../../../src/linux/files/read.ts";
export { LinuxLinks } from "../../../src/linux/network/links.ts";
export { LinuxNamespaces, openNamespace } from "../../../src/linux/network/namespaces.ts";
export { netlinkEvents, netlinkSocket } from "../../../src/linux/network/sockets.ts";
export { Waits } from "../../../src/linux/waits.ts";
export { formatTime } from "../../../src/log/format-time.ts";
export { dumpLinks, parseLink } from "../../../src/netlink/link.ts";

const waits = new Waits();
const files = new LinuxFiles(new LinuxClock(waits), waits);

export const patch = (path: string, offset: number, text: string) => files.patch(path, offset, text);
export const requireWritable = (path: string) => files.requireWritable(path);
/** Reads stdin as src/plugin.ts does. */
export const readStdin = (limit: number) => readText(0, limit, OF_STREAM, 0, "stdin");
