// Looks at a program: its tasks, their types, and what it uses that must be granted.

import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { Types, docLines, fromSdk } from "./types.js";
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
    throw new BuildError(ts.formatDiagnostics(problems, host).trimEnd());
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
  return { program, types, tasks, name: kebab(stem) ?? "component", used: capabilities(program) };
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
    strict: true,
    skipLibCheck: true,
    allowJs: /\.[mc]?js$/.test(file),
    checkJs: false,
    noEmit: false,
    noEmitOnError: false,
    declaration: false,
    composite: false,
    incremental: false,
    sourceMap: false,
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
  if (type.getProperty("__json") !== undefined) return { exported: symbol.name, name, json: true };
  const [call] = type.getCallSignatures();
  if (call === undefined) throw new BuildError(`${given}: task takes a function`);
  const params = call.parameters.map((parameter) => {
    const written = kebab(parameter.name);
    const at = parameter.valueDeclaration ?? declaration;
    if (written === undefined || parameter.name.startsWith("__")) {
      throw new BuildError(`${given}: every parameter needs a name, since the input names it: take an object by name and unpack it inside`);
    }
    if (at.dotDotDotToken) throw new BuildError(`${given}: the parameter '...${parameter.name}' has no form in WIT: take a list`);
    const plan = types.plan(checker.getTypeOfSymbolAtLocation(parameter, at), `${name}-${written}`, at);
    const optional = (at.questionToken || at.initializer) && plan.k !== "option";
    return { name: parameter.name, written, plan: optional ? { k: "option", of: plan } : plan };
  });
  const returned = call.getReturnType();
  if (checker.getPromisedTypeOfPromise?.(returned)) {
    throw new BuildError(`${given}: a task cannot be async: everything that the platform offers returns at once`);
  }
  const nothing = ts.TypeFlags.Void | ts.TypeFlags.Undefined | ts.TypeFlags.Never;
  const result = returned.flags & nothing ? null : types.plan(returned, `${name}-result`, declaration);
  const doc = ts.displayPartsToString(symbol.getDocumentationComment(checker));
  return { exported: symbol.name, name, params, result, doc };
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
    return `package local:${name};\n\nworld component {\n${imported}\n  export run: func(input: json) -> result<json, task-error>;\n}\n`;
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
