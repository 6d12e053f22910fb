// A task that asks a shop for its orders and reports their total. The token of the connection "shop" is put into the request by the host:
// the task never has it.
#include "cofferdam.h"
#include <stdio.h>
#include <string.h>

cofferdam_result cofferdam_run(const char *input) {
  cofferdam_json given = cofferdam_json_of(input), orders, report;
  if (!cofferdam_json_field(given, "orders", &orders) || !cofferdam_json_field(given, "report", &report)) {
    return cofferdam_fatal("the input has two URLs: 'orders' and 'report'");
  }
  char token[100];
  snprintf(token, sizeof token, "Bearer %s", cofferdam_placeholder("shop", "password"));
  cofferdam_http_header header = {"authorization", token};
  cofferdam_http_request ask = {.url = cofferdam_json_string(orders), .headers = &header, .header_count = 1, .timeout_ms = 1000};
  cofferdam_http_response answer;
  cofferdam_http_error error;
  // A status that may pass lets the task be tried again; any other that is no success fails it.
  if (!cofferdam_http_send(&ask, &answer, &error) || !cofferdam_http_ok(&answer, &error)) return cofferdam_http_end(&error);

  double total = 0, amount;
  size_t position = 0;
  cofferdam_json order, value;
  while (cofferdam_json_next(cofferdam_json_of(answer.body), &position, &order)) {
    if (cofferdam_json_field(order, "amount", &value) && cofferdam_json_number(value, &amount)) total += amount;
  }
  char body[100];
  snprintf(body, sizeof body, "{\"total\":%.17g}", total);
  header = (cofferdam_http_header){"content-type", "application/json"};
  cofferdam_http_request tell = {
      .method = "POST", .url = cofferdam_json_string(report), .headers = &header, .header_count = 1, .body = body, .body_length = strlen(body)};
  if (!cofferdam_http_send(&tell, &answer, &error) || !cofferdam_http_ok(&answer, &error)) return cofferdam_http_end(&error);

  char output[1000];
  const char *kind = cofferdam_http_header_of(&answer, "X-Kind");
  snprintf(output, sizeof output, "{\"total\": %.17g, \"kind\": %s, \"answer\": %s}", total, cofferdam_json_quote(kind ? kind : ""),
           cofferdam_json_quote(answer.body));
  return cofferdam_ok(output);
}
