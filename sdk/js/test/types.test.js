// WIT of TypeScript's types, and the values that go with it.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { BuildError, analyse, wit } from "../src/build/program.js";
import { attach, documentation } from "../src/build/docs.js";
import { lines } from "../src/build/lines.js";
import { kebab } from "../src/build/names.js";
import { located, places } from "../src/guest.js";
import { Mismatch, fromWit, toWit, written } from "../src/convert.js";

const folder = mkdtempSync(path.join(tmpdir(), "cofferdam-js-test-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function program(name, text) {
  const file = path.join(folder, `${name}.ts`);
  writeFileSync(file, `import { task, type Int } from "@cofferdam/sdk";\n${text}`);
  return analyse(file);
}

test("every type has a form", () => {
  const found = program(
    "every_type",
    `interface Tree { name: string; children: Tree[] }
     type Shape = { kind: "circle"; radius: number } | { kind: "nothing" };
     interface Row { topTen: Int; when: Date; raw: Uint8Array; big: bigint; maybe?: string; none: number | null }
     /** Words.
      *
      * More words. */
     export const everything = task((rows: Row[], shape: Shape, mode: "fast" | "slow", point: [number, string], tree: Tree,
       table: Record<string, number>, rest: unknown, flag = true, extra?: Record<string, number>): Int | undefined => rows.length);
     export default task((type: string): void => {});`,
  );
  const lines = wit(found).split("\n");
  for (const line of [
    "package local:every-type;",
    "    top-ten: s64,",
    "    when: string,",
    "    raw: list<u8>,",
    "    big: s64,",
    "    maybe: option<string>,",
    "    none: option<f64>,",
    "  variant shape { circle(shape-circle), nothing }",
    "  enum everything-mode { fast, slow }",
    "    children: list<json>,",
    "  variant json { json(string) }",
    "  /// Words.",
    "  everything: func(rows: list<row>, shape: shape, mode: everything-mode, point: tuple<f64, string>, tree: tree, table: json, rest: json, flag: option<bool>, extra: option<json>) -> result<option<s64>, task-error>;",
    "  every-type: func(%type: string) -> result<_, task-error>;",
  ]) {
    assert.ok(lines.includes(line), `'${line}' is missing in:\n${lines.join("\n")}`);
  }
  assert.ok(!lines.some((line) => line.includes("wasi:http")));
});

test("documentation goes into a section", () => {
  const text = wit(program("documented", "/** Rows. */\ninterface Row { n: Int }\n/** Counts.\n *\n * All of them. */\nexport const count = task((rows: Row[]): Int => rows.length);"));
  assert.equal(documentation(text).interfaces.tasks.funcs.count, "Counts.\n\nAll of them.");
  const written = "interface tasks {\n  /// A row.\n  record %row {\n    /// How many.\n    %count: u32,\n  }\n  enum e { a, b }\n  /// Runs.\n  f: func();\n}\n";
  assert.deepEqual(documentation(written).interfaces.tasks, {
    funcs: { f: "Runs." },
    types: { row: { docs: "A row.", items: { count: "How many." } }, e: { items: {} } },
  });
  assert.deepEqual([...attach(Buffer.from("\0asm"), "").subarray(0, 8)], [0, 97, 115, 109, 0, 45, 14, 99]);
  const whole = wit(program("whole", "/** Takes it whole. */\nexport default task.json((input) => input);"));
  assert.deepEqual(documentation(whole).worlds, { component: { func_exports: { run: "Takes it whole." } } });
});

test("interfaces are imported when they are used", () => {
  const file = path.join(folder, "used.ts");
  writeFileSync(file, `import * as sdk from "@cofferdam/sdk";\nexport default sdk.task((): string => sdk.variable("a") + sdk.http.get("http://x/").text());\n`);
  const text = wit(analyse(file));
  assert.match(text, /import wasi:http\/outgoing-handler@0.2.0;/);
  assert.match(text, /import cofferdam:task\/config@/);
  assert.doesNotMatch(text, /artifacts/);
});

test("what has no form is told with its place", () => {
  assert.throws(() => program("function", "export default task((f: () => void): void => {});"), /function\.ts:2:\d+: a function cannot be/);
  assert.throws(() => program("async", "export default task(async (): Promise<number> => 1);"), /cannot be async/);
  assert.throws(() => program("mistake", 'export default task((): number => "x");'), BuildError);
  assert.throws(() => program("none", "export const a = 1;"), /exports no task/);
  for (const [type, says] of [
    ["Map<number, string>", /keys of an object in JSON are texts/],
    ["Generator<number>", /Generator has no form in JSON: return a list/],
    ["{ rows: Float64Array }", /Float64Array has no form in JSON: take a list/],
    ["Counter", /instead\.ts:2:\d+: Counter has a function, 'next', and JSON has none/],
  ]) {
    assert.throws(() => program("instead", `class Counter { next() {} } export default task((value: ${type}): void => {});`), says);
  }
});

test("what only Node has is told with what to use", () => {
  for (const [code, says] of [
    ["fetch('http://x')", /instead.ts\(2,\d+\): error TS2304: Cannot find name 'fetch'.\nfetch is not there in a component: send requests by `http`/],
    ["process.env.HOME", /Cannot find name 'process'\.\nprocess is not there in a component: .* `variable` of @cofferdam\/sdk$/],
    ["import('node:fs')", /node:fs: there are no modules of Node in a component/],
    ["import('lodash/fp')", /lodash\/fp: npm install lodash$/],
    ["import('./other')", /Cannot find module '.\/other'/],
  ]) {
    assert.throws(() => program("instead", `export default task((): void => { void ${code}; });`), says);
  }
});

test("names", () => {
  const found = ["wordCount", "word_count", "HTTPServer", "top_10", "ü", "1a"].map(kebab);
  assert.deepEqual(found, ["word-count", "word-count", "http-server", "top10", undefined, undefined]);
});

test("values change form both ways", () => {
  const { tasks } = program(
    "values",
    `type Shape = { kind: "circle"; radius: number } | { kind: "nothing" };
     interface Row { topTen: Int; maybe?: string; shape: Shape; when: Date; extra: Record<string, unknown> }
     export default task((rows: Row[]): Row[] => rows);`,
  );
  const plan = tasks[0].result;
  const program_ = [{ topTen: 3, shape: { kind: "circle", radius: 1 }, when: new Date("2026-01-02T00:00:00Z"), extra: { a: [1] } }];
  const bindings = [
    {
      topTen: 3,
      maybe: null,
      shape: { tag: "circle", val: { radius: 1 } },
      when: "2026-01-02T00:00:00.000Z",
      extra: { tag: "json", val: '{"a":[1]}' },
    },
  ];
  assert.deepEqual(toWit(plan, program_), bindings);
  assert.deepEqual(fromWit(plan, bindings), program_);
  const wrong = [{ ...program_[0], topTen: 1.5 }];
  assert.throws(() => toWit(plan, wrong), (error) => error instanceof Mismatch && error.message === "expected a whole number at /0/topTen, not 1.5");
});

test("nothing is lost on the way to JSON", () => {
  const { tasks, types } = program(
    "collections",
    "export default task((seen: Set<string>, table: Map<string, number>, big: bigint): { seen: ReadonlySet<string>; table: Map<string, number> } => ({ seen, table }));",
  );
  const plan = tasks[0].result;
  assert.equal(tasks[0].params.map(({ plan }) => types.wit(plan)).join(), "list<string>,json,s64");
  const value = { seen: new Set(["a", "b"]), table: new Map([["x", 1]]) };
  const bindings = { seen: ["a", "b"], table: { tag: "json", val: '{"x":1}' } };
  assert.deepEqual(toWit(plan, value), bindings);
  assert.deepEqual(fromWit(plan, bindings), value);
  assert.throws(() => toWit(plan, { ...value, seen: ["a"] }), /expected a Set at \/seen, not a list/);
  assert.throws(() => toWit({ k: "big" }, 2n ** 60n), /whole number up to 2\^53/);

  const nested = { table: new Map([["a", new Set([1])]]), bytes: Uint8Array.of(1, 2, 255, 4), big: [3n, 2n ** 60n], none: undefined };
  assert.equal(written(nested), '{"table":{"a":[1]},"bytes":"AQL/BA==","big":[3,"1152921504606846976"]}');
  for (const length of [0, 1, 2, 3]) {
    const bytes = Uint8Array.from({ length }, (_, at) => 250 + at);
    assert.equal(written(bytes), JSON.stringify(Buffer.from(bytes).toString("base64")));
  }
  const circle = {};
  circle.self = circle;
  assert.throws(() => written(circle), Mismatch);
});

test("stacks lead to the sources", () => {
  // In the second line of the compiled file, the first that comes from anywhere comes from the sixth line; the third from the fourth.
  const map = { mappings: "AAAA,QAAO;AAKA;AAFA;;QACA" };
  assert.deepEqual(lines(map), [1, 6, 4, 0, 5]);
  places({ "a/tasks.js": ["a/tasks.ts", lines(map)] });
  const stack =
    "    at inner (/program/a/tasks.js:2:28)\n    at other (/program/b.js:1:2)\n    at <anonymous> (/node_modules/@cofferdam/sdk/src/guest.js:30:39)\n";
  assert.equal(located(stack), "    at inner (a/tasks.ts:6)\n    at other (/program/b.js:1:2)");
});
