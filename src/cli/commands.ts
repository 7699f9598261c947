import { agent } from "./agent/agent.ts";
import { gc } from "./attachments/gc.ts";
import { list } from "./attachments/list.ts";
import { releaseAttachment } from "./attachments/release.ts";
import { showAttachments } from "./attachments/show.ts";
import { bind } from "./bind.ts";
import { bugreport } from "./bugreport/bugreport.ts";
import type { Command } from "./command.ts";
import { completionOf } from "./completion.ts";
import { doctor } from "./doctor/doctor.ts";
import { installer } from "./install/install.ts";
import { licenses } from "./licenses.ts";
import { metrics } from "./metrics/metrics.ts";
import { provision } from "./provision.ts";
import { selftest } from "./selftest/selftest.ts";

/** All commands. Help, completion, man pages and docs/reference/cli.md are made from this table. */
export const commands: readonly Command[] = [
  doctor,
  list,
  showAttachments,
  releaseAttachment,
  gc,
  provision,
  bind,
  metrics,
  agent,
  bugreport,
  selftest,
  licenses,
  completionOf(() => commands),
  installer,
];
