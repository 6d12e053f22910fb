// The documentation of WIT, as components carry it.

/** What the comments of WIT text say, in the form of the section `package-docs`: by interface, then by function or type, then by field or case. */
export function documentation(text) {
  const interfaces = {};
  const worlds = {};
  let world;
  let current;
  let items;
  let comment = [];
  for (const line of text.split("\n").map((line) => line.trim())) {
    if (line.startsWith("///")) {
      comment.push(line.slice(3).replace(/^ /, ""));
      continue;
    }
    const docs = comment.join("\n").trim();
    comment = [];
    let found;
    if ((found = /^interface %?([\w-]+) \{$/.exec(line))) {
      current = interfaces[found[1]] = { ...(docs && { docs }), funcs: {}, types: {} };
    } else if ((found = /^world %?([\w-]+) \{$/.exec(line))) {
      world = worlds[found[1]] = { func_exports: {} };
    } else if (current === undefined) {
      if (docs && world && (found = /^export %?([\w-]+): func\(/.exec(line))) world.func_exports[found[1]] = docs;
    } else if (line === "}") {
      if (items === undefined) current = undefined;
      items = undefined;
    } else if ((found = /^(?:record|variant|enum|flags) %?([\w-]+) \{/.exec(line))) {
      const described = (current.types[found[1]] = { ...(docs && { docs }), items: {} });
      items = line.endsWith("}") ? undefined : described.items;
    } else if (docs && items !== undefined && (found = /^%?([\w-]+)[:,(]/.exec(line))) {
      items[found[1]] = docs;
    } else if (docs && (found = /^%?([\w-]+): func\(/.exec(line))) {
      current.funcs[found[1]] = docs;
    }
  }
  return { worlds, interfaces };
}

/**
 * A component with the documentation of its WIT.
 *
 * The section has a name of its own, since tools that read WIT back from a component take one of the name `package-docs` for documentation
 * of the package that they make up for it, and stop at names that this package does not have.
 */
export function attach(component, text) {
  const name = Buffer.from("cofferdam-docs");
  const document = Buffer.from(JSON.stringify(documentation(text)));
  const content = Buffer.concat([leb(name.length), name, Buffer.from([0]), document]);
  return Buffer.concat([component, Buffer.from([0]), leb(content.length), content]);
}

/** An unsigned LEB128 number. */
function leb(number) {
  const digits = [];
  for (; number >= 0x80; number = Math.floor(number / 128)) digits.push((number % 128) + 128);
  digits.push(number);
  return Buffer.from(digits);
}
