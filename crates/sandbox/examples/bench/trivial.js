// A task that returns its input. With the input `"wait"` it asks for an XCom before.

import { task, xcom } from "@cofferdam/sdk";

export default task.json((input) => {
  if (input === "wait") xcom.pull("upstream");
  return input;
});
