// Changes values between what a program's types say and what the bindings of WIT have, by a plan that `build/types.js` made.

/** A value that is not of its type: where, and what was expected. */
export class Mismatch extends Error {
  constructor(expected, value, path = "") {
    super(`expected ${expected}${path ? ` at ${path}` : ""}, not ${shown(value)}`);
    this.parts = [expected, value, path];
  }
}

function shown(value) {
  return value === null ? "null" : Array.isArray(value) ? "a list" : typeof value === "number" ? String(value) : `a value of type ${typeof value}`;
}

function inside(step, run) {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    const [expected, value, path] = error.parts;
    throw new Mismatch(expected, value, `/${step}${path}`);
  }
}

/**
 * A value as JSON, with what JavaScript would leave out of it: a Map is an object, a Set a list, bytes are base64, and a bigint is a number
 * as far as that is exact, and then a text.
 */
export function written(value) {
  let text;
  try {
    text = JSON.stringify(value === undefined ? null : value, (_, part) => {
      if (typeof part === "bigint") return Number.isSafeInteger(Number(part)) ? Number(part) : String(part);
      if (part instanceof Map) return Object.fromEntries(part);
      if (part instanceof Set) return [...part];
      if (part instanceof Uint8Array) return base64(part);
      return part;
    });
  } catch (error) {
    // It is inside of itself.
    if (error instanceof TypeError) throw new Mismatch(`a value that JSON can hold (${error.message})`, value);
    throw error;
  }
  if (text === undefined) throw new Mismatch("a value that JSON can hold", value);
  return text;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function base64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const [first, second = 0, third = 0] = bytes.subarray(at, at + 3);
    const bits = (first << 16) | (second << 8) | third;
    for (let digit = 0; digit < 4; digit += 1) {
      text += digit <= bytes.length - at ? DIGITS[(bits >> (18 - 6 * digit)) & 63] : "=";
    }
  }
  return text;
}

/** From the bindings to the program. */
export function fromWit(plan, value) {
  switch (plan.k) {
    case "json":
      return JSON.parse(value.val);
    case "map": {
      const given = JSON.parse(value.val);
      if (typeof given !== "object" || given === null || Array.isArray(given)) throw new Mismatch("an object", given);
      return new Map(Object.entries(given));
    }
    case "int":
    case "big":
      // The bindings have rounded what is beyond.
      if (!Number.isSafeInteger(Number(value))) throw new Mismatch("a whole number up to 2^53 (larger ones as strings)", value);
      return plan.k === "int" ? Number(value) : BigInt(value);
    case "date": {
      const date = new Date(value);
      if (Number.isNaN(date.getTime())) throw new Mismatch("a moment (ISO 8601)", value);
      return date;
    }
    case "bytes":
      return value instanceof Uint8Array ? value : Uint8Array.from(value);
    case "list": {
      const items = value.map((item, index) => inside(index, () => fromWit(plan.of, item)));
      return plan.set ? new Set(items) : items;
    }
    case "tuple":
      return plan.items.map((item, index) => inside(index, () => fromWit(item, value[index])));
    case "option":
      return value === null || value === undefined ? undefined : fromWit(plan.of, value);
    case "record": {
      const made = {};
      for (const [name, binding, of] of plan.fields) {
        const found = inside(name, () => fromWit(of, value[binding]));
        if (found !== undefined) made[name] = found;
      }
      return made;
    }
    case "enum":
      return plan.cases.find(([name]) => name === value)[1];
    case "variant": {
      const [, literal, payload] = plan.cases.find(([name]) => name === value.tag);
      return { [plan.tag]: literal, ...(payload === null ? {} : fromWit(payload, value.val)) };
    }
    default:
      return value;
  }
}

/** From the program to the bindings. */
export function toWit(plan, value) {
  switch (plan.k) {
    case "json":
    case "map":
      if (plan.k === "map" && !(value instanceof Map)) throw new Mismatch("a Map", value);
      return { tag: "json", val: written(value) };
    case "s":
      if (typeof value !== "string") throw new Mismatch("a text", value);
      return value;
    case "n":
      if (typeof value !== "number") throw new Mismatch("a number", value);
      return value;
    case "b":
      if (typeof value !== "boolean") throw new Mismatch("a boolean", value);
      return value;
    case "int":
      if (!Number.isSafeInteger(value)) throw new Mismatch("a whole number", value);
      return value;
    case "big":
      if (typeof value !== "bigint") throw new Mismatch("a bigint", value);
      // The bindings have numbers, which are exact so far.
      if (!Number.isSafeInteger(Number(value))) throw new Mismatch("a whole number up to 2^53 (larger ones as strings)", value);
      return Number(value);
    case "date":
      if (!(value instanceof Date) || Number.isNaN(value.getTime())) throw new Mismatch("a date", value);
      return value.toISOString();
    case "bytes":
      if (!(value instanceof Uint8Array)) throw new Mismatch("bytes", value);
      return value;
    case "list":
      if (plan.set ? !(value instanceof Set) : !Array.isArray(value)) throw new Mismatch(plan.set ? "a Set" : "a list", value);
      return Array.from(value, (item, index) => inside(index, () => toWit(plan.of, item)));
    case "tuple":
      if (!Array.isArray(value) || value.length !== plan.items.length) throw new Mismatch(`${plan.items.length} values`, value);
      return plan.items.map((item, index) => inside(index, () => toWit(item, value[index])));
    case "option":
      return value === null || value === undefined ? null : toWit(plan.of, value);
    case "record": {
      if (typeof value !== "object" || value === null) throw new Mismatch("an object", value);
      const made = {};
      for (const [name, binding, of] of plan.fields) made[binding] = inside(name, () => toWit(of, value[name]));
      return made;
    }
    case "enum": {
      const found = plan.cases.find(([, literal]) => literal === value);
      if (found === undefined) throw new Mismatch(`one of ${plan.cases.map(([, literal]) => literal).join(", ")}`, value);
      return found[0];
    }
    case "variant": {
      const found = plan.cases.find(([, literal]) => literal === value?.[plan.tag]);
      if (found === undefined) throw new Mismatch(`one of ${plan.cases.map(([, literal]) => literal).join(", ")}`, value?.[plan.tag]);
      return found[2] === null ? { tag: found[0] } : { tag: found[0], val: toWit(found[2], value) };
    }
    default:
      return value;
  }
}
