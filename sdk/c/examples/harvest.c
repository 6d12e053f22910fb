// A task that uses all that the platform offers: it counts the rows that the task `fetch` returned and left as `raw.csv`, and
// leaves a report. With `{"end": "retry"}` and others it ends in another way.
#include "cofferdam.h"
#include <stdio.h>
#include <string.h>

static cofferdam_result end(const char *how) {
  if (!strcmp(how, "retry")) return cofferdam_retry("the %s is closed", "shop");
  if (!strcmp(how, "fatal")) return cofferdam_fatal("there is no shop");
  if (!strcmp(how, "skip")) return cofferdam_skip("nothing was sold");
  if (!strcmp(how, "reschedule")) return cofferdam_reschedule(90000);
  if (!strcmp(how, "defer")) return cofferdam_defer("shop opened", 60000);
  return cofferdam_fatal("there is no ending '%s'", how);
}

cofferdam_result cofferdam_run(const char *input) {
  const char *error = NULL;
  cofferdam_json how, item;
  if (cofferdam_json_field(cofferdam_json_of(input), "end", &how)) return end(cofferdam_json_string(how));

  char *region = cofferdam_variable("region", &error);
  if (!region) return cofferdam_fatal("no region: %s", error ? error : "there is none");
  if (cofferdam_variable("secret_plans", &error) || !error) return cofferdam_fatal("what is not granted was given");
  cofferdam_connection shop;
  if (!cofferdam_get_connection("shop", &shop, &error)) return cofferdam_fatal("no shop: %s", error ? error : "there is none");

  char *fetched = cofferdam_pull("fetch", NULL, &error);
  if (!fetched) return cofferdam_skip("nothing was fetched");
  size_t position = 0, rows = 0, raw = 0, before = 0;
  while (cofferdam_json_next(cofferdam_json_of(fetched), &position, &item)) rows++;
  if (!cofferdam_artifact_read("fetch", "raw.csv", &raw, &error)) return cofferdam_fatal("no raw.csv: %s", error ? error : "there is none");

  char *seen = cofferdam_checkpoint_load(&before, &error);
  char text[200];
  snprintf(text, sizeof text, "%zu rows", rows);
  if (!cofferdam_checkpoint_save(text, strlen(text), &error)) return cofferdam_retry("%s", error);
  cofferdam_log(COFFERDAM_TASK_LOG_LEVEL_INFO, "counted %zu rows", rows);
  if (!cofferdam_artifact_write("reports/count.txt", "text/plain", text, strlen(text), &error)) return cofferdam_fatal("%s", error);
  snprintf(text, sizeof text, "%zu", rows);
  if (!cofferdam_push("rows", text, &error)) return cofferdam_fatal("%s", error);
  cofferdam_progress(1, "counted");

  char output[500];
  snprintf(output, sizeof output, "{\"region\": %s, \"host\": %s, \"port\": %d, \"rows\": %zu, \"raw\": %zu, \"before\": %.*s%.*s%.*s}",
           cofferdam_json_quote(region), cofferdam_json_quote(shop.host), (int)shop.port, rows, raw, seen ? 1 : 0, "\"",
           seen ? (int)before : 4, seen ? seen : "null", seen ? 1 : 0, "\"");
  return cofferdam_ok(output);
}
