// From the types of TypeScript to WIT, and to a plan by which `convert.js` changes values inside the component.
//
// A plan is data: `{ k: "list", of }`, `{ k: "record", fields: [[name, binding, plan, optional]] }` and so on.

import ts from "typescript";
import { camel, escaped, kebab } from "./names.js";

/** Why a type has no form in WIT; says where. */
export class TypeProblem extends Error {}

const SCALARS = { s: "string", n: "f64", b: "bool" };
const JSON_PLAN = { k: "json" };

/** What to write in place of types that the language has and JSON has not. */
const REMEDIES = {
  Promise: "return the value itself",
  Generator: "return a list: [...values]",
  AsyncGenerator: "return a list",
  Iterator: "return a list: [...values]",
  IterableIterator: "return a list: [...values]",
  Iterable: "take a list",
  RegExp: "take its source, a string",
  Error: "throw it, or return its message",
  Function: "take a value",
  WeakMap: "take a Map<string, …>",
  WeakSet: "take a Set",
  ...Object.fromEntries(["ArrayBuffer", "SharedArrayBuffer", "DataView"].map((name) => [name, "take a Uint8Array"])),
  ...Object.fromEntries(["Int8", "Int16", "Int32", "Uint16", "Uint32", "Uint8Clamped", "Float32", "Float64", "BigInt64", "BigUint64"].map((name) => [`${name}Array`, "take a list: Array.from(values)"])),
};

/** The types of one interface: each named type is declared once. */
export class Types {
  declarations = [];
  usesJson = false;
  #checker;
  #named = new Map();
  #underWay = new Set();
  #names = new Set(["json", "task-error"]);

  constructor(checker) {
    this.#checker = checker;
  }

  /** The plan of a type. `hint` names types without a name of their own. */
  plan(type, hint, node) {
    const plan = this.#plan(type, hint, node);
    if (plan.k === "json" || plan.k === "map") this.usesJson = true;
    return plan;
  }

  /** A plan as it is written in WIT. */
  wit(plan) {
    switch (plan.k) {
      case "s":
      case "n":
      case "b":
        return SCALARS[plan.k];
      case "int":
      case "big":
        return "s64";
      case "date":
        return "string";
      case "bytes":
        return "list<u8>";
      case "json":
      case "map":
        return "json";
      case "list":
        return `list<${this.wit(plan.of)}>`;
      case "tuple":
        return `tuple<${plan.items.map((item) => this.wit(item)).join(", ")}>`;
      case "option":
        return `option<${this.wit(plan.of)}>`;
      default:
        return escaped(plan.name);
    }
  }

  #plan(type, hint, node) {
    const flags = type.flags;
    if (this.#isInt(type)) return { k: "int" };
    if (flags & ts.TypeFlags.EnumLike && !(flags & ts.TypeFlags.EnumLiteral && flags & ts.TypeFlags.Union)) {
      // One case of an enum: what it is made of.
      return flags & ts.TypeFlags.StringLike ? { k: "s" } : { k: "n" };
    }
    if (flags & ts.TypeFlags.BooleanLike) return { k: "b" };
    if (flags & ts.TypeFlags.BigIntLike) return { k: "big" };
    if (type.isUnion()) return this.#union(type, hint, node);
    if (flags & ts.TypeFlags.StringLike) return { k: "s" };
    if (flags & ts.TypeFlags.NumberLike) return { k: "n" };
    if (flags & ts.TypeFlags.Object) return this.#object(type, hint, node);
    if (type.isIntersection()) return this.#record(type, hint, node);
    // any, unknown, null alone and the like.
    return JSON_PLAN;
  }

  #isInt(type) {
    return type.aliasSymbol?.name === "Int" && fromSdk(type.aliasSymbol) || (type.isIntersection() && type.getProperty("__int") !== undefined);
  }

  #union(type, hint, node) {
    const empty = ts.TypeFlags.Undefined | ts.TypeFlags.Null | ts.TypeFlags.Void;
    const arms = type.types.filter((arm) => !(arm.flags & empty));
    const optional = arms.length < type.types.length;
    const of = this.#arms(type, arms, hint, node);
    return optional ? { k: "option", of } : of;
  }

  #arms(type, arms, hint, node) {
    if (arms.length === 0) return JSON_PLAN;
    if (arms.every((arm) => arm.flags & ts.TypeFlags.BooleanLike)) return { k: "b" };
    if (arms.length === 1) return this.plan(arms[0], hint, node);
    if (arms.every((arm) => arm.isStringLiteral())) return this.#enum(type, arms, hint);
    const discriminated = this.#discriminated(type, arms, hint, node);
    if (discriminated) return discriminated;
    return JSON_PLAN;
  }

  #enum(type, arms, hint) {
    const cases = arms.map((arm) => [kebab(arm.value), arm.value]);
    const names = new Set(cases.map(([name]) => name));
    if (names.has(undefined) || names.size < cases.length) return { k: "s" };
    const key = `enum ${cases.map(([, value]) => JSON.stringify(value)).join()}`;
    return this.#once(key, type.aliasSymbol?.name ?? hint, (name) => {
      const doc = docLines(this.#doc(type.aliasSymbol), "  ");
      this.declarations.push(...doc, `  enum ${escaped(name)} { ${cases.map(([name]) => escaped(name)).join(", ")} }`);
      return { k: "enum", name, cases };
    });
  }

  /** A union of objects that a property tells apart: a variant, with a case for each of its values. */
  #discriminated(type, arms, hint, node) {
    if (!arms.every((arm) => arm.flags & ts.TypeFlags.Object)) return undefined;
    const literal = (arm, property) => {
      const symbol = arm.getProperty(property);
      const found = symbol && this.#checker.getTypeOfSymbolAtLocation(symbol, node);
      return found?.isStringLiteral() ? found.value : undefined;
    };
    const tag = arms[0].getProperties().find(({ name }) => {
      const values = arms.map((arm) => literal(arm, name));
      return !values.includes(undefined) && new Set(values).size === arms.length && !values.map(kebab).includes(undefined);
    })?.name;
    if (tag === undefined) return undefined;
    return this.#once(type, type.aliasSymbol?.name ?? hint, (name) => {
      const cases = arms.map((arm) => {
        const value = literal(arm, tag);
        const others = arm.getProperties().filter((property) => property.name !== tag);
        const payload = others.length === 0 ? null : this.#record(arm, arm.aliasSymbol?.name ?? `${name}-${kebab(value)}`, node, tag);
        return [kebab(value), value, payload];
      });
      const written = cases.map(([name, , payload]) => (payload ? `${escaped(name)}(${this.wit(payload)})` : escaped(name)));
      this.declarations.push(...docLines(this.#doc(type.aliasSymbol), "  "), `  variant ${escaped(name)} { ${written.join(", ")} }`);
      return { k: "variant", name, tag, cases };
    });
  }

  #object(type, hint, node) {
    const checker = this.#checker;
    if (checker.isTupleType(type)) {
      const items = checker.getTypeArguments(type);
      if (type.target.hasRestElement || type.target.minLength < items.length || items.length === 0) return JSON_PLAN;
      return { k: "tuple", items: items.map((item, index) => this.plan(item, `${hint}-item${index}`, node)) };
    }
    if (checker.isArrayType(type)) {
      return { k: "list", of: this.plan(checker.getTypeArguments(type)[0], `${hint}-item`, node) };
    }
    const name = type.symbol?.name;
    if (name === "Uint8Array" || name === "Buffer") return { k: "bytes" };
    if (name === "Date") return { k: "date" };
    if (isOfLibrary(type.symbol)) {
      const items = checker.getTypeArguments(type);
      if (name === "Set" || name === "ReadonlySet") return { k: "list", of: this.plan(items[0], `${hint}-item`, node), set: true };
      if (name === "Map" || name === "ReadonlyMap") {
        if (!(items[0].flags & ts.TypeFlags.StringLike)) throw new TypeProblem(`${place(node)}: the keys of an object in JSON are texts: take a Map<string, …>, or a list of pairs`);
        return { k: "map", of: this.plan(items[1], `${hint}-item`, node) };
      }
      if (REMEDIES[name]) throw new TypeProblem(`${place(node)}: ${name} has no form in JSON: ${REMEDIES[name]}`);
    }
    if (type.getCallSignatures().length > 0) {
      throw new TypeProblem(`${place(node)}: a function cannot be a parameter or a result of a task`);
    }
    if (checker.getIndexInfosOfType(type).length > 0 || type.getProperties().length === 0) return JSON_PLAN;
    return this.#record(type, hint, node);
  }

  #record(type, hint, node, without) {
    // An object inside of itself: WIT has no such types, so it travels as JSON.
    if (this.#underWay.has(type)) {
      this.usesJson = true;
      return JSON_PLAN;
    }
    // `Partial`, `Pick` and the like say nothing of what they are made of.
    const symbol = [type.aliasSymbol, type.symbol].find((one) => one && !one.name.startsWith("__") && !isOfLibrary(one));
    return this.#once(without ? `${this.#id(type)} without ${without}` : type, symbol?.name ?? hint, (name) => {
      this.#underWay.add(type);
      const fields = type.getProperties().filter((property) => property.name !== without).map((property) => {
        const written = kebab(property.name);
        const of = this.#checker.getTypeOfSymbolAtLocation(property, node);
        if (of.getCallSignatures().length > 0 && !(property.flags & ts.SymbolFlags.Optional)) {
          throw new TypeProblem(`${place(node)}: ${symbol?.name ?? "the object"} has a function, '${property.name}', and JSON has none: take an interface of what it holds`);
        }
        if (written === undefined) throw new TypeProblem(`${place(node)}: the property '${property.name}' has no name in WIT`);
        const plan = this.plan(of, `${name}-${written}`, node);
        const optional = (property.flags & ts.SymbolFlags.Optional) !== 0 && plan.k !== "option";
        return { property, written, plan: optional ? { k: "option", of: plan } : plan };
      });
      this.#underWay.delete(type);
      this.declarations.push(...docLines(this.#doc(symbol), "  "), `  record ${escaped(name)} {`);
      for (const { property, written, plan } of fields) {
        this.declarations.push(...docLines(this.#doc(property), "    "), `    ${escaped(written)}: ${this.wit(plan)},`);
      }
      this.declarations.push("  }");
      return { k: "record", name, fields: fields.map(({ property, written, plan }) => [property.name, camel(written), plan]) };
    });
  }

  #ids = new Map();
  #id(type) {
    if (!this.#ids.has(type)) this.#ids.set(type, this.#ids.size);
    return this.#ids.get(type);
  }

  #once(key, wanted, make) {
    if (!this.#named.has(key)) {
      const base = kebab(wanted) ?? "value";
      let name = base;
      for (let number = 2; this.#names.has(name); number += 1) name = `${base}${number}`;
      this.#names.add(name);
      this.#named.set(key, make(name));
    }
    return this.#named.get(key);
  }

  #doc(symbol) {
    return symbol === undefined ? "" : ts.displayPartsToString(symbol.getDocumentationComment(this.#checker));
  }
}

/** A comment as comments of WIT. */
export function docLines(doc, indent) {
  return doc.trim() === "" ? [] : doc.trim().split("\n").map((line) => `${indent}/// ${line}`.trimEnd());
}

/** Whether a symbol is one of this package. */
export function fromSdk(symbol) {
  return symbol.declarations?.some((declaration) => /[/\\](sdk[/\\]js|@cofferdam[/\\]sdk)[/\\]src[/\\]/.test(declaration.getSourceFile().fileName)) ?? false;
}

/** Whether a symbol is of the language's own library. */
export function isOfLibrary(symbol) {
  return symbol?.declarations?.some((declaration) => /[/\\]typescript[/\\]lib[/\\]lib\./.test(declaration.getSourceFile().fileName)) ?? false;
}

export function place(node) {
  const file = node.getSourceFile();
  const { line, character } = file.getLineAndCharacterOfPosition(node.getStart());
  return `${file.fileName}:${line + 1}:${character + 1}`;
}
