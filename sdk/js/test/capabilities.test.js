// What the platform gives, from fakes.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as sdk from "../src/index.js";
import { fake } from "../src/testing.js";

test("context, log, progress and XComs", () => {
  const seen = fake({ context: { dagId: "d", conf: { n: 1 } }, xcoms: { up: { return_value: [1] } } }, () => {
    assert.equal(sdk.context().dagId, "d");
    assert.deepEqual(sdk.context().conf, { n: 1 });
    sdk.log.info("hello", { n: 1, list: [1] });
    sdk.progress.report(0.5, "half");
    assert.deepEqual(sdk.xcom.pull("up"), [1]);
    assert.equal(sdk.xcom.pull("up", "other"), undefined);
    sdk.xcom.push("k", { a: "ü" });
  });
  assert.deepEqual(seen.logs, [{ level: "info", message: "hello", fields: { n: "1", list: "[1]" } }]);
  assert.deepEqual(seen.progressReports, [[0.5, "half"]]);
  assert.deepEqual(seen.pushed, { k: { a: "ü" } });
});

test("checkpoints, variables, connections and artifacts", () => {
  const up = { "a.bin": new Uint8Array(300_000).fill(7) };
  const given = { checkpoint: { at: 3 }, variables: { a: "1" }, connections: { db: { host: "h", extra: '{"x":1}' } }, artifacts: { up } };
  const seen = fake(given, () => {
    assert.deepEqual(sdk.checkpoint.load(), { at: 3 });
    sdk.checkpoint.save([4]);
    assert.equal(sdk.fromUtf8(sdk.checkpoint.loadBytes()), "[4]");
    sdk.checkpoint.clear();
    assert.equal(sdk.checkpoint.load(), undefined);
    assert.deepEqual([sdk.variable("a"), sdk.variable("b", "2")], ["1", "2"]);
    assert.throws(() => sdk.variable("b"), sdk.Fatal);
    assert.deepEqual(sdk.connection("db").extra, { x: 1 });
    assert.deepEqual(sdk.artifacts.read("up", "a.bin"), up["a.bin"]);
    assert.equal(sdk.artifacts.read("up", "no"), undefined);
    assert.equal(sdk.artifacts.write("b.txt", "ü").size, 2);
  });
  assert.deepEqual(seen.artifacts["b.txt"], Uint8Array.from([0xc3, 0xbc]));
});

test("HTTP requests are taken apart and answered", () => {
  const asked = [];
  const http = (request) => {
    asked.push(request);
    return { status: request.target === "/gone" ? 410 : 200, headers: { "X-A": "b" }, body: '{"ok":true}' };
  };
  fake({ http }, () => {
    const answer = sdk.http.post("HTTPS://me@example.com:8443?a=1#x", { json: { x: "ü" } });
    assert.deepEqual([answer.json(), answer.headers["x-a"], answer.ok], [{ ok: true }, "b", true]);
    assert.throws(() => sdk.http.get("http://example.com/gone").orThrow(), sdk.HttpError);
    assert.throws(() => sdk.http.get("ftp://example.com"), TypeError);
  });
  const { method, scheme, authority, target, headers } = asked[0];
  assert.deepEqual([method, scheme, authority, target], ["POST", "https", "example.com:8443", "/?a=1"]);
  assert.deepEqual(headers, { "content-type": "application/json", "content-length": "10" });
});

test("UTF-8 is that of TextEncoder and TextDecoder", () => {
  for (const text of ["", "a", "ü€😀", "\ud800x", "\u07ff\u0800\uffff"]) {
    assert.deepEqual(sdk.utf8(text), new TextEncoder().encode(text));
    assert.equal(sdk.fromUtf8(sdk.utf8(text)), new TextDecoder().decode(new TextEncoder().encode(text)));
  }
  assert.equal(sdk.fromUtf8(Uint8Array.from([0x61, 0xff, 0xc3])), "a\ufffd\ufffd");
});

test("a task stays a function", () => {
  const double = sdk.task((value) => value * 2);
  assert.equal(double(3), 6);
  assert.throws(() => sdk.task(1), TypeError);
});
