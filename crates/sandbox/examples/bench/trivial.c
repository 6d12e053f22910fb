// A task that returns its input. With the input "wait" it asks for an XCom before.
#include "cofferdam.h"
#include <string.h>

cofferdam_result cofferdam_run(const char *input) {
  if (strcmp(input, "\"wait\"") == 0) {
    const char *error = NULL;
    cofferdam_pull("upstream", NULL, &error);
    if (error != NULL) return cofferdam_fatal("%s", error);
  }
  return cofferdam_ok(input);
}
