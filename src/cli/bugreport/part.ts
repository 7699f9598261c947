import { messageOf } from "../../cni/error-document.ts";
import { printable } from "../../log/printable.ts";
import { InterruptedError } from "../../node/clock.ts";
import type { Redactor } from "./redact.ts";
import type { TarWriter } from "./tar.ts";

/** The longest part, bytes: 4 MiB. */
export const LONGEST_PART = 4 << 20;

/** The content of a file of the report. */
export interface Part {
  /** "" for no file. */
  readonly text: string;
  /** Whether the text contains only what is known to be harmless. From other texts, {@link Redactor.text} removes secrets. */
  readonly isRedacted?: true;
  /** Why the text is incomplete, or missing. */
  readonly problem?: string | undefined;
}

/** A report: a tar in which each file is a part, and the file errors.txt has a line for each problem. */
export class Report {
  /** A line for each part that is missing or incomplete. */
  readonly problems: string[] = [];

  /** @param directory the directory that contains all files of the tar. */
  constructor(
    private readonly tar: TarWriter,
    private readonly directory: string,
    private readonly redactor: Redactor,
  ) {}

  /**
   * Adds a file. An error becomes a problem.
   * @param name its path below the directory; it can contain the path of a file of the node.
   * @throws {InterruptedError} if a signal has asked this process to stop.
   */
  add(name: string, collect: () => Part): void {
    const { text, problem, isRedacted } = collected(collect);
    const path = inDirectory(name);
    if (text !== "") this.tar.add(`${this.directory}/${path}`, isRedacted ? text : this.redactor.text(text));
    if (problem !== undefined)
      this.problems.push(printable(this.redactor.text(`${path}: ${problem.trim().replaceAll("\n", " ")}`)));
  }

  /** Adds parts that one function finds. An error becomes a problem of `name`. */
  addAll(name: string, find: () => Iterable<readonly [name: string, collect: () => Part]>): void {
    let parts: Iterable<readonly [string, () => Part]> = [];
    this.add(name, () => {
      parts = [...find()];
      return { text: "" };
    });
    for (const [file, collect] of parts) this.add(file, collect);
  }

  /** Adds errors.txt, and ends the tar. */
  end(): void {
    this.tar.add(`${this.directory}/errors.txt`, this.problems.map((line) => `${line}\n`).join(""));
    this.tar.end();
  }
}

/** Returns a path without "..", which would lead out of the directory into which the tar is extracted. */
function inDirectory(path: string): string {
  const parts = path.split("/").filter((part) => !["", ".", ".."].includes(part));
  return parts.join("/");
}

function collected(collect: () => Part): Part {
  try {
    return collect();
  } catch (error) {
    if (error instanceof InterruptedError) throw error;
    return { text: "", problem: messageOf(error) };
  }
}
