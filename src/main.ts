// The entry point: decides whether a call is a CNI verb, a command of the command line, or asks for the version. The
// top level of this and every other file is evaluated when the executable is built (native/startup/image.c); a call
// begins with main().
import { args, build, commandLine, exitStatus, getenv, print } from "host";
import { isCommandLine } from "./cli/is-command-line.ts";
import { answerCall, answerVersion } from "./plugin.ts";

/** Handles one call of the executable. */
export function main(): void {
  const command = getenv("CNI_COMMAND");
  const option = args()[1];

  if (option === "--version" || option === "-v") {
    print(1, `ib-sriov ${build.version} (commit ${build.commit}, ${build.date})\n`);
  } else if (command === "VERSION") {
    answerVersion();
  } else if (command !== undefined && command !== "") {
    answerCall();
  } else if (isCommandLine(args(), getenv)) {
    exitStatus(commandLine().answerCommandLine(args()));
  } else {
    const error = { cniVersion: "1.1.0", code: 4, msg: "required env variables [CNI_COMMAND] missing" };
    print(1, JSON.stringify(error, undefined, 4));
    exitStatus(1);
  }
}
