import { args, build, deferSignals, isTerminal, print, realtime, utf8Decode } from "host";
import { messageOf } from "../../cni/error-document.ts";
import { OWN_EXECUTABLE } from "../../linux/child-process.ts";
import { writeAll } from "../../linux/files/create-file.ts";
import { fillOutputFile } from "../../linux/files/output-file.ts";
import { textIn } from "../../linux/sysfs.ts";
import { formatTime } from "../../log/format-time.ts";
import type { Command, CommandCall } from "../command.ts";
import { secondsOf } from "../context.ts";
import { NETWORK_DIRECTORIES } from "../network-files.ts";
import { printLine, REDACTED } from "../output/text.ts";
import { about, versionText } from "../usage.ts";
import { logParts, networkParts, stateParts, systemPart } from "./files.ts";
import { Report } from "./part.ts";
import { Redactor } from "./redact.ts";
import { type Program, runProgram } from "./run-program.ts";
import { TarWriter } from "./tar.ts";

/** Root only: the report names pods and GUIDs. */
const MODE = 0o600;
const STDOUT = 1;
/** The part of the report that becomes a text at a time, bytes. */
const LONGEST_WRITE = 1 << 16;
/** Default time limit of a program, s. */
const TIMEOUT = 10;

/** Commands of this executable. The exit status of `doctor` reports what it has found. */
const COMMANDS: readonly (readonly [file: string, words: string])[] = [
  ["doctor.txt", "doctor"],
  ["doctor.json", "doctor -o json"],
  ["list.txt", "list -o wide"],
  ["list.json", "list -o json"],
  ["attachments.txt", "attachments -o wide"],
  ["attachments.json", "attachments -o json"],
  ["metrics.txt", "metrics"],
];

/** Programs of the distribution. */
const PROGRAMS: readonly (readonly [file: string, words: string])[] = [
  ["log/journal.json", "journalctl --no-pager -t ib-sriov -n 5000 -o json"],
  ["log/units.txt", "journalctl --no-pager -u ib-sriov-* -n 1000"],
  ["system/dmesg.txt", "dmesg"],
  ["system/lspci.txt", "lspci -nn -vvv"],
  ["system/ip-link.txt", "ip -d link"],
  ["system/ip-address.txt", "ip -d address"],
  ["system/ip-route.txt", "ip -d route show table all"],
  ["system/ip-netns.txt", "ip netns"],
  ["system/rdma-dev.txt", "rdma -d dev"],
  ["system/rdma-link.txt", "rdma -d link"],
  ["system/rdma-system.txt", "rdma -d system"],
  ["versions/kernel.txt", "uname -a"],
  ["versions/ofed.txt", "ofed_info -s"],
  ["versions/packages-dpkg.txt", "dpkg-query -W rdma-core libibverbs1 ibverbs-providers iproute2"],
  ["versions/packages-rpm.txt", "rpm -q rdma-core libibverbs iproute"],
];

/** Files of the system. */
const FILES: readonly (readonly [file: string, path: string])[] = [
  ["versions/os-release.txt", "/etc/os-release"],
  ["versions/mlx5_core.txt", "/sys/module/mlx5_core/version"],
  ["system/modules.txt", "/proc/modules"],
];

/** Writes a report for the developers. */
export const bugreport: Command = {
  name: "bugreport",
  parameters: ["[FILE]"],
  summary: "Writes a tar with the state of the node, for a bug report",
  details: `FILE is a new file, a device or a pipe, or "-" for stdout; by default it is ib-sriov-bugreport-HOSTNAME-TIME.tar in the current directory.
It contains doctor, list, attachments, records, networks, logs, counters, dmesg, lspci, ip, rdma and versions. The file
errors.txt names parts that are missing or incomplete; they do not fail the command. Of records, networks and entries of
logs, it shows the values of keys that cannot be secrets; all others are "${REDACTED}", there and in the output of
programs. In texts it also redacts what follows a word such as password. Read the report before you publish it.`,
  options: [
    {
      name: "timeout",
      value: "SECONDS",
      summary: `time limit of each program whose output is collected (default ${TIMEOUT})`,
    },
    {
      name: "cni-conf-dir",
      value: "DIRECTORIES",
      summary: `directories of networks (default ${NETWORK_DIRECTORIES})`,
    },
  ],
  run(call: CommandCall): number {
    const timeout = secondsOf(call, TIMEOUT) * 1000;
    const confDirs = call.options.get("cni-conf-dir");
    deferSignals();
    const time = Math.floor(realtime());
    const directory = `ib-sriov-bugreport-${hostname()}-${formatTime(time).replace(/[-:]/g, "")}`;
    const path = call.words[0] ?? `${directory}.tar`;
    const writeReport = (write: (bytes: Uint8Array) => void) => {
      const tar = new TarWriter(write, time, MODE);
      const redactor = new Redactor();
      redactor.show(build.commit);
      const report = new Report(tar, directory, redactor);
      collect(report, redactor, { timeout, confDirs });
      report.end();
      return report.problems.length;
    };
    if (path === "-") {
      if (isTerminal(STDOUT)) throw new Error("the report is a tar, which is not written to a terminal");
      writeReport(writeToStdout);
      return 0;
    }
    let problems = 0;
    fillOutputFile({ path, mode: MODE, mayExist: false }, (fd) => {
      problems = writeReport((bytes) => writeAll(fd, bytes, path));
    });
    const lines = problems === 0 ? "" : ` Its file errors.txt names ${problems} missing or incomplete parts.`;
    printLine(`The report is in ${path}.${lines}`);
    return 0;
  },
};

/** Writes to stdout. A signal ends the wait for a reader, which a write of the descriptor would not let in. */
function writeToStdout(bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length; at += LONGEST_WRITE)
      print(STDOUT, utf8Decode(bytes.subarray(at, at + LONGEST_WRITE)));
  } catch (cause) {
    // Not as an EPIPE, which ends other commands without an error: the report is not complete.
    throw new Error(`cannot write the report: ${messageOf(cause)}`, { cause });
  }
}

/** Collects all parts. */
function collect(
  report: Report,
  redactor: Redactor,
  { timeout, confDirs }: { readonly timeout: number; readonly confDirs: string | undefined },
): void {
  const directories = (confDirs ?? NETWORK_DIRECTORIES).split(":");
  report.add("versions/ib-sriov.txt", () => ({ text: `${versionText()}\n${about()}` }));
  // The secrets in them are then redacted in all other parts, too.
  report.addAll("networks", () => networkParts(directories, redactor));
  report.addAll("records", () => stateParts(redactor));
  report.addAll("log", () => logParts(directories, redactor));
  for (const [file, words] of COMMANDS) {
    const more = words.startsWith("doctor") && confDirs !== undefined ? ["--cni-conf-dir", confDirs] : [];
    const command = ownCommand([...words.split(" "), ...more]);
    report.add(file, () => runProgram(command, timeout));
  }
  for (const [file, path] of FILES) report.add(file, () => systemPart(path));
  for (const [file, words] of PROGRAMS) {
    const [name = "", ...rest] = words.split(" ");
    report.add(file, () => runProgram({ name, arguments: rest }, timeout));
  }
}

/** Returns a call of this executable. It runs in a separate process, so that a part that fails or hangs does not end the report. */
function ownCommand(words: readonly string[]): Program {
  return { name: OWN_EXECUTABLE, calledAs: args()[0] ?? "ib-sriov", arguments: words, statuses: [1] };
}

/** Returns the node's name for a file name. */
function hostname(): string {
  return (textIn("/proc/sys/kernel/hostname") ?? "node").replace(/[^\w.-]/g, "_");
}
