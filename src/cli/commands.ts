import { agent } from "./agent/agent.ts";
import { gc } from "./attachments/gc.ts";
import { list } from "./attachments/list.ts";
import { releaseAttachment } from "./attachments/release.ts";
import { showAttachments } from "./attachments/show.ts";
import { bugreport } from "./bugreport/bugreport.ts";
import type { Command } from "./command.ts";
import { completionOf } from "./completion.ts";
import { doctor } from "./doctor/doctor.ts";
import { installer } from "./install/install.ts";
import { metrics } from "./metrics/metrics.ts";
import { provisionAll } from "./provision.ts";
import { selftest } from "./selftest/selftest.ts";

/** All commands. Help, completion, man pages and docs/reference/cli.md are made from this table. */
export const commands: readonly Command[] = [
  doctor,
  list,
  showAttachments,
  releaseAttachment,
  gc,
  provisionAll,
  metrics,
  agent,
  bugreport,
  selftest,
  completionOf(() => commands),
  installer,
];
