// Looks at a program: its tasks, their types, and what it uses that must be granted.

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { isBuiltin } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { Types, docLines, fromSdk, isOfLibrary, place } from "./types.js";
import { escaped, kebab } from "./names.js";

/**
 * How `wasi:` is spelled in the imports of `http` until the component is whole.
 *
 * componentize-qjs runs the program once, with traps in place of imports that it does not know. It knows `wasi:io` but not `wasi:http`,
 * and a trap's streams are not those of `wasi:io`, so the two do not fit. Under a name that it does not know either, both are traps and
 * fit. The right name has as many bytes, and is put in its place at the end.
 */
export const WASI = "wxsi:";

/** Why there is no component; says what to do. */
export class BuildError extends Error {}

export const PACKAGE = path.resolve(fileURLToPath(import.meta.url), "../../..");
/** The interfaces of `cofferdam:task` that every component imports: they concern nobody but the task and its run. */
const BASE = ["context", "log", "progress", "xcom", "checkpoint"];
/** Names that a component imports an interface for only when the program uses them: what they reach must be granted. */
const ON_DEMAND = { artifacts: "artifacts", variable: "config", connection: "config", http: "http" };

/** Compiles a file and what it imports, and reads its tasks. */
export function analyse(file) {
  if (!existsSync(file)) throw new BuildError(`there is no file ${file}`);
  const config = ts.findConfigFile(path.dirname(file), ts.sys.fileExists);
  const own = config === undefined ? {} : readConfig(config);
  const program = ts.createProgram([file], { ...own, ...forced(file) });
  const problems = ts.getPreEmitDiagnostics(program);
  if (problems.length > 0) {
    const host = { getCanonicalFileName: (name) => name, getCurrentDirectory: () => process.cwd(), getNewLine: () => "\n" };
    throw new BuildError([withoutAdvice(ts.formatDiagnostics(problems, host).trimEnd()), ...notes(problems)].join("\n"));
  }
  const source = program.getSourceFile(file);
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(source);
  if (module === undefined) throw new BuildError(`${file} exports nothing: write \`export default task(...)\``);
  const types = new Types(checker);
  const stem = path.basename(file).replace(/\.[a-z]+$/, "");
  const tasks = [];
  for (const symbol of checker.getExportsOfModule(module)) {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const declaration = target.valueDeclaration ?? target.declarations?.[0];
    const type = declaration && checker.getTypeOfSymbolAtLocation(target, declaration);
    if (type === undefined || !madeByTask(type)) continue;
    tasks.push(signature(checker, types, symbol, type, declaration, stem));
  }
  if (tasks.some(({ json }) => json) && tasks.length > 1) throw new BuildError("a task of `task.json` must be the only task of its file");
  if (tasks.length === 0) throw new BuildError(`${file} exports no task: write \`export default task((...) => ...)\``);
  refuseAbsent(checker, program);
  return { program, types, tasks, name: kebab(stem) ?? "component", used: capabilities(program) };
}

/** What a component has in place of what a browser and Node have. */
const INSTEAD = {
  fetch: "send requests by `http` of @cofferdam/sdk: `http.get(url).json()`",
  XMLHttpRequest: "send requests by `http` of @cofferdam/sdk: `http.get(url).json()`",
  process: "take what it needs as input, or read a variable by `variable` of @cofferdam/sdk",
  Buffer: "use Uint8Array, and `utf8` and `fromUtf8` of @cofferdam/sdk",
  TextEncoder: "use `utf8` of @cofferdam/sdk",
  TextDecoder: "use `fromUtf8` of @cofferdam/sdk",
  setTimeout: "to wait, `throw new Reschedule(milliseconds)` of @cofferdam/sdk: the task is run again then",
  setInterval: "to wait, `throw new Reschedule(milliseconds)` of @cofferdam/sdk: the task is run again then",
  setImmediate: "call it at once",
  queueMicrotask: "call it at once",
  performance: "use `Date.now()`",
  require: "write `import … from`",
  crypto: "`Math.random()` draws lots",
  structuredClone: "use `JSON.parse(JSON.stringify(value))`",
  URL: "take URLs apart as texts, or by a package of npm that is an ES module",
  URLSearchParams: "use `encodeURIComponent`",
  btoa: "return a Uint8Array, which is base64 in JSON",
  atob: "take a Uint8Array, which is base64 in JSON",
};

/** What to do about names that are not there in a component, where other tools would advise to install their types. */
function notes(problems) {
  const notes = problems.map(({ messageText }) => {
    const [, kind, name] = /^Cannot find (name|module) '([^']+)'/.exec(ts.flattenDiagnosticMessageText(messageText, " ")) ?? [];
    if (kind === "name") return INSTEAD[name] && `${name} is not there in a component: ${INSTEAD[name]}`;
    if (kind === undefined || name.startsWith(".")) return undefined;
    if (isBuiltin(name)) return `${name}: there are no modules of Node in a component, and no files`;
    return `${name}: npm install ${name.split("/").slice(0, name.startsWith("@") ? 2 : 1).join("/")}`;
  });
  return [...new Set(notes.filter(Boolean))];
}

/** The same without the advice to install types of what would not be there when the program runs. */
function withoutAdvice(text) {
  return text.replace(/ Do you need to install type definitions for node\?.*$/gm, "");
}

function readConfig(config) {
  const { config: json, error } = ts.readConfigFile(config, ts.sys.readFile);
  if (error) throw new BuildError(ts.flattenDiagnosticMessageText(error.messageText, "\n"));
  const { options, errors } = ts.parseJsonConfigFileContent(json, { ...ts.sys, readDirectory: () => [] }, path.dirname(config));
  const serious = errors.filter(({ code }) => code !== 18003);
  if (serious.length > 0) throw new BuildError(serious.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n")).join("\n"));
  return options;
}

/** What must be so, whatever the project says. */
function forced(file) {
  const options = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    moduleDetection: ts.ModuleDetectionKind.Force,
    lib: ["lib.es2023.d.ts"],
    // What Node has is for tests: a component has none of it.
    types: [],
    strict: true,
    skipLibCheck: true,
    allowJs: /\.[mc]?js$/.test(file),
    checkJs: false,
    noEmit: false,
    noEmitOnError: false,
    declaration: false,
    composite: false,
    incremental: false,
    sourceMap: true,
    inlineSourceMap: false,
    sourceRoot: undefined,
    rootDir: undefined,
    // Nothing is written there; TypeScript only wants to know that no source is overwritten.
    outDir: "/cofferdam-js-output",
  };
  // A program in this repository finds the package beside it; elsewhere node_modules has it.
  if (!existsSync(path.join(path.dirname(path.resolve(file)), "node_modules/@cofferdam/sdk"))) {
    options.paths = { "@cofferdam/sdk": [path.join(PACKAGE, "src/index.d.ts")] };
    options.baseUrl = path.dirname(path.resolve(file));
  }
  return options;
}

function madeByTask(type) {
  const alias = type.aliasSymbol;
  if (alias !== undefined && ["Task", "JsonTask"].includes(alias.name) && fromSdk(alias)) return true;
  return type.isIntersection() && type.types.some((part) => part.getProperty("__task") !== undefined);
}

function signature(checker, types, symbol, type, declaration, stem) {
  const given = symbol.name === "default" ? stem : symbol.name;
  const name = kebab(given);
  if (name === undefined) throw new BuildError(`'${given}' is no name for a task: use letters and digits`);
  const doc = ts.displayPartsToString(symbol.getDocumentationComment(checker));
  if (type.getProperty("__json") !== undefined) return { exported: symbol.name, name, json: true, doc };
  const where = `${place(declaration)}: ${given}`;
  const [call] = type.getCallSignatures();
  if (call === undefined) throw new BuildError(`${where}: task takes a function`);
  const params = call.parameters.map((parameter) => {
    const written = kebab(parameter.name);
    const at = parameter.valueDeclaration ?? declaration;
    if (written === undefined || parameter.name.startsWith("__")) {
      throw new BuildError(`${where}: every parameter needs a name, since the input names it: take an object by name and unpack it inside`);
    }
    if (at.dotDotDotToken) throw new BuildError(`${where}: the parameter '...${parameter.name}' has no form in WIT: take a list`);
    const plan = types.plan(checker.getTypeOfSymbolAtLocation(parameter, at), `${name}-${written}`, at);
    const optional = (at.questionToken || at.initializer) && plan.k !== "option";
    return { name: parameter.name, written, plan: optional ? { k: "option", of: plan } : plan };
  });
  const returned = call.getReturnType();
  if (checker.getPromisedTypeOfPromise?.(returned)) {
    throw new BuildError(`${where}: a task cannot be async: everything that the platform offers returns at once, without \`await\``);
  }
  const nothing = ts.TypeFlags.Void | ts.TypeFlags.Undefined | ts.TypeFlags.Never;
  const result = returned.flags & nothing ? null : types.plan(returned, `${name}-result`, declaration);
  return { exported: symbol.name, name, params, result, doc };
}

/** Refuses what the types of the language have and the engine has not. */
function refuseAbsent(checker, program) {
  const visit = (node) => {
    if (ts.isPropertyAccessExpression(node) && node.expression.getText() === "Intl" && isOfLibrary(checker.getSymbolAtLocation(node.expression))) {
      throw new BuildError(`${place(node)}: Intl is not there in a component: write numbers and dates by hand, or by a package of npm that does without`);
    }
    ts.forEachChild(node, visit);
  };
  for (const source of program.getSourceFiles()) {
    if (!source.isDeclarationFile && !source.fileName.includes("/node_modules/")) visit(source);
  }
}

/** What the program imports from this package that must be granted. */
function capabilities(program) {
  const used = new Set();
  for (const source of program.getSourceFiles()) {
    if (source.isDeclarationFile) continue;
    for (const statement of source.statements) {
      if (!ts.isImportDeclaration(statement) || statement.moduleSpecifier.text !== "@cofferdam/sdk") continue;
      const bindings = statement.importClause?.namedBindings;
      if (bindings && ts.isNamedImports(bindings)) {
        for (const { name, propertyName } of bindings.elements) used.add(ON_DEMAND[(propertyName ?? name).text]);
      } else if (bindings && ts.isNamespaceImport(bindings)) {
        const visit = (node) => {
          if (ts.isPropertyAccessExpression(node) && node.expression.getText() === bindings.name.text) used.add(ON_DEMAND[node.name.text]);
          ts.forEachChild(node, visit);
        };
        visit(source);
      }
    }
  }
  used.delete(undefined);
  return used;
}

/** The version of `cofferdam:task` that comes with this package, and its interfaces. */
export function contract() {
  const folder = path.join(PACKAGE, "wit/task");
  const texts = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), "utf8"));
  const version = /^package cofferdam:task@([^;]+);/m.exec(texts[0])[1];
  return { version, interfaces: texts.flatMap((text) => [...text.matchAll(/^interface ([a-z-]+) \{/gm)].map((match) => match[1])) };
}

/** The interfaces of `cofferdam:task` that a program imports. */
export function imported(used) {
  const { interfaces } = contract();
  return [...BASE, ...["config", "artifacts"].filter((name) => used.has(name))].filter((name) => interfaces.includes(name));
}

/** The WIT of a program: one world that exports its tasks, and imports what they use. */
export function wit({ types, tasks, name, used }) {
  const { version } = contract();
  const imports = imported(used).map((one) => `  import cofferdam:task/${one}@${version};`);
  if (used.has("http")) imports.push("  import wasi:http/types@0.2.0;", "  import wasi:http/outgoing-handler@0.2.0;");
  if (tasks[0].json) {
    const imported = [`  use cofferdam:task/types@${version}.{json, task-error};`, ...imports].join("\n");
    const docs = docLines(tasks[0].doc, "  ").map((line) => `${line}\n`).join("");
    return `package local:${name};\n\nworld component {\n${imported}\n${docs}  export run: func(input: json) -> result<json, task-error>;\n}\n`;
  }
  const functions = tasks.flatMap(({ name, params, result, doc }) => [
    ...docLines(doc, "  "),
    `  ${escaped(name)}: func(${params.map(({ written, plan }) => `${escaped(written)}: ${types.wit(plan)}`).join(", ")}) -> result<${result === null ? "_" : types.wit(result)}, task-error>;`,
  ]);
  return `package local:${name};

interface tasks {
  use cofferdam:task/types@${version}.{task-error};
${types.usesJson ? "  /// Whatever JSON can hold.\n  variant json { json(string) }\n" : ""}${[...types.declarations, ...functions].join("\n")}
}

world component {
${imports.join("\n")}
  export tasks;
}
`;
}
