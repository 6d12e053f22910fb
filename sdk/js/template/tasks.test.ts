// Tests of the tasks, in plain Node: `npm test`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Skip } from "@cofferdam/sdk";
import { fake } from "@cofferdam/sdk/testing";
import { summarize } from "./tasks.js";

test("the summary has count and mean", () => {
  const seen = fake({}, () => assert.deepEqual(summarize([1, 2, 6]), { count: 3, mean: 3 }));
  assert.deepEqual(seen.messages(), ["summing up"]);
});

test("without values it is skipped", () => {
  assert.throws(() => summarize([]), Skip);
});
