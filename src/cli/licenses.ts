import { notices, print } from "host";
import type { Command } from "./command.ts";

/** Prints NOTICE and THIRD_PARTY_NOTICES, which scripts/third-party/notices.mjs makes from what the linker used. */
export const licenses: Command = {
  name: "licenses",
  summary: "Prints the licenses of ib-sriov and of the software that is linked into it",
  details: "The image has the same texts in /licenses.",
  options: [],
  run(): number {
    print(1, `${notices().trimEnd()}\n`);
    return 0;
  },
};
