import { notices } from "host";
import type { Command } from "./command.ts";
import { printLine } from "./output/text.ts";

/** Prints NOTICE and THIRD_PARTY_NOTICES, which scripts/third-party/notices.mjs makes from what the linker used. */
export const licenses: Command = {
  name: "licenses",
  summary: "Prints the licenses of ib-sriov and of the software that is linked into it",
  details: "The image has the same texts in /licenses.",
  options: [],
  run(): number {
    printLine(notices().trimEnd());
    return 0;
  },
};
