import type { Logs } from "../../../src/node/logs.ts";
import type { Gate } from "./gate.ts";

/** Log files and the journal of the model. */
export function logsOf(gate: Gate): Logs {
  const { logs, journal } = gate.machine;
  return {
    append: (path, line) =>
      gate.change("logs.append", path, () => void logs.set(path, (logs.get(path) ?? "") + line)),
    send: (entry) => gate.change("logs.send", "", () => void journal.push(entry)),
  };
}
