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
