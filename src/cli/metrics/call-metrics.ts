import { codes } from "../../cni/errors.ts";
import { BUCKETS, COUNTED, sumOf } from "../../log/counters.ts";
import type { Family, Sample } from "./exposition.ts";
import { labelOf } from "./label.ts";

/**
 * The codes whose counters exist before the first failure. Prometheus sees no increase if a series begins with 1, so an
 * alert would miss the first failure.
 */
const CODES = [
  codes.badConfiguration,
  codes.tryAgain,
  codes.notAvailable,
  codes.node,
  codes.deviceInUse,
  codes.internal,
];

/** Returns the metrics of runtimes' calls on this node. @param text of the file of the counters. */
export function callMetrics(text: string): Family[] {
  const counters = sumOf(text);
  const named = (pattern: RegExp) =>
    [...counters].flatMap(([name, numbers]) => {
      const [, ...words] = pattern.exec(name) ?? [];
      return words.length === 0 ? [] : [{ words, numbers }];
    });
  const none = COUNTED.flatMap((verb) => CODES.map((code): [string, number] => [`${verb} ${code}`, 0]));
  const failed = named(/^([A-Z]+ \w+)$/).map(
    ({ words: [key = ""], numbers: [value = 0] }): [string, number] => [key, value],
  );
  const failures = [...new Map([...none, ...failed])].map(([key, value]) => {
    const [verb = "", code = ""] = key.split(" ");
    return { labels: { verb, code }, value };
  });
  const steps = named(/^(apply|undo|verify) (.+)$/).map(
    ({ words: [action = "", step = ""], numbers: [times = 0, failed = 0, us = 0] }) => ({
      labels: { step: labelOf(step), action },
      times,
      failed,
      us,
    }),
  );
  return [
    {
      name: "ib_sriov_call_duration_seconds",
      help: "How long calls of container runtimes took, by verb.",
      type: "histogram",
      samples: COUNTED.flatMap((verb) => histogram(verb, counters.get(verb) ?? [])),
    },
    {
      name: "ib_sriov_call_failures_total",
      help: "Calls that failed, by verb and CNI error code.",
      type: "counter",
      samples: failures,
    },
    {
      name: "ib_sriov_step_duration_seconds",
      help: "How long the steps of attachments took to be applied, undone and verified.",
      type: "summary",
      samples: steps.flatMap(({ labels, times, us }) => [
        { suffix: "_sum", labels, value: us / 1e6 },
        { suffix: "_count", labels, value: times },
      ]),
    },
    {
      name: "ib_sriov_step_failures_total",
      help: "Steps of attachments that could not be applied or undone, or whose verification failed.",
      type: "counter",
      samples: steps.map(({ labels, failed }) => ({ labels, value: failed })),
    },
  ];
}

/** Returns a histogram also for a verb that was never called: Prometheus sees no increase if a series begins with 1. */
function histogram(verb: string, [us = 0, ...counts]: readonly number[]): Sample[] {
  let count = 0;
  const buckets = [...BUCKETS.map(String), "+Inf"].map((le, index) => {
    count += counts[index] ?? 0;
    return { suffix: "_bucket", labels: { verb, le }, value: count };
  });
  return [
    ...buckets,
    { suffix: "_sum", labels: { verb }, value: us / 1e6 },
    { suffix: "_count", labels: { verb }, value: count },
  ];
}
