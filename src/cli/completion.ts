import { type Command, UsageError } from "./command.ts";
import { printLine } from "./output/text.ts";

/** The parts of a command that a shell completes. */
export type Completion = Pick<Command, "name" | "parameters" | "options">;

/** Words that are in the place of a command's name. */
const OTHER_WORDS = ["help", "version", "--help", "--version"];

/** Returns the command that prints completion scripts. */
export function completionOf(commands: () => readonly Completion[]): Command {
  return {
    name: "completion",
    parameters: ["bash|zsh|fish"],
    summary: "Prints a script that makes a shell complete commands and options",
    details: "`make install` installs the scripts of all shells.",
    examples: [
      ["source <(ib-sriov completion bash)", "bash, in the current shell"],
      ["source <(ib-sriov completion zsh)", "zsh, in the current shell"],
      ["ib-sriov completion fish | source", "fish, in the current shell"],
    ],
    options: [],
    run({ words: [shell = ""] }): number {
      printLine(scriptFor(shell, commands()));
      return 0;
    },
  };
}

/**
 * Returns the completion script for a shell.
 * @throws {UsageError} if the shell is not supported.
 */
export function scriptFor(shell: string, commands: readonly Completion[]): string {
  const all = rows(commands);
  // The script compares the words before the current word, with a space at each end, with patterns. If nothing can
  // follow, it completes file names.
  const cases = all
    .map(([pattern, next]) => `    ${pattern.replaceAll(" ", "\\ ")}) next='${next}' ;;\n`)
    .join("");
  if (shell === "bash")
    return `_ib_sriov() {
  local next=
  case " \${COMP_WORDS[*]:1:COMP_CWORD-1} " in
${cases}  esac
  COMPREPLY=($(compgen -W "$next" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _ib_sriov ib-sriov`;
  if (shell === "zsh")
    // The beginning and the end are for a file "_ib-sriov" of a directory in fpath, which zsh loads at the first
    // completion; the rest is for `source`.
    return `#compdef ib-sriov
_ib-sriov() {
  local next=
  case " \${(j: :)words[2,CURRENT-1]} " in
${cases}  esac
  [[ -n $next ]] && compadd -- \${=next} || _files
}
if [[ \${funcstack[1]} = _ib-sriov ]]; then _ib-sriov "$@"; else compdef _ib-sriov ib-sriov; fi`;
  if (shell === "fish")
    return `function __ib_sriov_next
  set -l words (commandline -opc)
  set -e words[1]
  switch " $words "
${all.map(([pattern, next]) => `    case '${pattern}'\n      ${next === "" ? "__fish_complete_path (commandline -ct)" : `printf '%s\\n' ${next}`}\n`).join("")}  end
end
complete -c ib-sriov -f -a '(__ib_sriov_next)'`;
  throw new UsageError(`unknown shell: ${shell}`);
}

/** Returns patterns of the preceding words, and the words that can follow. The first matching pattern counts. */
function rows(commands: readonly Completion[]): [pattern: string, next: string][] {
  const withValue = commands.flatMap(({ options }) => options.filter(({ value }) => value !== undefined));
  const values = withValue.flatMap(({ name, letter, values = [] }): [string, string][] => [
    [`* --${name} `, values.join(" ")],
    ...(letter === undefined ? [] : [[`* -${letter} `, values.join(" ")] as [string, string]]),
  ]);
  // For a command "a b" this contains "a", too.
  const heads = commands.flatMap(({ name }) => [name, name.replace(/ .*/, "")]);
  const longestFirst = [...new Set(heads)].sort((one, other) => other.length - one.length);
  const first = [...new Set(commands.map(({ name }) => name.replace(/ .*/, "")))];
  return [
    ...new Map(values),
    [" help ", first.join(" ")],
    ...longestFirst.map((head): [string, string] => [` ${head} *`, after(head, commands).join(" ")]),
    ["  ", [...first, ...OTHER_WORDS].join(" ")],
  ];
}

/** Returns the words that can follow the name of a command, or the first word of several commands. */
function after(head: string, commands: readonly Completion[]): string[] {
  const longer = commands.filter(({ name }) => name.startsWith(`${head} `));
  const { parameters = [], options = [] } = commands.find(({ name }) => name === head) ?? {};
  return [
    ...longer.map(({ name }) => name.slice(head.length + 1)),
    // A parameter such as "bash|zsh" lists its values.
    ...parameters.filter((each) => each.includes("|")).flatMap((each) => each.split("|")),
    ...options.map(({ name }) => `--${name}`),
    "--help",
  ];
}
