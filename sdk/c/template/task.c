// The task of {{name}}.
#include "cofferdam.h"
#include <stdio.h>

// Sums up the values. Without values there is nothing to do.
cofferdam_result cofferdam_run(const char *input) {
  cofferdam_json values, item;
  if (!cofferdam_json_field(cofferdam_json_of(input), "values", &values) || !cofferdam_json_is_array(values)) {
    return cofferdam_fatal("the input has no array 'values'");
  }
  size_t position = 0, count = 0;
  double sum = 0, number;
  while (cofferdam_json_next(values, &position, &item)) {
    if (!cofferdam_json_number(item, &number)) return cofferdam_fatal("value %zu is not a number", count);
    sum += number;
    count++;
  }
  if (count == 0) return cofferdam_skip("there are no values");
  cofferdam_log(COFFERDAM_TASK_LOG_LEVEL_INFO, "summing up %zu values", count);
  char output[100];
  snprintf(output, sizeof output, "{\"count\": %zu, \"mean\": %.17g}", count, sum / (double)count);
  return cofferdam_ok(output);
}
