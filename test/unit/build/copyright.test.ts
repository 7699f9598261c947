// debian/copyright, from which the notices are made (scripts/third-party/copyright.mjs).
import { expect, test } from "vitest";
import { parseCopyright } from "../../../scripts/third-party/copyright.mjs";

const format =
  "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: x\n";

test("has the holders and the license of files, and the texts of licenses", () => {
  const text = `${format}
Files: *
       lib/*
Copyright: 2001 A
           2002 B
License: MIT
Comment: a comment
 of two lines

Files: debian/*
Copyright: 2003 C
License: MIT

Files: debian/*
       src/own.c
Copyright: 2004 D
License: own
 The first line.
 .
   The second.

License: MIT
 Permission is granted.
 .
 No warranty.
`;
  const { stanzas, texts } = parseCopyright(text);
  expect(stanzas).toEqual([
    { files: "*\nlib/*", copyright: "2001 A\n2002 B", license: "MIT" },
    { files: "debian/*\nsrc/own.c", copyright: "2004 D", license: "own\nThe first line.\n\nThe second." },
  ]);
  expect([...texts]).toEqual([["MIT", "Permission is granted.\n\nNo warranty."]]);
});

test.each([
  ["another format", "This package was made by A.\n\nLicense: MIT\n", "not in the machine-readable format"],
  ["a license without a text", `${format}\nFiles: *\nCopyright: A\nLicense: MIT\n`, "MIT has no text"],
])("%s is refused", (_, text, problem) => {
  expect(() => parseCopyright(text)).toThrow(problem);
});
