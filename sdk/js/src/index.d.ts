// What a program imports from "@cofferdam/sdk".

/** A whole number of 64 bits, as far as a number of JavaScript is exact. In WIT it is `s64`; a plain number is `f64`. */
export type Int = number & { readonly __int?: never };

/** A function that is a task. It can be called as before. */
export type Task<F extends (...args: never[]) => unknown> = F & { readonly __task?: never };

/** A task that takes the whole input as one value, without types. */
export type JsonTask = ((input: any) => unknown) & { readonly __task?: never; readonly __json?: never };

/** Makes a task of a function. Its parameters and its result are read from its types. */
export declare function task<F extends (...args: never[]) => unknown>(run: F): Task<F>;
export declare namespace task {
  /** Makes a task of a function that takes the whole input as one value, and returns one. It is alone in its file. */
  function json(run: (input: any) => unknown): JsonTask;
}

/** What the four ways to end without a result have in common. */
export declare class TaskError extends Error {}
/** Something that may pass: the task is tried again, if it has tries left. Any other error counts as this. */
export declare class Retry extends TaskError {}
/** Something that will not pass: the task fails now, whatever tries it has left. */
export declare class Fatal extends TaskError {}
/** There is nothing to do: the task is recorded as skipped. */
export declare class Skip extends TaskError {}
/** Not yet: run the task again after this many milliseconds. This uses up no try. */
export declare class Reschedule extends TaskError {
  constructor(after: number);
  readonly after: number;
}
/** Wait for an event without holding a worker, at most for this many milliseconds. This uses up no try. */
export declare class Defer extends TaskError {
  constructor(event: string, timeout: number);
  readonly event: string;
  readonly timeout: number;
}

/** The task, its run, and what the run is for. Moments are texts (RFC 3339, UTC). */
export interface Context {
  readonly dagId: string;
  readonly dagRunId: string;
  readonly taskId: string;
  /** Position in a mapped task; null when the task is not mapped. */
  readonly mapIndex: number | null;
  /** The try, counted from 1. */
  readonly tryNumber: number;
  readonly maxTries: number;
  readonly logicalDate: string;
  readonly dataIntervalStart: string;
  readonly dataIntervalEnd: string;
  /** What the run was triggered with. */
  readonly conf: Record<string, unknown>;
  /** The same in each try of this task instance, and nowhere else. */
  readonly idempotencyKey: string;
  /** When this try is stopped at the latest, where it has an end. */
  readonly deadline: string | null;
}

/** The context of this try. It does not change while the task runs. */
export declare function context(): Context;

type Write = (message: string, fields?: Record<string, unknown>) => void;
/** Log messages with a level and fields. `console.log` works too. */
export declare const log: {
  readonly trace: Write;
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
};

/** How far the task is, for those who watch. */
export declare const progress: {
  /** Tells how much is done, from 0 to 1, and what is being done. */
  report(fraction: number, message?: string): void;
};

/** Small values that the tasks of a run hand to each other. */
export declare const xcom: {
  /** Leaves a value, anything that JSON can hold, under a key. It is recorded when the try ends. */
  push(key: string, value: unknown): void;
  /** What a task of the same run left under a key; by default, what it returned. */
  pull<T = unknown>(taskId: string, key?: string, mapIndex?: number | null): T | undefined;
};

/** What a task keeps for its own next try: how far it came. */
export declare const checkpoint: {
  /** Keeps this value, anything that JSON can hold, in place of what was kept before. */
  save(value: unknown): void;
  /** The value that was kept last. */
  load<T = unknown>(): T | undefined;
  saveBytes(data: Uint8Array): void;
  loadBytes(): Uint8Array | undefined;
  /** Forgets what was kept. */
  clear(): void;
};

/** The value of a variable that the task's grant names. Without a fallback, one that does not exist is fatal. */
export declare function variable(key: string, fallback?: string): string;

/** How to reach something outside, as Airflow has it. */
export interface Connection {
  readonly connectionId: string;
  readonly connType: string;
  readonly host: string | null;
  readonly port: number | null;
  readonly login: string | null;
  readonly password: string | null;
  readonly schema: string | null;
  readonly extra: unknown;
}

/** A connection that the task's grant names. One that does not exist is fatal. */
export declare function connection(connectionId: string): Connection;

/** What is known of an artifact. */
export interface Artifact {
  readonly name: string;
  readonly contentType: string;
  readonly size: number;
  readonly sha256: string;
}

/** Files that a task leaves behind, and those that tasks of the same run left. */
export declare const artifacts: {
  /** Leaves bytes, or a text in UTF-8. */
  write(name: string, data: Uint8Array | string, contentType?: string): Artifact;
  /** The bytes of an artifact that a task of the same run left; undefined when there is no such artifact. */
  read(taskId: string, name: string, mapIndex?: number | null): Uint8Array | undefined;
  listOf(taskId: string, mapIndex?: number | null): Artifact[];
};

/** There is no usable response. The task is tried again, unless the program catches this. */
export declare class HttpError extends Retry {}

/** A response. Names of headers are in lower case. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
  /** Whether the status is below 400. */
  readonly ok: boolean;
  text(): string;
  json<T = unknown>(): T;
  /** Itself, unless the status tells of an error. */
  orThrow(): HttpResponse;
}

/** What a request has besides method and URL. */
export interface HttpOptions {
  headers?: Record<string, string>;
  body?: Uint8Array | string;
  /** A body that is written as JSON. */
  json?: unknown;
  /** Milliseconds for each step of it. */
  timeout?: number;
}

/** HTTP requests, to the hosts that the task's grant names. They wait for the whole response. */
export declare const http: {
  request(method: string, url: string, options?: HttpOptions): HttpResponse;
  get(url: string, options?: HttpOptions): HttpResponse;
  post(url: string, options?: HttpOptions): HttpResponse;
  put(url: string, options?: HttpOptions): HttpResponse;
  delete(url: string, options?: HttpOptions): HttpResponse;
};

/** A text in UTF-8. */
export declare function utf8(text: string): Uint8Array;
/** The text of bytes in UTF-8. */
export declare function fromUtf8(bytes: Uint8Array): string;

declare global {
  // As the types of Node and of browsers have it, so that they can be there too.
  interface Console {
    log(...values: any[]): void;
    info(...values: any[]): void;
    debug(...values: any[]): void;
    warn(...values: any[]): void;
    error(...values: any[]): void;
  }
  /** Writes to the task's log. */
  var console: Console;
}
