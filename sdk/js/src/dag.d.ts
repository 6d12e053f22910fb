// What a program imports from "@cofferdam/sdk/dag".

/** What JSON can hold, with what tasks return in any place. */
export type Input = null | boolean | number | string | Output | Form | readonly Input[] | { readonly [key: string]: Input };

/** Something that stands for a value that is known when the dag runs. */
export interface Form {
  readonly $param?: string;
  readonly $literal?: unknown;
  readonly default?: unknown;
}

/** What a task returns, or a part of it. */
export interface Output {
  /** A part: `rows.at("temperature", 0)`. */
  at(...segments: (string | number)[]): Output;
}

/** What tasks and groups have in common. */
export interface Step {
  /** Lets it wait for others. */
  after(...others: (Step | readonly Step[])[]): this;
  /** Lets others wait for it. */
  before(...others: (Step | readonly Step[])[]): this;
}

/** A task of a dag. In an input it stands for what the task returns. */
export interface TaskNode extends Step, Output {
  /** Its name, with those of its groups. */
  readonly id: string;
  /** Something that the task pushes beside what it returns. */
  xcom(key: string): Output;
}

/** What is run when something has happened: a component's name, or an object of fields as they are written in a definition. */
export type Callback = string | ({ component?: string; script?: { language: string; source: string }; input?: unknown } & Record<string, unknown>);
/** By when something has to have ended. */
export interface Deadline {
  after: string | number;
  from?: "queued_at" | "started_at" | "logical_date";
  callback?: Callback;
}

/** Settings of a task; `docs/dags.md` describes each under its name there (`retryDelay` is `retry_delay`). */
export interface Settings {
  triggerRule?: string;
  retries?: number;
  retryDelay?: string | number;
  retryBackoff?: "constant" | "exponential";
  maxRetryDelay?: string | number;
  retryJitter?: number;
  retryOn?: Record<string, boolean>;
  timeout?: string | number;
  priority?: number;
  pool?: string;
  poolSlots?: number;
  queue?: string;
  limits?: Record<string, string | number>;
  grant?: Record<string, unknown>;
  branch?: boolean;
  shortCircuit?: boolean | Record<string, unknown>;
  setup?: boolean;
  teardown?: boolean | Record<string, unknown>;
  dependsOnPast?: boolean;
  waitForDownstream?: boolean;
  maxActive?: number;
  produces?: readonly unknown[];
  onSuccess?: Callback;
  onFailure?: Callback;
  onRetry?: Callback;
  onSkipped?: Callback;
  deadline?: Deadline;
  doc?: string;
  [setting: string]: unknown;
}

/** Settings of a task that takes an input. */
export interface TaskFields extends Settings {
  input?: Input;
  /** Lists: the task runs once for each element, or for each combination of several lists' elements. */
  expand?: { readonly [parameter: string]: Input } | { readonly over: { readonly [parameter: string]: Input }; readonly mode?: "product" | "zip" };
  after?: Step | readonly Step[];
}

/** Fields of a dag; `docs/dags.md` describes each under its name there (`startDate` is `start_date`). */
export interface DagFields {
  description?: string;
  docMd?: string;
  tags?: readonly string[];
  owners?: readonly string[];
  schedule?: unknown;
  timezone?: string;
  startDate?: string;
  endDate?: string;
  catchup?: boolean;
  maxActiveRuns?: number;
  maxActiveTasks?: number;
  dagrunTimeout?: string | number;
  defaults?: Settings;
  limits?: Record<string, string | number>;
  params?: Record<string, unknown>;
  [field: string]: unknown;
}

/** The definition of a dag. */
export interface Dag {
  readonly dag_id: string;
  readonly tasks: readonly Record<string, unknown>[];
}

/** A mistake in a file with dags. */
export declare class DagError extends Error {}

/** A dag that a function writes. Export it: `export default dag("sums", () => { … })`. */
export declare function dag(dagId: string, write: () => void): Dag;
export declare function dag(dagId: string, fields: DagFields, write: () => void): Dag;
/** A task that runs a component. */
export declare function component(
  taskId: string,
  name: string,
  settings?: TaskFields & { function?: string; args?: readonly string[]; env?: Record<string, string> },
): TaskNode;
/** A task that runs a function of this file as a script. The function uses nothing of the file around it. */
export declare function script(taskId: string, run: (input: any) => unknown, settings?: TaskFields): TaskNode;
/** A task that makes a run of another dag, and waits for its end unless `wait` is false. */
export declare function runDag(
  taskId: string,
  dagId: string,
  settings?: Settings & { conf?: Input; wait?: boolean; logicalDate?: string; after?: Step | readonly Step[] },
): TaskNode;
/** A task that waits until somebody approves. */
export declare function approval(
  taskId: string,
  message: string,
  settings?: Settings & { who?: unknown; timeout?: string; until?: string; expand?: TaskFields["expand"]; onExpiry?: "fail" | "skip" | "approve"; onReject?: "fail" | "skip"; options?: readonly string[]; after?: Step | readonly Step[] },
): TaskNode;
/** Tasks that belong together; their names begin with the group's. With `expand` they run once for each item. */
export declare function group(name: string, write: () => void, fields?: { description?: string; expand?: TaskFields["expand"] }): Step;
/** Puts tasks and groups one after another: `chain(a, [b, c], d)`. */
export declare function chain(...steps: (Step | readonly Step[])[]): void;
/** What a run's parameter is. */
export declare function param(name: string, fallback?: unknown): Form;
/** For tasks of a mapped group: their item of the list of that name; with segments, a part of it. */
export declare function item(name: string, ...segments: (string | number)[]): Form;
/** A value that is taken as it is, also when it looks like a template. */
export declare function literal(value: unknown): Form;
