/**
 * Limits of what calls take, which docs/explanation/performance.md lists. The instructions are those of the program and of
 * the kernel on its behalf. Each limit of instructions is some 7 % above the figure of the day it was set, so that a change that
 * makes every ADD slower fails a test on its day.
 */
export const budgets = {
  "ADD + DEL: million instructions beyond the floor": 16,
  "ADD + DEL: peak RSS in KiB": 2048,
  "eight rails, unchanged GUIDs: million instructions beyond the floor": 52,
  "eight rails, unchanged GUIDs: peak RSS of an ADD in KiB": 2048,
} as const;
