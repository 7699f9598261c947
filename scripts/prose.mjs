// Checks the language of documents, comments, messages and test titles (CONTRIBUTING.md, "Language"), by patterns:
//   node scripts/prose.mjs [PATH …]     without a path: all files of the repository
// Prints each line that matches a pattern, with what to write instead. Exit status: 1 if there is such a line.
// A line that is right as it is stands in scripts/prose-allowed.txt, with the reason.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Patterns, and what to write instead. */
const PATTERNS = [
  [
    /(?:^|[.;:] )(?:What|Who|Whoever|Whatever|Whom|Whose)\b(?![^.]*\?)/,
    "name the thing: a sentence begins with its subject",
  ],
  [/\b(?:is|are|was|were|be|has|have|had) none\b/, '"does not exist", "has no …"'],
  [/\b(?:is|are|was|were) no (?!longer\b|more than\b)/, '"is not a …"'],
  [/(?:^|[,;:(] ?|\bundefined |\bfalse |\btrue )[Ww]here\b/, '"if" or "when"; "where" is for places'],
  [/\b(?:the|that|this|an?)? ?ones? (?:that|which|who|of)\b/, "name the thing"],
  [
    /\b(?:nobody|somebody|whoever|whomever|anybody|everybody|no one|someone)\b/i,
    "name the process, the program or the person",
  ],
  [/\b(?:tells|told|says|say so|said)\b/i, '"reports", "prints", "contains", "names"'],
  [/\b(?:home|homecoming)\b(?! ?director)/i, '"host namespace"'],
  [
    /\b(?:dead|alive|living|lives|owes?|owed|died|dies)\b/i,
    '"orphaned", "terminated", "running", "unreleased"',
  ],
  [/\b(?:anew|shall|mends?|mended)\b/i, '"again", "must", "fixes"'],
  [/\bours\b|\bof (?:its|their|our|his|her) own\b/i, '"the plugin\'s", "its own …", "separate"'],
  [
    /\b(?:in vain|by now|meanwhile|for ever|forever|for good)\b/i,
    '"without result", "already", "in the meantime", "permanently"',
  ],
  [/\btake-?overs?\b|\b(?:takes?|taken|took) over (?:its|the|a) VFs?\b/i, '"ADD restores the VF"'],
  [/\bexternal drivers?\b/i, '"foreign driver"'],
  [/\bcleanup[- ]failed\b|\bpending releases?\b/i, '"undo-failed", "unreleased lease"'],
  [
    /\b(?:colour|behaviour|honour|neighbour(?!\.)|favour|grey|licence|recognis|serialis|initialis|optimis)\w*/i,
    "American spelling",
  ],
];

/** The text of a line that a person reads: comments, and quoted texts of at least three words. */
const READERS = {
  md: (line) => [line.replaceAll(/`[^`]*`/g, "…").replaceAll(/\]\([^)]*\)/g, "]")],
  svg: (line) => [...line.matchAll(/>([^<>]+)</g)].map(([, text]) => text),
  hash: (line) => [...line.matchAll(/(?:^|\s)#+ (.*)/g)].map(([, text]) => text),
  code: (line) => {
    const comment =
      /^\s*(?:\/\*\*?|\*(?!\/)|\/\/)\s?(.*)/.exec(line)?.[1] ?? /[;,{})]\s+\/\/ (.*)/.exec(line)?.[1];
    const trailing = /\/\* (.*?) \*\//.exec(line)?.[1];
    const quoted = [...line.matchAll(/"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`/g)]
      .map(([, double, single, back]) => double ?? single ?? back ?? "")
      .filter((text) => /^\S+ \S+ \S+/.test(text));
    const prose = comment ?? trailing;
    return (prose === undefined ? quoted : [prose]).map((text) =>
      text.replaceAll(/`[^`]*`|\{@link [^}]*\}/g, "…"),
    );
  },
};

function readerOf(path) {
  if (/\.md$/.test(path)) return READERS.md;
  if (/\.svg$/.test(path)) return READERS.svg;
  if (/\.(?:ts|mjs|c|h|S)$/.test(path)) return READERS.code;
  if (/\.(?:sh|ya?ml)$|Makefile$|^scripts\/[^.]+$|^vhca\/[^./]+$|^bench\/run$/.test(path))
    return READERS.hash;
  return undefined;
}

/** `path: text` lines, each after the reason in a comment. */
const allowed = new Set(
  readFileSync(new URL("prose-allowed.txt", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => /^[^#\s]/.test(line)),
);

const paths =
  process.argv.length > 2
    ? process.argv.slice(2)
    : execFileSync("git", ["ls-files", "-co", "--exclude-standard"], { encoding: "utf8" }).split("\n");

let found = 0;
for (const path of paths) {
  const reader = readerOf(path);
  if (reader === undefined || path.startsWith("scripts/prose")) continue;
  let isCode = false;
  for (const [index, line] of readFileSync(path, "utf8").split("\n").entries()) {
    if (/\.md$/.test(path) && /^ *```/.test(line)) isCode = !isCode;
    if (isCode || allowed.has(`${path}: ${line.trim()}`)) continue;
    for (const text of reader(line)) {
      for (const [pattern, instead] of PATTERNS) {
        const match = pattern.exec(text);
        if (match === null) continue;
        found++;
        console.log(`${path}:${index + 1}: "${match[0].trim()}": ${instead}\n    ${line.trim()}`);
      }
    }
  }
}
console.log(`prose: ${found} lines to write differently`);
process.exitCode = found === 0 ? 0 : 1;
