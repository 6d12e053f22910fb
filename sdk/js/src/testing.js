// Runs a task without a platform, with fakes of what the platform gives.

import { pop, push } from "./host.js";
import { createHash } from "node:crypto";

const CONTEXT = {
  dagId: "test",
  dagRunId: "manual__test",
  taskId: "test",
  mapIndex: null,
  tryNumber: 1,
  maxTries: 1,
  logicalDate: "2026-01-02T00:00:00Z",
  dataIntervalStart: "2026-01-01T00:00:00Z",
  dataIntervalEnd: "2026-01-02T00:00:00Z",
  conf: {},
  idempotencyKey: "test/manual__test/test/-1",
  deadline: null,
};

class Fake {
  pushed = {};
  logs = [];
  progressReports = [];
  artifacts = {};

  constructor(given) {
    this.given = given;
    this.kept = given.checkpoint === undefined ? undefined : new TextEncoder().encode(JSON.stringify(given.checkpoint));
  }
  messages(level) {
    return this.logs.filter((line) => level === undefined || line.level === level).map((line) => line.message);
  }
  context() {
    const values = { ...CONTEXT, ...this.given.context };
    return { ...values, conf: JSON.stringify(values.conf) };
  }
  log(level, message, fields) {
    this.logs.push({ level, message, fields: Object.fromEntries(fields) });
  }
  progress(fraction, message) {
    this.progressReports.push([fraction, message]);
  }
  xcomPush(key, value) {
    this.pushed[key] = JSON.parse(value);
  }
  xcomPull(taskId, key) {
    const found = this.given.xcoms?.[taskId]?.[key];
    return found === undefined ? null : JSON.stringify(found);
  }
  checkpointSave(data) {
    this.kept = data;
  }
  checkpointLoad() {
    return this.kept ?? null;
  }
  checkpointClear() {
    this.kept = undefined;
  }
  variable(key) {
    return this.given.variables?.[key] ?? null;
  }
  connection(connectionId) {
    const found = this.given.connections?.[connectionId];
    const empty = { connType: "http", host: null, port: null, login: null, password: null, schema: null, extra: null };
    return found === undefined ? null : { connectionId, ...empty, ...found };
  }
  artifactCreate(name, contentType) {
    const pieces = [];
    return {
      write: (data) => pieces.push(data),
      finish: () => {
        const data = Uint8Array.from(Buffer.concat(pieces));
        this.artifacts[name] = data;
        return { name, contentType, size: data.length, sha256: createHash("sha256").update(data).digest("hex") };
      },
    };
  }
  artifactOpen(taskId, name) {
    let rest = this.given.artifacts?.[taskId]?.[name];
    if (rest === undefined) return null;
    return {
      read: (size) => {
        const piece = rest.subarray(0, size);
        rest = rest.subarray(size);
        return piece;
      },
    };
  }
  artifactList(taskId) {
    const found = Object.entries(this.given.artifacts?.[taskId] ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    return found.map(([name, data]) => ({
      name,
      contentType: "application/octet-stream",
      size: data.length,
      sha256: createHash("sha256").update(data).digest("hex"),
    }));
  }
  http(request) {
    if (this.given.http === undefined) throw new Error("the test gave no `http` to answer it");
    const { status = 200, headers = {}, body = "" } = this.given.http(request);
    return { status, headers: Object.entries(headers), body: typeof body === "string" ? new TextEncoder().encode(body) : body };
  }
}

/** Calls a function while a fake platform answers, and returns the fake, which remembers what it was told. */
export function fake(given, run) {
  const made = new Fake(given);
  push(made);
  try {
    run();
  } finally {
    pop();
  }
  return made;
}
