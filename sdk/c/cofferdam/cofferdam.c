#include "cofferdam.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Memory that cannot be had ends the task: `__builtin_trap` is told as a trap, with the memory limit as its reason.
static void *memory(size_t length) {
  void *got = malloc(length ? length : 1);
  if (!got) __builtin_trap();
  return got;
}

// A copy of a text of the host that ends with NUL.
static char *copy(const task_string_t *text) {
  char *out = memory(text->len + 1);
  memcpy(out, text->ptr, text->len);
  out[text->len] = 0;
  return out;
}

static task_string_t borrow(const char *text) {
  task_string_t string;
  task_string_set(&string, text);
  return string;
}

static task_string_t vformat(const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  task_string_t text = {memory((size_t)(length < 0 ? 0 : length) + 1), (size_t)(length < 0 ? 0 : length)};
  if (length > 0) vsnprintf((char *)text.ptr, text.len + 1, format, again);
  va_end(again);
  return text;
}

bool exports_task_run(task_json_t *input, task_json_t *ret, task_task_error_t *err) {
  cofferdam_result result = cofferdam_run(copy(input));
  if (result.is_error) {
    *err = result.error;
    return false;
  }
  *ret = result.output;
  return true;
}

cofferdam_result cofferdam_ok(const char *json) {
  cofferdam_result result = {0};
  task_string_dup(&result.output, json);
  return result;
}

#define WITH_TEXT(function, tag_value, member)                          \
  cofferdam_result function(const char *format, ...) {                  \
    cofferdam_result result = {.is_error = true, .error.tag = tag_value}; \
    va_list arguments;                                                  \
    va_start(arguments, format);                                        \
    result.error.val.member = vformat(format, arguments);               \
    va_end(arguments);                                                  \
    return result;                                                      \
  }

WITH_TEXT(cofferdam_retry, COFFERDAM_TASK_TYPES_TASK_ERROR_RETRYABLE, retryable)
WITH_TEXT(cofferdam_fatal, COFFERDAM_TASK_TYPES_TASK_ERROR_FATAL, fatal)
WITH_TEXT(cofferdam_skip, COFFERDAM_TASK_TYPES_TASK_ERROR_SKIP, skip)

cofferdam_result cofferdam_reschedule(uint64_t after_ms) {
  cofferdam_result result = {.is_error = true, .error.tag = COFFERDAM_TASK_TYPES_TASK_ERROR_RESCHEDULE};
  result.error.val.reschedule = after_ms;
  return result;
}

cofferdam_result cofferdam_defer(const char *event, uint64_t timeout_ms) {
  cofferdam_result result = {.is_error = true, .error.tag = COFFERDAM_TASK_TYPES_TASK_ERROR_DEFER};
  task_string_dup(&result.error.val.defer.event, event);
  result.error.val.defer.timeout_ms = timeout_ms;
  return result;
}

cofferdam_context cofferdam_get_context(void) {
  cofferdam_task_context_task_context_t given;
  cofferdam_task_context_get(&given);
  return (cofferdam_context){
      .dag_id = copy(&given.dag_id),
      .dag_run_id = copy(&given.dag_run_id),
      .task_id = copy(&given.task_id),
      .map_index = given.map_index.is_some ? (int64_t)given.map_index.val : -1,
      .try_number = given.try_number,
      .max_tries = given.max_tries,
      .logical_date = copy(&given.logical_date),
      .data_interval_start = copy(&given.data_interval_start),
      .data_interval_end = copy(&given.data_interval_end),
      .conf = copy(&given.conf),
      .idempotency_key = copy(&given.idempotency_key),
  };
}

static void tell(const char **error, char *text) {
  if (error) *error = text;
}

static char *too_large(const char *what, uint64_t limit) {
  char *text = memory(100);
  snprintf(text, 100, "%s have at most %llu bytes", what, (unsigned long long)limit);
  return text;
}

static void tell_xcom(const char **error, cofferdam_task_xcom_xcom_error_t *failed) {
  bool large = failed->tag == COFFERDAM_TASK_XCOM_XCOM_ERROR_TOO_LARGE;
  tell(error, large ? too_large("the XComs of a try", failed->val.too_large) : copy(&failed->val.denied));
}

bool cofferdam_push(const char *key, const char *json, const char **error) {
  task_string_t name = borrow(key), value = borrow(json);
  cofferdam_task_xcom_xcom_error_t failed;
  if (cofferdam_task_xcom_push(&name, &value, &failed)) return true;
  tell_xcom(error, &failed);
  return false;
}

char *cofferdam_pull(const char *task_id, const char *key, const char **error) {
  task_string_t task = borrow(task_id), name = borrow(key ? key : "return_value");
  cofferdam_task_xcom_option_json_t found;
  cofferdam_task_xcom_xcom_error_t failed;
  if (!cofferdam_task_xcom_pull(&task, &name, NULL, &found, &failed)) {
    tell_xcom(error, &failed);
    return NULL;
  }
  return found.is_some ? copy(&found.val) : NULL;
}

char *cofferdam_variable(const char *key, const char **error) {
  task_string_t name = borrow(key);
  task_option_string_t found;
  cofferdam_task_config_config_error_t failed;
  if (!cofferdam_task_config_get_variable(&name, &found, &failed)) {
    tell(error, copy(&failed.val.denied));
    return NULL;
  }
  return found.is_some ? copy(&found.val) : NULL;
}

// A text that may be missing.
static const char *maybe(const task_option_string_t *text) { return text->is_some ? copy(&text->val) : NULL; }

bool cofferdam_get_connection(const char *connection_id, cofferdam_connection *connection, const char **error) {
  task_string_t id = borrow(connection_id);
  cofferdam_task_config_option_connection_t found;
  cofferdam_task_config_config_error_t failed;
  tell(error, NULL);
  if (!cofferdam_task_config_get_connection(&id, &found, &failed)) {
    tell(error, copy(&failed.val.denied));
    return false;
  }
  if (!found.is_some) return false;
  *connection = (cofferdam_connection){
      .connection_id = copy(&found.val.connection_id),
      .conn_type = copy(&found.val.conn_type),
      .host = maybe(&found.val.host),
      .port = found.val.port.is_some ? (int32_t)found.val.port.val : -1,
      .login = maybe(&found.val.login),
      .password = maybe(&found.val.password),
      .schema = maybe(&found.val.schema),
      .extra = found.val.extra.is_some ? copy(&found.val.extra.val) : NULL,
  };
  return true;
}

static bool tell_artifact(const char **error, cofferdam_task_artifacts_artifact_error_t *failed) {
  char *text;
  switch (failed->tag) {
  case COFFERDAM_TASK_ARTIFACTS_ARTIFACT_ERROR_TOO_LARGE:
    text = too_large("the artifacts of a try", failed->val.too_large);
    break;
  case COFFERDAM_TASK_ARTIFACTS_ARTIFACT_ERROR_TOO_MANY:
    text = memory(100);
    snprintf(text, 100, "a try leaves at most %u artifacts", (unsigned)failed->val.too_many);
    break;
  default:
    text = copy(&failed->val.denied);
  }
  tell(error, text);
  return false;
}

bool cofferdam_artifact_write(const char *name, const char *content_type, const void *data, size_t length, const char **error) {
  // The most that one call hands over.
  enum { PIECE = 1 << 20 };
  task_string_t called = borrow(name), type = borrow(content_type);
  cofferdam_task_artifacts_own_writer_t writer;
  cofferdam_task_artifacts_artifact_t written;
  cofferdam_task_artifacts_artifact_error_t failed;
  if (!cofferdam_task_artifacts_create(&called, &type, &writer, &failed)) return tell_artifact(error, &failed);
  cofferdam_task_artifacts_borrow_writer_t self = cofferdam_task_artifacts_borrow_writer(writer);
  bool taken = true;
  for (size_t done = 0; taken && done < length; done += PIECE) {
    task_list_u8_t piece = {(uint8_t *)data + done, length - done < PIECE ? length - done : PIECE};
    taken = cofferdam_task_artifacts_method_writer_write(self, &piece, &failed);
  }
  taken = taken && cofferdam_task_artifacts_method_writer_finish(self, &written, &failed);
  cofferdam_task_artifacts_writer_drop_own(writer);
  return taken || tell_artifact(error, &failed);
}

void *cofferdam_artifact_read(const char *task_id, const char *name, size_t *length, const char **error) {
  task_string_t task = borrow(task_id), called = borrow(name);
  cofferdam_task_artifacts_option_own_reader_t found;
  cofferdam_task_artifacts_artifact_error_t failed;
  *length = 0;
  tell(error, NULL);
  if (!cofferdam_task_artifacts_open(&task, &called, NULL, &found, &failed)) {
    tell_artifact(error, &failed);
    return NULL;
  }
  if (!found.is_some) return NULL;
  cofferdam_task_artifacts_borrow_reader_t self = cofferdam_task_artifacts_borrow_reader(found.val);
  cofferdam_task_artifacts_artifact_t about;
  cofferdam_task_artifacts_method_reader_about(self, &about);
  char *data = memory((size_t)about.size);
  while (*length < about.size) {
    task_list_u8_t piece;
    if (!cofferdam_task_artifacts_method_reader_read(self, 1 << 20, &piece, &failed)) {
      tell_artifact(error, &failed);
      data = NULL;
      break;
    }
    if (piece.len == 0) break;
    size_t room = (size_t)about.size - *length;
    memcpy(data + *length, piece.ptr, piece.len < room ? piece.len : room);
    *length += piece.len < room ? piece.len : room;
    free(piece.ptr);
  }
  cofferdam_task_artifacts_reader_drop_own(found.val);
  return data;
}

static bool tell_checkpoint(const char **error, cofferdam_task_checkpoint_checkpoint_error_t *failed) {
  static char superseded[] = "this try is no longer the one that counts";
  switch (failed->tag) {
  case COFFERDAM_TASK_CHECKPOINT_CHECKPOINT_ERROR_TOO_LARGE:
    tell(error, too_large("checkpoints", failed->val.too_large));
    break;
  case COFFERDAM_TASK_CHECKPOINT_CHECKPOINT_ERROR_SUPERSEDED:
    tell(error, superseded);
    break;
  default:
    tell(error, copy(&failed->val.denied));
  }
  return false;
}

bool cofferdam_checkpoint_save(const void *data, size_t length, const char **error) {
  task_list_u8_t bytes = {(uint8_t *)data, length};
  cofferdam_task_checkpoint_checkpoint_error_t failed;
  return cofferdam_task_checkpoint_save(&bytes, &failed) || tell_checkpoint(error, &failed);
}

void *cofferdam_checkpoint_load(size_t *length, const char **error) {
  task_option_list_u8_t found;
  cofferdam_task_checkpoint_checkpoint_error_t failed;
  *length = 0;
  if (!cofferdam_task_checkpoint_load(&found, &failed)) {
    tell_checkpoint(error, &failed);
    return NULL;
  }
  if (!found.is_some) return NULL;
  *length = found.val.len;
  return found.val.len ? found.val.ptr : memory(1);
}

bool cofferdam_checkpoint_clear(const char **error) {
  cofferdam_task_checkpoint_checkpoint_error_t failed;
  return cofferdam_task_checkpoint_clear(&failed) || tell_checkpoint(error, &failed);
}

void cofferdam_log(cofferdam_task_log_level_t level, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  task_string_t message = vformat(format, arguments);
  va_end(arguments);
  task_list_tuple2_string_string_t fields = {NULL, 0};
  cofferdam_task_log_write(level, &message, &fields);
  free(message.ptr);
}

void cofferdam_progress(double fraction, const char *message) {
  task_string_t text = borrow(message);
  cofferdam_task_progress_report(fraction, &text);
}
