// Runs a script in JavaScript: the component behind `script:` with `language: javascript`, and the operator `std/javascript`.
//
// The input is `{"source": ..., "input": ...}`. The script is run from its first line, then its function `main` is called with
// `input`; what that returns is the result. With `{"source": ..., "check": true}` nothing is run: the answer is null, or where
// the source is no JavaScript. A script has the global `console`, and everything of @cofferdam/sdk as `cofferdam`.

import {
  artifacts,
  checkpoint,
  connection,
  context,
  Defer,
  Fatal,
  fromUtf8,
  http,
  HttpError,
  log,
  progress,
  Reschedule,
  Retry,
  Skip,
  task,
  TaskError,
  utf8,
  variable,
  xcom,
} from "@cofferdam/sdk";

const cofferdam = Object.freeze({
  artifacts, checkpoint, connection, context, Defer, Fatal, fromUtf8, http, HttpError, log, progress, Reschedule, Retry, Skip,
  TaskError, utf8, variable, xcom,
});

// `Function` writes two lines before the body.
const LINES_BEFORE = 2;
const PLACE = /<input>:(\d+)(?::(\d+))?/;

/**
 * Runs a script in JavaScript.
 *
 * The input is an object: `source` is the script, whose function `main` is called with `input` (null when it is not there). What that
 * returns is the result. With `check: true` nothing is run: the result is null, or where the script is no JavaScript, with `message`, `line`
 * and `column`.
 */
export default task.json((input) => {
  const source = input?.source;
  if (typeof source !== "string") throw new Fatal("the input needs 'source': a script in JavaScript");
  let script;
  try {
    script = new Function("cofferdam", source);
    if (!/\bmain\b/.test(source)) throw { message: "there is no function main: write `function main(input) { ... }`", line: 1, column: 1 };
    script = new Function("cofferdam", `${source}\n;return main;`);
  } catch (error) {
    const problem = error instanceof Error ? { message: error.message, ...place(error) } : error;
    if (input.check) return problem;
    throw new Fatal(`line ${problem.line}, column ${problem.column}: ${problem.message}`);
  }
  if (input.check) return null;
  let returned;
  try {
    const main = script(cofferdam);
    if (typeof main !== "function") throw new Fatal("main is no function: write `function main(input) { ... }`");
    returned = main(input.input ?? null);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TaskError) throw error;
    console.error(`${error.name}: ${error.message}\n${own(error)}`);
    const at = PLACE.test(error.stack ?? "") ? ` (line ${place(error).line})` : "";
    throw new Retry(`${error.name}: ${error.message}${at}`);
  }
  if (typeof returned?.then === "function") throw new Fatal("main cannot be async: what the platform offers returns at once");
  return returned ?? null;
});

/** Where in the script an error is. */
function place(error) {
  const [, line = LINES_BEFORE + 1, column = 1] = PLACE.exec(error.stack ?? "") ?? [];
  return { line: Math.max(1, Number(line) - LINES_BEFORE), column: Number(column) };
}

/** The lines of the stack that are in the script. */
function own(error) {
  const lines = (error.stack ?? "").split("\n").filter((line) => PLACE.test(line));
  return lines.map((line) => line.replace(PLACE, (_, line, column) => `line ${line - LINES_BEFORE}, column ${column ?? 1}`)).join("\n");
}
