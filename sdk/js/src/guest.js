// What stands between a program and the component's exports. Runs inside the component only.

import { Defer, Fatal, Reschedule, Retry, Skip } from "./errors.js";
import { Mismatch, fromWit, toWit, written } from "./convert.js";
import { fromUtf8, utf8 } from "./index.js";
import { push } from "./host.js";

/** Sets the platform: the bindings of the interfaces that the component imports. */
export function connect(bindings) {
  push(new Guest(bindings));
  const write = (level) => (...values) => bindings.log.write(level, values.map(inspected).join(" "), []);
  globalThis.console = { debug: write("debug"), log: write("info"), info: write("info"), warn: write("warn"), error: write("error") };
}

let sources = {};

/** Tells by its files where the lines of the program come from: the source, and its line for each. */
export function places(found) {
  sources = found;
}

/** A stack, with places in the sources, and without what lies around the program. */
export function located(stack) {
  const known = /\/program\/([^:()\s]+):(\d+)(:\d+)?/;
  const own = stack.trimEnd().split("\n").filter((line) => !line.includes("/@cofferdam/sdk/src/") && !line.includes("(native)"));
  return own.map((line) => line.replace(known, (place, file, number) => {
    const [source, lines] = sources[file] ?? [];
    return lines?.[number - 1] ? `${source}:${lines[number - 1]}` : place;
  })).join("\n");
}

function inspected(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${value}\n${located(value.stack ?? "")}`.trimEnd();
  try {
    return value === undefined || typeof value === "function" ? String(value) : written(value);
  } catch {
    return String(value);
  }
}

/** A task as an export: values are converted, and errors become what the platform knows. */
export function typed(run, params, result) {
  return (...values) =>
    guarded(() => {
      const args = fitted("the input does not fit", () => params.map(([name, plan], index) => named(name, () => fromWit(plan, values[index]))));
      const returned = settled(run(...args));
      if (result === null) return undefined;
      return fitted("the task returned what its type does not say", () => toWit(result, returned));
    });
}

/** A task that takes and returns JSON, as the export `run`. */
export function json(run) {
  return (input) => guarded(() => {
    const returned = settled(run(JSON.parse(input)));
    return fitted("the result cannot be written", () => written(returned));
  });
}

function named(name, run) {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    const [expected, value, path] = error.parts;
    throw new Mismatch(expected, value, `/${name}${path}`);
  }
}

function fitted(what, run) {
  try {
    return run();
  } catch (error) {
    throw error instanceof Mismatch || error instanceof SyntaxError ? new Fatal(`${what}: ${error.message}`) : error;
  }
}

function settled(value) {
  if (value !== null && typeof value === "object" && typeof value.then === "function") {
    throw new Fatal("a task cannot be async: everything that the platform offers returns at once");
  }
  return value;
}

export function guarded(run) {
  try {
    return run();
  } catch (error) {
    if (error instanceof Skip) throw { tag: "skip", val: error.message };
    if (error instanceof Reschedule) throw { tag: "reschedule", val: error.after };
    if (error instanceof Defer) throw { tag: "defer", val: { event: error.event, timeoutMs: error.timeout } };
    if (error instanceof Fatal || error instanceof Mismatch) throw { tag: "fatal", val: error.message };
    if (error instanceof Retry) throw { tag: "retryable", val: error.message };
    globalThis.console.error(error);
    throw { tag: "retryable", val: error instanceof Error ? `${error.name}: ${error.message}` : inspected(error) };
  }
}

/** A refusal of the host as an error: the case's name in words, and what the host says. */
function refusing(what, run) {
  try {
    return run();
  } catch (error) {
    throw new Fatal(`${what}: ${words(error)}`);
  }
}

/** What the host said: the bindings throw it as it is, or within an Error. */
function payload(error) {
  return error instanceof Error && error.payload !== undefined ? error.payload : error;
}

function words(error) {
  const found = payload(error);
  if (found instanceof Error) return found.message;
  const { tag, val } = found?.tag === undefined ? { tag: String(found) } : found;
  return `${tag.replaceAll("-", " ").toLowerCase()}${val === undefined || val === null ? "" : `: ${typeof val === "string" ? val : JSON.stringify(val)}`}`;
}

/** Answers through the host. */
class Guest {
  #bindings;

  constructor(bindings) {
    this.#bindings = bindings;
  }
  #interface(name) {
    const found = this.#bindings[name];
    if (found === undefined) {
      throw new Fatal(`this component does not import '${name}': import it by name from @cofferdam/sdk, so that it is seen when the component is built`);
    }
    return found;
  }
  context() {
    const found = this.#interface("context");
    return { ...found.get(), deadline: found.deadline?.() ?? null };
  }
  log(level, message, fields) {
    this.#interface("log").write(level, message, fields);
  }
  progress(fraction, message) {
    this.#interface("progress").report(fraction, message);
  }
  xcomPush(key, value) {
    refusing(`the XCom '${key}' was not taken`, () => this.#interface("xcom").push(key, value));
  }
  xcomPull(taskId, key, mapIndex) {
    return refusing(`the XCom '${key}' of '${taskId}' was not given`, () => this.#interface("xcom").pull(taskId, key, mapIndex));
  }
  checkpointSave(data) {
    refusing("the checkpoint was not kept", () => this.#interface("checkpoint").save(data));
  }
  checkpointLoad() {
    return refusing("the checkpoint was not given", () => this.#interface("checkpoint").load());
  }
  checkpointClear() {
    refusing("the checkpoint was not forgotten", () => this.#interface("checkpoint").clear());
  }
  variable(key) {
    return refusing(`the variable '${key}' was not given`, () => this.#interface("config").getVariable(key));
  }
  connection(connectionId) {
    return refusing(`the connection '${connectionId}' was not given`, () => this.#interface("config").getConnection(connectionId));
  }
  artifactCreate(name, contentType) {
    const what = `the artifact '${name}' was not taken`;
    const writer = refusing(what, () => this.#interface("artifacts").create(name, contentType));
    return { write: (data) => refusing(what, () => writer.write(data)), finish: () => refusing(what, () => writer.finish()) };
  }
  artifactOpen(taskId, name, mapIndex) {
    const what = `the artifact '${name}' of '${taskId}' was not given`;
    const reader = refusing(what, () => this.#interface("artifacts").open(taskId, name, mapIndex));
    return reader && { read: (size) => refusing(what, () => reader.read(size)) };
  }
  artifactList(taskId, mapIndex) {
    return refusing(`the artifacts of '${taskId}' were not given`, () => this.#interface("artifacts").listOf(taskId, mapIndex));
  }
  http(request) {
    try {
      return send(this.#interface("http"), request);
    } catch (error) {
      throw new Error(words(error));
    }
  }
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"];

function send({ types, handler }, { method, scheme, authority, target, headers, body, timeout }) {
  const fields = types.Fields.fromList(Object.entries(headers).map(([name, value]) => [name, utf8(value)]));
  const request = new types.OutgoingRequest(fields);
  request.setMethod(METHODS.includes(method) ? { tag: method.toLowerCase() } : { tag: "other", val: method });
  request.setScheme({ tag: scheme.toUpperCase() });
  request.setAuthority(authority);
  request.setPathWithQuery(target);
  const outgoing = request.body();
  const future = handler.handle(request, timeout === undefined ? null : options(types, timeout));
  write(types, outgoing, body ?? []);
  const ready = future.subscribe();
  ready.block();
  ready[Symbol.dispose]();
  const answer = future.get();
  // The outer result is an error only when the answer was taken already.
  const inner = answer.tag === "ok" ? answer.val : answer;
  if (inner.tag !== "ok") throw inner.val;
  const response = inner.val;
  const received = response.headers();
  const list = received.entries().map(([name, value]) => [name, latin1(value)]);
  received[Symbol.dispose]();
  const status = response.status();
  const incoming = response.consume();
  const content = read(incoming);
  incoming[Symbol.dispose]();
  response[Symbol.dispose]();
  return { status, headers: list, body: content };
}

/** Writes the body. When the host does not take it, what it answers says why. */
function write(types, outgoing, body) {
  let broken = false;
  if (body.length > 0) {
    const stream = outgoing.write();
    try {
      // What one call takes.
      for (let start = 0; start < body.length; start += 4096) stream.blockingWriteAndFlush(body.slice(start, start + 4096));
    } catch {
      broken = true;
    } finally {
      stream[Symbol.dispose]();
    }
  }
  if (broken) outgoing[Symbol.dispose]();
  else types.OutgoingBody.finish(outgoing, null);
}

function read(incoming) {
  const stream = incoming.stream();
  const pieces = [];
  let size = 0;
  try {
    for (;;) {
      const piece = Uint8Array.from(stream.blockingRead(1 << 16));
      pieces.push(piece);
      size += piece.length;
    }
  } catch (error) {
    if (payload(error)?.tag !== "closed") throw new Error(`the response broke off: ${words(error)}`);
  } finally {
    stream[Symbol.dispose]();
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function options(types, timeout) {
  const made = new types.RequestOptions();
  const nanoseconds = Math.max(1, Math.round(timeout * 1e6));
  made.setConnectTimeout(nanoseconds);
  made.setFirstByteTimeout(nanoseconds);
  made.setBetweenBytesTimeout(nanoseconds);
  return made;
}

function latin1(bytes) {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

export { fromUtf8 };
