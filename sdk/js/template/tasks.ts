// The tasks of {{name}}.

import { log, Skip, task, type Int } from "@cofferdam/sdk";

/** What the values have in common. */
export interface Summary {
  count: Int;
  mean: number;
}

/** Sums up the values. Without values there is nothing to do. */
export const summarize = task((values: number[]): Summary => {
  if (values.length === 0) throw new Skip("there are no values");
  log.info("summing up", { count: values.length });
  const sum = values.reduce((sum, value) => sum + value, 0);
  return { count: values.length, mean: sum / values.length };
});
