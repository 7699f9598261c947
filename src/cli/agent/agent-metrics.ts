import type { Family } from "../metrics/exposition.ts";
import type { Rounds } from "./rounds.ts";

/** Returns the metrics of the agent itself. `ib-sriov metrics` does not have them, because it runs in another process. */
export function agentMetrics(rounds: Pick<Rounds, "number" | "runningTime" | "outcomes">): Family[] {
  return [
    {
      name: "ib_sriov_agent_rounds_total",
      help: "Rounds of the agent that have ended.",
      type: "counter",
      samples: [{ labels: {}, value: rounds.number() }],
    },
    {
      name: "ib_sriov_agent_round_duration_seconds",
      help: "How long the present round of the agent has been running; 0 between rounds.",
      type: "gauge",
      samples: [{ labels: {}, value: rounds.runningTime() / 1000 }],
    },
    {
      name: "ib_sriov_agent_task_success",
      help: "Whether a task of the agent succeeded in its last round: 1, or 0 if it failed.",
      type: "gauge",
      samples: rounds
        .outcomes()
        .map(({ name, failed }) => ({ labels: { task: name }, value: failed ? 0 : 1 })),
    },
  ];
}
