// What `task` makes of a function.

const MARK = Symbol.for("cofferdam.task");

/** Marks a function as a task. It can be called as before. */
export function task(run) {
  if (typeof run !== "function") throw new TypeError("task takes a function");
  const made = (...args) => run(...args);
  Object.defineProperty(made, "name", { value: run.name });
  made[MARK] = true;
  return made;
}

/** Marks a function that takes the task's whole input as one value, and returns one. */
task.json = (run) => task(run);

/** Whether `task` made it. */
export function isTask(value) {
  return typeof value === "function" && value[MARK] === true;
}
