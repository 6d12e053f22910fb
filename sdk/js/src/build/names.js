// Names of JavaScript as names of WIT (kebab-case), and back as the bindings of componentize-qjs spell them.

const KEYWORDS = new Set(
  ("as async bool borrow char constructor enum error-context export f32 f64 flags from func future import include interface " +
    "list map option own package record resource result s16 s32 s64 s8 static stream string tuple type u16 u32 u64 u8 use " +
    "variant with world").split(" "),
);

/** The name in kebab-case; undefined when WIT has no such name. */
export function kebab(name) {
  const spaced = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").replace(/([A-Z])([A-Z][a-z])/g, "$1_$2");
  const words = [];
  for (const word of spaced.toLowerCase().split(/[_\-\s]+/)) {
    if (word === "") continue;
    if (!/^[a-z0-9]+$/.test(word)) return undefined;
    // A word of WIT begins with a letter: `top_10` becomes `top10`.
    if (/^[0-9]/.test(word)) {
      if (words.length === 0) return undefined;
      words[words.length - 1] += word;
    } else {
      words.push(word);
    }
  }
  return words.length === 0 ? undefined : words.join("-");
}

/** A name as it is written in WIT text: keywords need a sign. */
export function escaped(name) {
  return KEYWORDS.has(name) ? `%${name}` : name;
}

/** A name of WIT as the bindings spell it. */
export function camel(name) {
  return name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
}
