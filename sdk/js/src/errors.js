// How a task ends without a result: throw one of these.

/** What the four ways to end without a result have in common. */
export class TaskError extends Error {
  get name() {
    return this.constructor.name;
  }
}

export class Retry extends TaskError {}

export class Fatal extends TaskError {}

export class Skip extends TaskError {}

export class Reschedule extends TaskError {
  constructor(after) {
    super(`again after ${Math.max(0, Math.round(after))} ms`);
    this.after = Math.max(0, Math.round(after));
  }
}

export class Defer extends TaskError {
  constructor(event, timeout) {
    super(`until the event '${event}', or for ${Math.max(0, Math.round(timeout))} ms`);
    this.event = event;
    this.timeout = Math.max(0, Math.round(timeout));
  }
}
