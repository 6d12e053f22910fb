// A dag as the guide writes them; the tests look at what it becomes.

import { chain, component, dag, group, param, runDag, script } from "@cofferdam/sdk/dag";

interface Summary {
  count: number;
  mean: number;
}

export default dag("everything", { schedule: "@daily", startDate: "2026-01-01", defaults: { retryDelay: "5s" }, params: { n: 3 } }, () => {
  const numbers = script("numbers", (input: { n: number }): number[] => Array.from({ length: input.n }, (_, index) => index), {
    input: { n: param("n") },
  });
  const double = script("double", (input: { number: number }) => 2 * input.number, { expand: { number: numbers }, retries: 2 });
  const summary = script("summary", ({ values }: { values: number[] }): Summary => {
    const sum = values.reduce((a, b) => a + b, 0);
    return { count: values.length, mean: sum / values.length };
  }, { input: { values: double } });
  const choose = script("choose", (input: Summary) => (input.mean > 3 ? "load.large" : "small"), { input: summary, branch: true });
  const load = group("load", () => {
    chain(component("large", "stats/large", { input: { mean: summary.at("mean") } }), component("write", "stats/write"));
  }, { description: "Writes it down" });
  const small = component("small", "stats/small");
  chain(choose, [load, small]);
  runDag("publish", "publish", { conf: { count: summary.at("count") }, wait: false, after: load, triggerRule: "none_failed" });
});
