#!/usr/bin/env node
// The command `cofferdam-js`.

import { statSync } from "node:fs";
import { parseArgs } from "node:util";
import { build } from "../src/build/build.js";
import { BuildError, analyse, wit } from "../src/build/program.js";
import { dags } from "../src/build/dags.js";
import { TypeProblem } from "../src/build/types.js";

const USAGE = `Usage: cofferdam-js build FILE [-o OUTPUT]    make a component of a file
       cofferdam-js wit FILE                  print the WIT of a file
       cofferdam-js dags FILE                 print the dags of a file as JSON

FILE is TypeScript or JavaScript that exports one or more tasks, export default task((...) => ...), or dags.`;

async function main() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { output: { type: "string", short: "o" }, help: { type: "boolean", short: "h" } },
  });
  const [command, file, ...rest] = positionals;
  if (values.help || command === undefined || file === undefined || rest.length > 0 || !["build", "wit", "dags"].includes(command)) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  if (command === "wit") {
    process.stdout.write(wit(analyse(file)));
    return 0;
  }
  if (command === "dags") {
    // What the file prints is for a person.
    console.log = console.info = console.error;
    const answer = await dags(file).then(
      (found) => ({ dags: found }),
      (error) => ({ error: { message: error.message, line: error.line ?? null } }),
    );
    process.stdout.write(`${JSON.stringify(answer)}\n`);
    return "error" in answer ? 1 : 0;
  }
  const output = values.output ?? file.replace(/\.[mc]?[tj]s$/, ".wasm");
  await build(file, output);
  console.log(`${output}: ${statSync(output).size.toLocaleString("en")} bytes`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof BuildError || error instanceof TypeProblem || error.code?.startsWith("ERR_PARSE_ARGS"))) throw error;
  console.error(`cofferdam-js: ${error.message}`);
  process.exitCode = 1;
}
