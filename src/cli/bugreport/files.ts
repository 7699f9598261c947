// The files of the node that are parts of a report: records, network configurations, logs.
import * as host from "host";
import { STATE_DIRECTORY } from "../../attachment/record/state-directory.ts";
import { fromJson, isObject } from "../../cni/document.ts";
import { readDirectory, readFile, readRegularFile } from "../../linux/files/read.ts";
import { LINE_MARK } from "../../log/encode.ts";
import { printable } from "../../log/printable.ts";
import { isNetworkFile, logFilesIn } from "../network-files.ts";
import { LONGEST_PART, type Part } from "./part.ts";
import type { Redactor } from "./redact.ts";

/** The most records and other files of the state directory in a report. */
const MOST_FILES = 5000;
/** The errnos of a file or directory that does not exist. */
const ABSENT = ["ENOENT", "ENOTDIR"];
/** SEEK_SET of unistd.h. */
const SEEK_SET = 0;
const LONGEST_READ = 1 << 16;

/** A file of a report: its name, and the function that reads it. */
type NamedPart = readonly [name: string, collect: () => Part];

/**
 * Returns the files of the state directory. The GUID notes and the counters have a format without secrets; all other
 * files can contain a network configuration.
 */
export function stateParts(redactor: Redactor): NamedPart[] {
  const files = filesBelow(STATE_DIRECTORY, "");
  // A record is named by the ID of its container.
  for (const name of files) redactor.show(/[^/]*?(?=-|$)/.exec(name)?.[0] ?? "");
  const parts = files.slice(0, MOST_FILES).map((name): NamedPart => {
    const path = `${STATE_DIRECTORY}/${name}`;
    const hasNoSecrets = name.startsWith(".guid/") || name === ".calls";
    return [
      `records/${name}`,
      () =>
        hasNoSecrets ? { text: readRegularFile(path) } : redactedPart(redactor, path, readRegularFile(path)),
    ];
  });
  if (files.length <= MOST_FILES) return parts;
  const problem = `${files.length - MOST_FILES} files are left out, the limit is ${MOST_FILES}`;
  return [...parts, ["records", () => ({ text: "", problem })]];
}

/** Returns the network configurations that name this plugin, and a list of all files in these directories. */
export function networkParts(directories: readonly string[], redactor: Redactor): NamedPart[] {
  const listed: NamedPart = [
    "networks/files.txt",
    () => ({ text: directories.map((directory) => listingOf(directory)).join("\n") }),
  ];
  return [
    listed,
    ...networkFiles(directories).map(
      (path): NamedPart => [`networks/${path}`, () => redactedPart(redactor, path, configurationText(path))],
    ),
  ];
}

/** Returns the log files that networks and records name, each with the file before it. */
export function logParts(directories: readonly string[], redactor: Redactor): NamedPart[] {
  const texts = [
    ...networkFiles(directories).map((path) => textOf(() => configurationText(path))),
    ...filesBelow(STATE_DIRECTORY, "")
      .filter((name) => !name.startsWith(".guid/"))
      .map((name) => callIn(`${STATE_DIRECTORY}/${name}`)),
  ];
  const paths = new Set(texts.flatMap((text) => logFilesIn(fromJson(text))));
  return [...paths].sort().flatMap((path) => {
    const previous = `${path}.1`;
    const names = host.lstat(previous, ABSENT) === undefined ? [path] : [path, previous];
    return names.map((each): NamedPart => [`log${each}`, () => logPart(each, redactor)]);
  });
}

/** Returns a small text file of the kernel or the distribution. */
export function systemPart(path: string): Part {
  const text = readFile(path, undefined, ABSENT);
  return text === undefined ? { text: "", problem: `${path} does not exist` } : { text };
}

/** Returns the text of a file of JSON, as far as it is known to be harmless. */
function redactedPart(redactor: Redactor, path: string, text: string): Part {
  // A record is never empty, but a lock file can be.
  if (text.trim() === "") return { text: "", problem: path.includes("/.") ? undefined : `${path} is empty` };
  const redacted = redactor.json(text);
  if (redacted !== undefined) return { text: `${redacted}\n`, isRedacted: true };
  return {
    text: "",
    problem: `${path} is not JSON: its ${text.length} characters are left out, because secrets in it cannot be recognized`,
  };
}

/** Returns the end of a log file. A file that does not begin as a log belongs to another program, and is left out. */
function logPart(path: string, redactor: Redactor): Part {
  // Opening some devices has an effect (a watchdog starts), so the type is checked before.
  if (host.lstat(path).type !== "file") return { text: "", problem: `${path} is not a regular file` };
  const fd = host.open(path, host.O_RDONLY | host.O_NOFOLLOW | host.O_NONBLOCK, 0);
  try {
    const { size } = host.fstat(fd);
    if (host.pread(fd, LINE_MARK.length) !== LINE_MARK)
      return { text: "", problem: `${path} is not a log of ib-sriov` };
    const left = Math.max(0, size - LONGEST_PART);
    host.lseek(fd, left, SEEK_SET);
    const texts: string[] = [];
    for (let rest = size - left; rest > 0; ) {
      const bytes = host.read(fd, Math.min(rest, LONGEST_READ));
      if (bytes.length === 0) break;
      texts.push(host.utf8Decode(bytes));
      rest -= bytes.length;
    }
    const problem = left === 0 ? undefined : `the first ${left} bytes of ${path} are left out`;
    return { text: redactor.jsonLines(texts.join("")), isRedacted: true, problem };
  } finally {
    host.close(fd);
  }
}

function networkFiles(directories: readonly string[]): string[] {
  return directories.flatMap((directory) =>
    (readDirectory(directory, ABSENT) ?? [])
      .filter(isNetworkFile)
      .sort()
      .map((name) => `${directory}/${name}`)
      .filter(mayBeOfThisPlugin),
  );
}

/** Reports whether a configuration names this plugin, or cannot be read. */
function mayBeOfThisPlugin(path: string): boolean {
  try {
    return configurationText(path).includes("ib-sriov");
  } catch {
    return true;
  }
}

/** Returns the text of a network configuration. Links are followed, as libcni does. */
function configurationText(path: string): string {
  if (host.stat(path).type !== "file") throw new Error(`${path} is not a regular file`);
  return readFile(path);
}

/** Returns the network configuration in a record; "" if the file does not contain it. */
function callIn(path: string): string {
  const document = fromJson(textOf(() => readRegularFile(path)));
  const record = isObject(document) ? document.attachment : undefined;
  const call = isObject(record) ? record.call : undefined;
  return isObject(call) && typeof call.stdin === "string" ? call.stdin : "";
}

/** Returns a text; "" if it cannot be read. The part of the file then has the reason. */
function textOf(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}

function listingOf(directory: string): string {
  const names = readDirectory(directory, ABSENT);
  if (names === undefined) return `${directory} does not exist\n`;
  const lines = names.sort().map((name) => {
    const status = host.lstat(`${directory}/${name}`, ABSENT);
    return `  ${status?.type ?? "gone"} ${status?.size ?? ""} ${printable(name)}\n`;
  });
  return `${directory}\n${lines.join("")}`;
}

/** Returns the paths of the regular files below a directory, relative to it, sorted. */
function filesBelow(root: string, directory: string): string[] {
  const names = readDirectory(`${root}/${directory}`, ABSENT) ?? [];
  return names.sort().flatMap((name) => {
    const path = `${directory}${name}`;
    const type = host.lstat(`${root}/${path}`, ABSENT)?.type;
    if (type === "directory") return filesBelow(root, `${path}/`);
    return type === undefined ? [] : [path];
  });
}
