// Dags that are written in TypeScript or JavaScript: what a program imports from "@cofferdam/sdk/dag".

const DAG = Symbol.for("cofferdam.dag");

/** A mistake in a file with dags. */
export class DagError extends Error {}

let writing = null;

function current() {
  if (writing === null) throw new DagError("tasks are made inside of the function that is given to dag()");
  return writing;
}

/** What a task returns, or a part of it. */
class Output {
  constructor(node, path = "", key = undefined) {
    Object.assign(this, { node, path, key });
  }

  at(...segments) {
    const more = segments.map((segment) => `/${String(segment).replaceAll("~", "~0").replaceAll("/", "~1")}`);
    return new Output(this.node, this.path + more.join(""), this.key);
  }

  toJSON() {
    return { $from: this.node.id, ...(this.path && { path: this.path }), ...(this.key !== undefined && { key: this.key }) };
  }
}

/** What has an order: tasks and groups. */
class Step {
  /** Lets it wait for others. */
  after(...others) {
    link(others, [this]);
    return this;
  }

  /** Lets others wait for it. */
  before(...others) {
    link([this], others);
    return this;
  }
}

class Node extends Step {
  constructor(name, work, { input, expand, after, ...settings } = {}) {
    super();
    const dag = current();
    this.id = dag.group === null ? name : `${dag.group.name}.${name}`;
    if (dag.nodes.some((other) => other.id === this.id)) throw new DagError(`there is a task '${this.id}' already`);
    Object.assign(this, { work, settings, input, expand, group: dag.group, place: place() });
    this.upstream = [];
    dag.nodes.push(this);
    for (let group = dag.group; group !== null; group = group.parent) group.nodes.push(this);
    if (after !== undefined) this.after(...[after].flat());
  }

  /** What the task returns; `at("rows", 0)` is a part of it. */
  at(...segments) {
    return new Output(this).at(...segments);
  }

  /** Something that the task pushes beside what it returns. */
  xcom(key) {
    return new Output(this, "", key);
  }

  toJSON() {
    return new Output(this).toJSON();
  }

  first() {
    return [this];
  }

  last() {
    return [this];
  }

  named() {
    const found = [];
    const look = (value) => {
      if (value instanceof Output) found.push(value.node);
      else if (value instanceof Node) found.push(value);
      else if (value !== null && typeof value === "object") Object.values(value).forEach(look);
    };
    [this.input, this.expand, this.work].forEach(look);
    return found;
  }

  written() {
    const after = this.upstream.filter((other) => !this.named().includes(other)).map((other) => other.id);
    return {
      task_id: this.id,
      ...this.work,
      ...(this.input !== undefined && { input: this.input }),
      ...(this.expand !== undefined && { expand: expansion(this.expand) }),
      ...(after.length > 0 && { depends_on: after }),
      ...(this.group !== null && { group: this.group.name }),
      ...snake(this.settings),
    };
  }
}

class Group extends Step {
  constructor(name, { description, expand }, parent) {
    super();
    Object.assign(this, { name: parent === null ? name : `${parent.name}.${name}`, description, expand, parent, nodes: [] });
  }

  first() {
    return this.nodes.filter((node) => !upstream(node).some((other) => this.nodes.includes(other)));
  }

  last() {
    const followed = this.nodes.flatMap(upstream);
    return this.nodes.filter((node) => !followed.includes(node));
  }
}

function upstream(node) {
  return [...node.upstream, ...node.named()];
}

function link(before, after) {
  for (const one of [...before, ...after].flat()) {
    if (!(one instanceof Step)) throw new DagError(`${String(one)} is neither a task nor a group`);
  }
  current().edges.push([before.flat(), after.flat()]);
}

function expansion(expand) {
  return "over" in expand ? expand : { over: expand };
}

/** `retryDelay` as it is written in a definition: `retry_delay`. Values stay as they are. */
function snake(fields) {
  const written = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined).map(([name, value]) => [written(name), value]));
}

/** The line that calls what is exported here. */
function place() {
  const frames = (new Error().stack ?? "").split("\n").slice(1);
  const own = new URL(import.meta.url).pathname;
  const frame = frames.find((each) => !each.includes(own) && /:\d+:\d+\)?$/.test(each));
  const found = frame?.match(/:(\d+):\d+\)?$/);
  return found ? Number(found[1]) : undefined;
}

/** A dag that a function writes. */
export function dag(dagId, fields, write) {
  if (typeof fields === "function") return dag(dagId, {}, fields);
  if (writing !== null) throw new DagError("a dag cannot be written inside of another: use runDag to run it");
  const written = { nodes: [], groups: [], group: null, edges: [] };
  const at = place();
  writing = written;
  try {
    write();
    for (const [before, after] of written.edges) {
      const above = before.flatMap((one) => one.last());
      for (const node of after.flatMap((one) => one.first())) {
        node.upstream.push(...above.filter((other) => !node.upstream.includes(other)));
      }
    }
  } finally {
    writing = null;
  }
  const groups = written.groups.map(({ name, description, expand }) => [
    name,
    { ...(description !== undefined && { description }), ...(expand !== undefined && { expand: expansion(expand) }) },
  ]);
  const definition = {
    dag_id: dagId,
    ...snake({ ...fields, defaults: fields.defaults && snake(fields.defaults) }),
    ...(groups.length > 0 && { groups: Object.fromEntries(groups) }),
    tasks: written.nodes.map((node) => node.written()),
  };
  const places = { "": at };
  written.nodes.forEach((node, index) => (places[`/tasks/${index}`] = node.place));
  // What was said of its tasks is copied, so that it does not change any more.
  return Object.assign(JSON.parse(JSON.stringify(definition)), { [DAG]: places });
}

/** Where the tasks of a dag stand in its file; undefined for what is no dag. */
export function placesOf(value) {
  return value !== null && typeof value === "object" ? value[DAG] : undefined;
}

/** A task that runs a component. */
export function component(taskId, name, { function: called, args, env, ...settings } = {}) {
  return new Node(taskId, { component: name, ...(called && { function: called }), ...(args && { args }), ...(env && { env }) }, settings);
}

/** A task that runs a function of this file, as a script: it takes the task's input and uses nothing of the file around it. */
export function script(taskId, run, settings = {}) {
  if (typeof run !== "function") throw new DagError(`the task '${taskId}' needs a function`);
  const source = `const run = ${run.toString()};\n\nfunction main(input) {\n  return run(input);\n}\n`;
  return new Node(taskId, { script: { language: "javascript", source } }, settings);
}

/** A task that makes a run of another dag, and waits for its end unless `wait` is false. */
export function runDag(taskId, dagId, { conf, wait, logicalDate, ...settings } = {}) {
  return new Node(taskId, { run_dag: { dag_id: dagId, ...snake({ conf, wait, logicalDate }) } }, settings);
}

/** A task that waits until somebody approves. */
export function approval(taskId, message, { who, timeout, until, onExpiry, onReject, options, ...settings } = {}) {
  return new Node(taskId, { approval: { message, ...snake({ who, timeout, until, onExpiry, onReject, options }) } }, settings);
}

/** Tasks that belong together; their names begin with the group's. With `expand` they run once for each item. */
export function group(name, write, fields = {}) {
  const dag = current();
  const made = new Group(name, fields, dag.group);
  if (dag.groups.some((other) => other.name === made.name)) throw new DagError(`there is a group '${made.name}' already`);
  dag.groups.push(made);
  dag.group = made;
  try {
    write();
  } finally {
    dag.group = made.parent;
  }
  return made;
}

/** Puts tasks and groups one after another. */
export function chain(...steps) {
  steps.slice(1).forEach((step, index) => link([steps[index]].flat(), [step].flat()));
}

/** What a run's parameter is. */
export function param(name, fallback) {
  return { $param: name, ...(fallback !== undefined && { default: fallback }) };
}

/** For tasks of a mapped group: their item of the list of that name; with segments, a part of it. */
export function item(name, ...segments) {
  const { path } = new Output(null).at(...segments);
  return { $item: name, ...(path && { path }) };
}

/** A value that is taken as it is, also when it looks like a template. */
export function literal(value) {
  return { $literal: value };
}
