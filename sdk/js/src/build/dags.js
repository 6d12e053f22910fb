// The dags of a file, as `cofferdam dag apply FILE` asks for them.

import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";
import { placesOf } from "../dag.js";

/** The definitions of the dags that a file exports, with the lines of their tasks. */
export async function dags(file) {
  const text = readFileSync(file, "utf8");
  const { outputText, diagnostics } = ts.transpileModule(text, {
    fileName: path.basename(file),
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, inlineSourceMap: true },
  });
  const wrong = diagnostics?.find((each) => each.category === ts.DiagnosticCategory.Error);
  if (wrong) {
    const line = wrong.start === undefined ? undefined : ts.getLineAndCharacterOfPosition(ts.createSourceFile(file, text, ts.ScriptTarget.Latest), wrong.start).line + 1;
    throw Object.assign(new Error(ts.flattenDiagnosticMessageText(wrong.messageText, "\n")), { line });
  }
  free(file, text);
  // Lines are those of the file, not of what is made of it.
  process.setSourceMapsEnabled(true);
  // Beside the file, so that what it imports is found.
  const folder = mkdtempSync(path.join(path.dirname(path.resolve(file)), ".cofferdam-dag-"));
  try {
    const made = path.join(folder, `${path.basename(file).replace(/\.[mc]?[tj]s$/, "")}.mjs`);
    writeFileSync(made, outputText.replace(/(from\s+["'])(\.\.?\/)/g, "$1../$2"));
    link(folder);
    const module = await import(pathToFileURL(made).href).catch((error) => {
      throw Object.assign(error, { line: lineOf(error, file) });
    });
    const found = Object.values(module).flat().filter((value) => placesOf(value) !== undefined);
    if (found.length === 0) throw new Error("the file exports no dag: write `export default dag(\"name\", () => { … })`");
    return found.map((definition) => ({ definition, places: placesOf(definition) }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Lets the file import this package where its project has not installed it. */
function link(folder) {
  const modules = path.join(folder, "node_modules", "@cofferdam");
  ts.sys.createDirectory(path.join(folder, "node_modules"));
  ts.sys.createDirectory(modules);
  symlinkSync(fileURLToPath(new URL("../..", import.meta.url)), path.join(modules, "sdk"));
}

function lineOf(error, file) {
  const name = path.basename(file);
  const frame = (error.stack ?? "").split("\n").find((each) => each.includes(name.replace(/\.[mc]?[tj]s$/, "")));
  const found = frame?.match(/:(\d+)(?::\d+)?\)?$/);
  return found ? Number(found[1]) : undefined;
}

/** Refuses a script that uses something of the file around it: that is not there when the task runs. */
function free(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const visit = (node) => {
    if (ts.isCallExpression(node) && node.expression.getText(source).split(".").pop() === "script") {
      const [name, run] = node.arguments;
      if (run && (ts.isArrowFunction(run) || ts.isFunctionExpression(run))) {
        const outside = outer(source, run);
        const used = uses(run).find((each) => outside.has(each.text));
        if (used) {
          const { line } = source.getLineAndCharacterOfPosition(used.getStart(source));
          const message = `the script ${name.getText(source)} uses '${used.text}' of the file around it, which is not there when the task runs: move it into the function, or pass it as input`;
          throw Object.assign(new Error(message), { line: line + 1 });
        }
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
}

/** The names that are declared outside of a function. */
function outer(source, run) {
  const names = new Set();
  const visit = (node) => {
    if (node === run) return;
    const named = (ts.isVariableDeclaration(node) || ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) || ts.isImportSpecifier(node) || ts.isImportClause(node) || ts.isNamespaceImport(node) || ts.isParameter(node)) && node.name;
    const each = (name) => (ts.isIdentifier(name) ? names.add(name.text) : name.elements?.forEach((one) => one.name && each(one.name)));
    if (named) each(named);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

/** The names that a function uses and does not declare. */
function uses(run) {
  const own = new Set();
  const used = [];
  const declare = (name) => (ts.isIdentifier(name) ? own.add(name.text) : name.elements?.forEach((one) => one.name && declare(one.name)));
  const visit = (node) => {
    if (ts.isTypeNode(node)) return;
    if ((ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node)) && node.name) declare(node.name);
    const member = ts.isPropertyAccessExpression(node.parent) && node.parent.name === node;
    const key = (ts.isPropertyAssignment(node.parent) || ts.isMethodDeclaration(node.parent) || ts.isBindingElement(node.parent)) && (node.parent.propertyName ?? node.parent.name) === node && !ts.isShorthandPropertyAssignment(node.parent);
    if (ts.isIdentifier(node) && !member && !key) used.push(node);
    ts.forEachChild(node, visit);
  };
  visit(run);
  return used.filter((each) => !own.has(each.text));
}
