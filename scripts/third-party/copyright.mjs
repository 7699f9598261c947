// Reads debian/copyright in Debian's machine-readable format (version 1.0).

/**
 * @typedef {{ files: string, copyright: string, license: string }} Stanza
 * a paragraph of a Debian copyright file (DEP-5). `files` has patterns, separated by blanks. The first line of `license` is its name; other lines are its text.
 * @typedef {{ stanzas: Stanza[], texts: Map<string, string> }} Copyright
 * `texts` has the licenses by their names in the stanzas.
 */

/**
 * @param {string} text the content of debian/copyright
 * @returns {Copyright} without the files of Debian's packaging, which are not linked
 * @throws {Error} if it has another format, or if a license has no text
 */
export function parseCopyright(text) {
  const [header, ...paragraphs] = text
    .trim()
    .split(/\n(?:[ \t]*\n)+/)
    .map(fieldsOf);
  if (!/copyright-format\/1\.0/.test(header.get("Format") ?? ""))
    throw new Error("debian/copyright is not in the machine-readable format");
  const stanzas = [];
  const texts = new Map();
  for (const fields of paragraphs) {
    const license = fields.get("License") ?? "";
    const files = fields.get("Files");
    if (files === undefined) {
      const [name, ...lines] = license.split("\n");
      texts.set(name, lines.join("\n"));
    } else if (!files.split(/\s+/).every((file) => file.startsWith("debian/")))
      stanzas.push({ files, copyright: fields.get("Copyright") ?? "", license });
  }
  for (const { license } of stanzas) {
    if (!license.includes("\n") && !texts.has(license)) throw new Error(`${license} has no text`);
  }
  return { stanzas, texts };
}

/** Returns the fields of a paragraph. In the lines after a field's first line, the indentation is removed. */
function fieldsOf(paragraph) {
  const fields = new Map();
  for (const [, name, value] of paragraph.matchAll(/^([\w-]+):(.*(?:\n[ \t].*)*)/gm)) {
    const lines = value.split("\n").map((line) => (line.trim() === "." ? "" : line.trim()));
    fields.set(name, lines.join("\n").trim());
  }
  return fields;
}
