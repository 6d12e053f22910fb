// Where the lines of a compiled program come from.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** For each line of a compiled file the line of its source, both counted from 1 (0 where there is none), by a source map (version 3). */
export function lines(map) {
  let source = 0;
  return map.mappings.split(";").map((line) => {
    let first = 0;
    for (const [index, segment] of line.split(",").entries()) {
      const fields = numbers(segment);
      if (fields.length < 4) continue;
      source += fields[2];
      if (index === 0) first = source + 1;
    }
    return first;
  });
}

/** The numbers of a segment, in base 64 with variable length. */
function numbers(segment) {
  const found = [];
  let value = 0;
  let shift = 0;
  for (const letter of segment) {
    const digit = DIGITS.indexOf(letter);
    value += (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    found.push(value & 1 ? -(value >> 1) : value >> 1);
    value = 0;
    shift = 0;
  }
  return found;
}
