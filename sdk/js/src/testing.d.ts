// What a test imports from "@cofferdam/sdk/testing".

import type { Connection, Context } from "./index.js";

/** What the fake platform gives. */
export interface Given {
  /** What the context differs in. */
  context?: Partial<Context>;
  /** What other tasks left, by task and key. */
  xcoms?: Record<string, Record<string, unknown>>;
  variables?: Record<string, string>;
  connections?: Record<string, Partial<Connection>>;
  checkpoint?: unknown;
  /** What other tasks left as files, by task and name. */
  artifacts?: Record<string, Record<string, Uint8Array>>;
  /** Answers requests. */
  http?: (request: {
    method: string;
    scheme: string;
    authority: string;
    target: string;
    headers: Record<string, string>;
    body?: Uint8Array;
  }) => { status?: number; headers?: Record<string, string>; body?: string | Uint8Array };
}

/** A platform that remembers what it was told. */
export interface Fake {
  readonly pushed: Record<string, unknown>;
  readonly logs: { level: string; message: string; fields: Record<string, string> }[];
  readonly progressReports: [number, string][];
  readonly artifacts: Record<string, Uint8Array>;
  /** The messages of its log, of one level or of all. */
  messages(level?: string): string[];
}

/** Calls a function while a fake platform answers, and returns the fake. */
export declare function fake(given: Given, run: () => void): Fake;
