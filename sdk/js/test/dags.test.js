// Dags that are written in TypeScript.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import vm from "node:vm";
import { dags } from "../src/build/dags.js";

const folder = mkdtempSync(path.join(tmpdir(), "cofferdam-js-dags-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const EVERYTHING = fileURLToPath(new URL("dag_of_everything.ts", import.meta.url));

function file(name, text) {
  const made = path.join(folder, `${name}.ts`);
  writeFileSync(made, `import { component, dag, script } from "@cofferdam/sdk/dag";\n${text}`);
  return made;
}

test("a dag of everything", async () => {
  const [{ definition, places }] = await dags(EVERYTHING);
  const tasks = Object.fromEntries(definition.tasks.map((task) => [task.task_id, task]));
  assert.equal(definition.dag_id, "everything");
  assert.equal(definition.start_date, "2026-01-01");
  assert.deepEqual(definition.defaults, { retry_delay: "5s" });
  assert.deepEqual(definition.groups, { load: { description: "Writes it down" } });
  assert.deepEqual(tasks.numbers.input, { n: { $param: "n" } });
  assert.deepEqual(tasks.double.expand, { over: { number: { $from: "numbers" } } });
  assert.equal(tasks.double.retries, 2);
  assert.deepEqual(tasks["load.large"].input, { mean: { $from: "summary", path: "/mean" } });
  assert.deepEqual(tasks["load.large"].depends_on, ["choose"]);
  assert.deepEqual(tasks["load.write"].depends_on, ["load.large"]);
  assert.deepEqual(tasks.small.depends_on, ["choose"]);
  assert.equal(tasks.choose.branch, true);
  assert.equal("depends_on" in tasks.choose, false);
  assert.deepEqual(tasks.publish, {
    task_id: "publish",
    run_dag: { dag_id: "publish", conf: { count: { $from: "summary", path: "/count" } }, wait: false },
    depends_on: ["load.write"],
    trigger_rule: "none_failed",
  });
  const lines = readFileSync(EVERYTHING, "utf8").split("\n");
  const double = definition.tasks.findIndex((task) => task.task_id === "double");
  assert.match(lines[places[`/tasks/${double}`] - 1], /script\("double"/);
});

test("a group is mapped", async () => {
  const text = `import { group, item } from "@cofferdam/sdk/dag";
  export default dag("mapped", () => {
    const cities = component("cities", "x/cities");
    let rows;
    group("each", () => { rows = component("fetch", "x/fetch", { input: { city: item("city", "name") } }); }, { expand: { city: cities } });
    component("report", "x/report", { input: { rows } });
  });`;
  const [{ definition }] = await dags(file("mapped", text));
  assert.deepEqual(definition.groups, { each: { expand: { over: { city: { $from: "cities" } } } } });
  assert.deepEqual(definition.tasks[1].input, { city: { $item: "city", path: "/name" } });
  assert.deepEqual(definition.tasks[2].input, { rows: { $from: "each.fetch" } });
});

test("the example of the guide", async () => {
  const guide = readFileSync(new URL("../../../docs/dags-as-code.md", import.meta.url), "utf8");
  const made = path.join(folder, "guide.ts");
  writeFileSync(made, guide.split("```ts\n")[1].split("```")[0]);
  const [{ definition }] = await dags(made);
  assert.deepEqual([definition.dag_id, definition.schedule, definition.params], ["sums", "@daily", { n: 3 }]);
  assert.deepEqual(definition.tasks.map((task) => task.task_id), ["numbers", "double", "total"]);
  assert.deepEqual(definition.tasks[1].expand, { over: { number: { $from: "numbers" } } });
  assert.deepEqual(definition.tasks[2].input, { values: { $from: "double" } });
});

test("callbacks and deadlines are settings", async () => {
  const text = `export default dag("noisy", { onFailure: "ops/notify", deadline: { after: "2h" } }, () => {
    component("load", "x/y", { onRetry: { component: "ops/count", input: { n: 1 } }, deadline: { after: "30m", callback: "ops/notify" } });
  });`;
  const [{ definition }] = await dags(file("noisy", text));
  assert.deepEqual([definition.on_failure, definition.deadline], ["ops/notify", { after: "2h" }]);
  const [load] = definition.tasks;
  assert.deepEqual(load.on_retry, { component: "ops/count", input: { n: 1 } });
  assert.deepEqual(load.deadline, { after: "30m", callback: "ops/notify" });
});

test("scripts run", async () => {
  const [{ definition }] = await dags(EVERYTHING);
  const run = (id, input) => {
    const { source } = definition.tasks.find((task) => task.task_id === id).script;
    return JSON.parse(vm.runInNewContext(`${source}\nJSON.stringify(main(${JSON.stringify(input)}))`));
  };
  assert.deepEqual(run("numbers", { n: 3 }), [0, 1, 2]);
  assert.deepEqual(run("summary", { values: [1, 2, 6] }), { count: 3, mean: 3 });
  assert.equal(run("choose", { count: 1, mean: 9 }), "load.large");
});

test("nothing is left beside the file", async () => {
  const clean = file("clean", "export default dag('clean', () => { component('a', 'x/y'); });");
  const before = readdirSync(folder);
  await dags(clean);
  assert.deepEqual(readdirSync(folder), before);
});

test("mistakes have their line", async () => {
  const cases = [
    ["closure", "const factor = 2;\nexport default dag('x', () => {\n  script('s', (n) => n * factor);\n});", 4, /'factor' of the file around it/],
    ["syntax", "\n\nconst = 1;", 4, /expected/],
    ["thrown", "\nthrow new Error('no');", 3, /no/],
    ["double", "export default dag('x', () => {\n  component('a', 'x/y');\n  component('a', 'x/y');\n});", 4, /a task 'a' already/],
    ["none", "export const nothing = 1;", undefined, /exports no dag/],
  ];
  for (const [name, text, line, message] of cases) {
    await assert.rejects(dags(file(name, text)), (error) => {
      assert.match(error.message, message, name);
      assert.equal(error.line, line, name);
      return true;
    });
  }
});
