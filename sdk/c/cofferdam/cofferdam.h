// A task of Cofferdam in C.
//
// Define `cofferdam_run`, and `cofferdam build` makes a component of it. What this header does not wrap (artifacts in pieces,
// fields of log messages, values of mapped tasks) is in `task.h`, with the documentation of the contract.
#ifndef COFFERDAM_H
#define COFFERDAM_H

#include "task.h"

#ifdef __cplusplus
extern "C" {
#endif

// What a task returns. Made by the functions below.
typedef struct {
  bool is_error;
  task_string_t output;
  task_task_error_t error;
} cofferdam_result;

// The task: called once, with its input as JSON text that ends with NUL.
cofferdam_result cofferdam_run(const char *input);

// A result: JSON text, which is copied.
cofferdam_result cofferdam_ok(const char *json);
// Something that may pass: the task is tried again, if it has tries left.
cofferdam_result cofferdam_retry(const char *format, ...) __attribute__((format(printf, 1, 2)));
// Something that will not pass: the task fails now, whatever tries it has left.
cofferdam_result cofferdam_fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));
// There is nothing to do: the task is recorded as skipped.
cofferdam_result cofferdam_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
// Not yet: run the task again after this time. This uses up no try.
cofferdam_result cofferdam_reschedule(uint64_t after_ms);
// Wait for an event without holding a worker, and for this long at the most. This uses up no try.
cofferdam_result cofferdam_defer(const char *event, uint64_t timeout_ms);

// The context of this try. Texts end with NUL.
typedef struct {
  const char *dag_id;
  const char *dag_run_id;
  const char *task_id;
  int64_t map_index; // -1 when the task is not mapped
  uint32_t try_number;
  uint32_t max_tries;
  const char *logical_date; // RFC 3339, UTC; so are the next two
  const char *data_interval_start;
  const char *data_interval_end;
  const char *conf; // what the run was triggered with: a JSON object
  const char *idempotency_key;
} cofferdam_context;

cofferdam_context cofferdam_get_context(void);

// The functions below that return `char *` or `bool` can fail. When they do and `error` is not NULL, they set it to a text
// for people. Texts that they return are the caller's, to be freed; a sandbox runs one task, so need not be.

// Leaves JSON under a key for the other tasks of the run. True when it was taken.
bool cofferdam_push(const char *key, const char *json, const char **error);
// What a task of the same run returned (key NULL) or left under a key, as JSON; NULL when there is nothing.
char *cofferdam_pull(const char *task_id, const char *key, const char **error);
// The value of a variable that is granted; NULL when there is no such variable.
char *cofferdam_variable(const char *key, const char **error);
// How to reach something outside. Texts end with NUL, and are NULL where nothing is given.
typedef struct {
  const char *connection_id;
  const char *conn_type;
  const char *host;
  int32_t port; // -1 when none is given
  const char *login;
  const char *password;
  const char *schema;
  const char *extra; // a JSON object
} cofferdam_connection;

// A connection that is granted. False when there is none of that name, and when it is refused, which `error` tells.
bool cofferdam_get_connection(const char *connection_id, cofferdam_connection *connection, const char **error);
// Writes a file that is kept with the try, whole. True when it was taken; nothing of it is left otherwise.
bool cofferdam_artifact_write(const char *name, const char *content_type, const void *data, size_t length, const char **error);
// A file that a task of the same run left, whole; NULL when there is none.
void *cofferdam_artifact_read(const char *task_id, const char *name, size_t *length, const char **error);
// Keeps bytes for the next try of this task instance. True when they were taken.
bool cofferdam_checkpoint_save(const void *data, size_t length, const char **error);
// The bytes that were kept last; NULL when there are none.
void *cofferdam_checkpoint_load(size_t *length, const char **error);
// Forgets what was kept.
bool cofferdam_checkpoint_clear(const char **error);

// A header of a request or of a response.
typedef struct {
  const char *name; // in lower case, in a response
  const char *value;
} cofferdam_http_header;

// A request to another server, as far as the task's grant names it. What is not given is 0:
//
//   cofferdam_http_request request = {.url = "https://shop.example/orders"};
typedef struct {
  const char *method; // in capitals; GET when it is NULL
  const char *url;
  const cofferdam_http_header *headers;
  size_t header_count;
  const void *body;
  size_t body_length;
  uint64_t timeout_ms; // for connecting, waiting for the answer, and each silence within it; 0 for the host's own times
} cofferdam_http_request;

// What a server answered.
typedef struct {
  uint16_t status;
  cofferdam_http_header *headers;
  size_t header_count;
  char *body; // ends with NUL, which `body_length` does not count
  size_t body_length;
} cofferdam_http_response;

// What a `cofferdam_http_error` is about.
typedef enum {
  COFFERDAM_HTTP_REFUSED, // the request was refused, or is none: the same at every try
  COFFERDAM_HTTP_FAILED,  // it did not get through
  COFFERDAM_HTTP_STATUS,  // the server answered with a status that is no success
} cofferdam_http_error_kind;

// Why there is no answer, or none that is of use.
typedef struct {
  cofferdam_http_error_kind kind;
  uint16_t status; // of the answer, when there is one
  bool permanent;  // it is the same at every try: a refusal, and every status but 408, 425, 429 and those from 500
  const char *message;
} cofferdam_http_error;

// Sends a request and reads the whole answer. False when there is none. A redirect is an answer like any other, and a status that is no
// success is not an error yet. `error` may be NULL.
bool cofferdam_http_send(const cofferdam_http_request *request, cofferdam_http_response *response, cofferdam_http_error *error);
// Whether the status is a success (200 to 299). `error` may be NULL.
bool cofferdam_http_ok(const cofferdam_http_response *response, cofferdam_http_error *error);
// What a task returns because of an error: fatal when it is permanent, to be tried again otherwise.
cofferdam_result cofferdam_http_end(const cofferdam_http_error *error);
// The first value of a header, whose name may be in any case; NULL when there is none.
const char *cofferdam_http_header_of(const cofferdam_http_response *response, const char *name);
// Stands for a secret of a connection in a header of a request or in the query of its URL. The host puts the secret in its place on the way
// out, to the connection's own host only, so that the task never has it. The field is "login", "password", "basic" (both, for
// `Authorization: Basic`) or "extra:KEY".
char *cofferdam_placeholder(const char *connection_id, const char *field);

// Writes a message to the log. `level` is COFFERDAM_TASK_LOG_LEVEL_INFO or another of its kind.
void cofferdam_log(cofferdam_task_log_level_t level, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Tells how much is done, from 0 to 1, and what is being done.
void cofferdam_progress(double fraction, const char *message);

// A value inside of a JSON text. The host hands out valid JSON only.
typedef struct {
  const char *start;
  size_t length;
} cofferdam_json;

// The value that a text holds.
cofferdam_json cofferdam_json_of(const char *text);
// The value of an object's field. False when there is no such field, or it is not an object.
bool cofferdam_json_field(cofferdam_json object, const char *name, cofferdam_json *value);
// The next item of an array, or the next value of an object. Set `*position` to 0 before the first call. False at the end.
bool cofferdam_json_next(cofferdam_json array, size_t *position, cofferdam_json *item);
// A number. False when it is none.
bool cofferdam_json_number(cofferdam_json value, double *number);
// A string, decoded, that ends with NUL; NULL when it is none.
char *cofferdam_json_string(cofferdam_json value);
// Whether it is an array.
bool cofferdam_json_is_array(cofferdam_json value);
// Whether it is `null`.
bool cofferdam_json_is_null(cofferdam_json value);
// A string as JSON, with its quotes.
char *cofferdam_json_quote(const char *text);

#ifdef __cplusplus
}
#endif
#endif
