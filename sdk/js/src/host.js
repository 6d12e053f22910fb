// Who answers a task. In tests that is a fake; when a component is built, `build/guest.js` sets one that asks the platform.

const answering = [];

/** Who answers now. */
export function current() {
  const host = answering.at(-1);
  if (host === undefined) {
    throw new Error("outside of a component a task needs a fake platform: see `fake` in @cofferdam/sdk/testing");
  }
  return host;
}

/** From now on this one answers. */
export function push(host) {
  answering.push(host);
}

/** The one before it answers again. */
export function pop() {
  answering.pop();
}
