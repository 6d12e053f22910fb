// What a program imports.

import { written } from "./convert.js";
import { current } from "./host.js";
import { Fatal, Retry } from "./errors.js";

export { Defer, Fatal, Reschedule, Retry, Skip, TaskError } from "./errors.js";
export { task } from "./task.js";

/** The context of this try. */
export function context() {
  const found = current().context();
  return { ...found, conf: JSON.parse(found.conf) };
}

const text = (value) => (typeof value === "string" ? value : (JSON.stringify(value) ?? String(value)));
const write = (level) => (message, fields = {}) =>
  current().log(level, text(message), Object.entries(fields).map(([name, value]) => [name, text(value)]));

export const log = {
  trace: write("trace"),
  debug: write("debug"),
  info: write("info"),
  warn: write("warn"),
  error: write("error"),
};

export const progress = {
  report: (fraction, message = "") => current().progress(fraction, message),
};

function toJson(value) {
  if (value === undefined) throw new TypeError("the value cannot be written as JSON");
  return written(value);
}

export const xcom = {
  push: (key, value) => current().xcomPush(key, toJson(value)),
  pull(taskId, key = "return_value", mapIndex = null) {
    const found = current().xcomPull(taskId, key, mapIndex);
    return found === null || found === undefined ? undefined : JSON.parse(found);
  },
};

export const checkpoint = {
  save: (value) => current().checkpointSave(utf8(toJson(value))),
  load() {
    const found = current().checkpointLoad();
    return found === null || found === undefined ? undefined : JSON.parse(fromUtf8(found));
  },
  saveBytes: (data) => current().checkpointSave(data),
  loadBytes: () => current().checkpointLoad() ?? undefined,
  clear: () => current().checkpointClear(),
};

export function variable(key, fallback) {
  const found = current().variable(key) ?? fallback;
  if (found === undefined) throw new Fatal(`there is no variable '${key}'`);
  return found;
}

export function connection(connectionId) {
  const found = current().connection(connectionId);
  if (found === null || found === undefined) throw new Fatal(`there is no connection '${connectionId}'`);
  return { ...found, extra: typeof found.extra === "string" ? JSON.parse(found.extra) : (found.extra ?? null) };
}

const PIECE = 256 * 1024;

export const artifacts = {
  write(name, data, contentType) {
    const bytes = typeof data === "string" ? utf8(data) : data;
    const type = contentType ?? (typeof data === "string" ? "text/plain; charset=utf-8" : "application/octet-stream");
    const writer = current().artifactCreate(name, type);
    for (let start = 0; start < bytes.length; start += PIECE) writer.write(bytes.subarray(start, start + PIECE));
    return writer.finish();
  },
  read(taskId, name, mapIndex = null) {
    const reader = current().artifactOpen(taskId, name, mapIndex);
    if (reader === null || reader === undefined) return undefined;
    const pieces = [];
    for (;;) {
      const piece = reader.read(PIECE);
      if (piece.length === 0) break;
      pieces.push(piece);
    }
    return joined(pieces);
  },
  listOf: (taskId, mapIndex = null) => current().artifactList(taskId, mapIndex),
};

/** There is no usable response. The task is tried again, unless the program catches this. */
export class HttpError extends Retry {}

/** A response. */
class Response {
  constructor(status, headers, body) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
  get ok() {
    return this.status < 400;
  }
  text() {
    return fromUtf8(this.body);
  }
  json() {
    return JSON.parse(this.text());
  }
  orThrow() {
    if (!this.ok) throw new HttpError(`the server answered ${this.status}: ${this.text().slice(0, 200)}`);
    return this;
  }
}

function request(method, url, { headers = {}, body, json, timeout } = {}) {
  const parts = /^(https?):\/\/([^/?#]+)([^#]*)/i.exec(url);
  if (parts === null) throw new TypeError(`'${url}' is no URL of http or https`);
  const [, scheme, authority, rest] = parts;
  const target = rest.startsWith("/") ? rest : `/${rest}`;
  const sent = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
  let data = typeof body === "string" ? utf8(body) : body;
  if (json !== undefined) {
    data = utf8(toJson(json));
    sent["content-type"] ??= "application/json";
  }
  if (data !== undefined) sent["content-length"] ??= String(data.length);
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  let answer;
  try {
    answer = current().http({ method: method.toUpperCase(), scheme: scheme.toLowerCase(), authority: host, target, headers: sent, body: data, timeout });
  } catch (error) {
    throw new HttpError(`${method.toUpperCase()} ${scheme}://${host}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const received = Object.fromEntries(answer.headers.map(([name, value]) => [name.toLowerCase(), value]));
  return new Response(answer.status, received, answer.body);
}

export const http = {
  request,
  get: (url, options) => request("GET", url, options),
  post: (url, options) => request("POST", url, options),
  put: (url, options) => request("PUT", url, options),
  delete: (url, options) => request("DELETE", url, options),
};

/** A text in UTF-8. QuickJS has no TextEncoder. */
export function utf8(text) {
  const bytes = [];
  for (const char of text) {
    const point = char.codePointAt(0);
    // A surrogate without its partner is no character; what is usual stands for it.
    const code = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return Uint8Array.from(bytes);
}

/** The text of bytes in UTF-8. What is no UTF-8 becomes U+FFFD. */
export function fromUtf8(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at];
    const length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
    let code = length === 1 ? first : first & (0xff >> (length + 1));
    let whole = length > 0 && at + length <= bytes.length;
    for (let next = 1; whole && next < length; next += 1) {
      whole = (bytes[at + next] & 0xc0) === 0x80;
      code = (code << 6) | (bytes[at + next] & 63);
    }
    const least = [0, 0, 0x80, 0x800, 0x10000][length];
    if (whole && code >= least && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)) {
      text += String.fromCodePoint(code);
      at += length;
    } else {
      text += "\ufffd";
      at += 1;
    }
  }
  return text;
}

function joined(pieces) {
  const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
