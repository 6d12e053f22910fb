// From a file to a component.

import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { attach } from "./docs.js";
import { lines } from "./lines.js";
import { PACKAGE, WASI, BuildError, analyse, contract, imported, wit } from "./program.js";
import { camel } from "./names.js";

/** Makes a component of a file. */
export async function build(file, output) {
  const analysed = analyse(file);
  const folder = mkdtempSync(path.join(tmpdir(), "cofferdam-js-"));
  try {
    const { entry: compiled, sources } = emit(analysed.program, path.join(folder, "program"), file);
    libraries(path.dirname(path.resolve(file)), path.join(folder, "node_modules"));
    const text = wit(analysed);
    writeWit(path.join(folder, "wit"), text, analysed.used);
    const entry = path.join(folder, "entry.js");
    writeFileSync(entry, entryText(analysed, path.relative(folder, compiled), sources));
    await componentize(entry, folder, output);
    writeFileSync(output, attach(readFileSync(output), text));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes a component of a module that exports what its world says. */
export async function componentize(entry, folder, output) {
  const { componentize } = await import("componentize-qjs");
  let made;
  try {
    made = await componentize({
      witPath: path.join(folder, "wit"),
      jsSource: readFileSync(entry, "utf8"),
      jsPath: entry,
      moduleRoot: folder,
      world: "component",
      sync: true,
    });
  } catch (error) {
    throw new BuildError(`componentize-qjs failed: ${error.message}`);
  }
  mkdirSync(path.dirname(path.resolve(output)), { recursive: true });
  writeFileSync(output, renamed(made.component));
}

/** Puts the right name in place of `WASI`. */
function renamed(component) {
  const name = Buffer.from("wasi:");
  for (let at = component.indexOf(WASI); at >= 0; at = component.indexOf(WASI, at + 1)) name.copy(component, at);
  return component;
}

/** Writes the program as JavaScript, and returns where its entry is, and by its files where their lines come from. */
function emit(program, folder, file) {
  const sources = program.getSourceFiles().filter((source) => !source.isDeclarationFile && !source.fileName.includes("/node_modules/"));
  const root = common(sources.map((source) => path.dirname(path.resolve(source.fileName))));
  const places = {};
  for (const source of sources) {
    const target = path.join(folder, path.relative(root, path.resolve(source.fileName)).replace(/\.([mc]?)[tj]s$/, ".js"));
    mkdirSync(path.dirname(target), { recursive: true });
    program.emit(source, (name, text) => {
      if (/\.[mc]?js$/.test(name)) writeFileSync(target, text.replace(/^\/\/# sourceMappingURL=.*\n?/m, ""));
      const own = path.relative(root, path.resolve(source.fileName)).replaceAll(path.sep, "/");
      if (/\.[mc]?js\.map$/.test(name)) places[own.replace(/\.([mc]?)[tj]s$/, ".js")] = [own, lines(JSON.parse(text))];
    }, undefined, false);
    // To the engine, whatever is imported is a module.
    if (/\.json$/.test(source.fileName)) writeFileSync(target, `export default ${source.text.trim()};\n`);
    else if (!existsSync(target)) writeFileSync(target, source.text);
  }
  // Whatever the project's own package.json says, these are modules.
  writeFileSync(path.join(folder, "package.json"), '{"type":"module"}');
  return { entry: path.join(folder, path.relative(root, path.resolve(file)).replace(/\.([mc]?)[tj]s$/, ".js")), sources: places };
}

function common(folders) {
  let root = folders[0];
  while (!folders.every((folder) => folder === root || folder.startsWith(root + path.sep))) root = path.dirname(root);
  return root;
}

/** Copies this package and the program's dependencies to where componentize-qjs looks for them. */
function libraries(from, to) {
  cpSync(path.join(PACKAGE, "src"), path.join(to, "@cofferdam/sdk/src"), {
    recursive: true,
    filter: (name) => !name.endsWith(".d.ts") && !/[/\\]src[/\\](build|testing)\b/.test(name),
  });
  const own = JSON.parse(readFileSync(path.join(PACKAGE, "package.json"), "utf8"));
  writeFileSync(path.join(to, "@cofferdam/sdk/package.json"), JSON.stringify({ name: own.name, type: "module", main: "src/index.js", exports: { ".": "./src/index.js", "./guest": "./src/guest.js" } }));
  const seen = new Set(["@cofferdam/sdk"]);
  const copy = (folder, names) => {
    for (const name of names) {
      if (seen.has(name)) continue;
      const found = up(folder, (at) => path.join(at, "node_modules", name));
      if (found === undefined) continue;
      seen.add(name);
      cpSync(found, path.join(to, name), { recursive: true, dereference: true, filter: (file) => !file.slice(found.length).includes("node_modules") });
      copy(found, Object.keys(JSON.parse(readFileSync(path.join(found, "package.json"), "utf8")).dependencies ?? {}));
    }
  };
  const manifest = up(from, (at) => path.join(at, "package.json"));
  if (manifest) copy(path.dirname(manifest), Object.keys(JSON.parse(readFileSync(manifest, "utf8")).dependencies ?? {}));
}

function up(folder, name) {
  for (let at = folder; ; at = path.dirname(at)) {
    if (existsSync(name(at))) return name(at);
    if (at === path.dirname(at)) return undefined;
  }
}

/** Writes the WIT of a program and the packages that it needs. */
export function writeWit(folder, text, used) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "component.wit"), text.replaceAll("wasi:", WASI));
  // The world `task` is for components that export `run`; here only the interfaces are needed.
  const copy = (from, to) => {
    mkdirSync(path.join(folder, "deps", to), { recursive: true });
    for (const name of readdirSync(path.join(PACKAGE, "wit", from)).filter((name) => name !== "world.wit")) {
      const text = readFileSync(path.join(PACKAGE, "wit", from, name), "utf8");
      writeFileSync(path.join(folder, "deps", to, name), from === "task" ? text : text.replaceAll("wasi:", WASI));
    }
  };
  copy("task", "task");
  if (used.has("http")) {
    copy("wasi/io", "io");
    copy("wasi/http", "http");
  }
}

/** The lines that import the bindings and give them to the platform's client. */
export function connecting(used) {
  const { version } = contract();
  const names = imported(used);
  const lines = names.map((name) => `import ${name} from "cofferdam:task/${name}@${version}";`);
  if (used.has("http")) {
    lines.push(`import types from "${WASI}http/types@0.2.0";`, `import handler from "${WASI}http/outgoing-handler@0.2.0";`);
  }
  lines.push('import * as guest from "@cofferdam/sdk/guest";');
  lines.push(`guest.connect({ ${[...names, ...(used.has("http") ? ["http: { types, handler }"] : [])].join(", ")} });`);
  return lines;
}

/** The module that is the component: imports the program, and exports its tasks. */
function entryText({ tasks, used }, compiled, sources) {
  const header = [...connecting(used), `guest.places(${JSON.stringify(sources)});`, `import * as program from "./${compiled.replaceAll(path.sep, "/")}";`].join("\n");
  if (tasks[0].json) return `${header}\nexport const run = guest.json(program[${JSON.stringify(tasks[0].exported)}]);\n`;
  const exports = tasks.map(({ exported, name, params, result }) => {
    const plans = JSON.stringify(params.map(({ name, plan }) => [name, plan]));
    return `  ${JSON.stringify(camel(name))}: guest.typed(program[${JSON.stringify(exported)}], ${plans}, ${JSON.stringify(result)}),`;
  });
  return `${header}\nexport const tasks = {\n${exports.join("\n")}\n};\n`;
}
