// Requests through `wasi:http`: the part of it that is in `wit/wasi`, by hand. Offsets are those of a 32-bit memory. A program that
// sends none gets nothing of this, and asks for no network.
#include "cofferdam.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// What one write of a body takes, and what is read of an answer at once.
enum { PIECE = 4096, READ = 64 << 10 };

#define HTTP(name) __attribute__((__import_module__("wasi:http/types@0.2.0"), __import_name__(name)))
#define IO(interface, name) __attribute__((__import_module__("wasi:io/" interface "@0.2.0"), __import_name__(name)))

HTTP("[static]fields.from-list") extern void wasi_fields_from_list(const void *entries, size_t count, void *into);
HTTP("[method]fields.entries") extern void wasi_fields_entries(uint32_t fields, void *into);
HTTP("[resource-drop]fields") extern void wasi_fields_drop(uint32_t fields);
HTTP("[constructor]outgoing-request") extern uint32_t wasi_request_new(uint32_t headers);
HTTP("[method]outgoing-request.body") extern void wasi_request_body(uint32_t request, void *into);
HTTP("[method]outgoing-request.set-method")
extern uint32_t wasi_request_set_method(uint32_t request, uint32_t method, const char *name, size_t length);
HTTP("[method]outgoing-request.set-path-with-query")
extern uint32_t wasi_request_set_target(uint32_t request, uint32_t given, const char *target, size_t length);
HTTP("[method]outgoing-request.set-scheme")
extern uint32_t wasi_request_set_scheme(uint32_t request, uint32_t given, uint32_t scheme, const char *name, size_t length);
HTTP("[method]outgoing-request.set-authority")
extern uint32_t wasi_request_set_authority(uint32_t request, uint32_t given, const char *authority, size_t length);
HTTP("[constructor]request-options") extern uint32_t wasi_options_new(void);
HTTP("[method]request-options.set-connect-timeout")
extern uint32_t wasi_options_set_connect(uint32_t options, uint32_t given, uint64_t nanoseconds);
HTTP("[method]request-options.set-first-byte-timeout")
extern uint32_t wasi_options_set_first_byte(uint32_t options, uint32_t given, uint64_t nanoseconds);
HTTP("[method]request-options.set-between-bytes-timeout")
extern uint32_t wasi_options_set_between_bytes(uint32_t options, uint32_t given, uint64_t nanoseconds);
HTTP("[method]outgoing-body.write") extern void wasi_outgoing_write(uint32_t body, void *into);
HTTP("[static]outgoing-body.finish") extern void wasi_outgoing_finish(uint32_t body, uint32_t given, uint32_t trailers, void *into);
HTTP("[resource-drop]outgoing-body") extern void wasi_outgoing_drop(uint32_t body);
HTTP("[method]future-incoming-response.subscribe") extern uint32_t wasi_future_subscribe(uint32_t future);
HTTP("[method]future-incoming-response.get") extern void wasi_future_get(uint32_t future, void *into);
HTTP("[resource-drop]future-incoming-response") extern void wasi_future_drop(uint32_t future);
HTTP("[method]incoming-response.status") extern uint32_t wasi_response_status(uint32_t response);
HTTP("[method]incoming-response.headers") extern uint32_t wasi_response_headers(uint32_t response);
HTTP("[method]incoming-response.consume") extern void wasi_response_consume(uint32_t response, void *into);
HTTP("[resource-drop]incoming-response") extern void wasi_response_drop(uint32_t response);
HTTP("[method]incoming-body.stream") extern void wasi_incoming_stream(uint32_t body, void *into);
HTTP("[resource-drop]incoming-body") extern void wasi_incoming_drop(uint32_t body);
__attribute__((__import_module__("wasi:http/outgoing-handler@0.2.0"), __import_name__("handle")))
extern void wasi_handler_handle(uint32_t request, uint32_t given, uint32_t options, void *into);
IO("poll", "[method]pollable.block") extern void wasi_pollable_block(uint32_t pollable);
IO("poll", "[resource-drop]pollable") extern void wasi_pollable_drop(uint32_t pollable);
IO("streams", "[method]output-stream.blocking-write-and-flush")
extern void wasi_output_write(uint32_t stream, const void *data, size_t length, void *into);
IO("streams", "[resource-drop]output-stream") extern void wasi_output_drop(uint32_t stream);
IO("streams", "[method]input-stream.blocking-read") extern void wasi_input_read(uint32_t stream, uint64_t most, void *into);
IO("streams", "[resource-drop]input-stream") extern void wasi_input_drop(uint32_t stream);
IO("error", "[method]error.to-debug-string") extern void wasi_error_text(uint32_t error, void *into);
IO("error", "[resource-drop]error") extern void wasi_error_drop(uint32_t error);

// Where the host writes what a call returns.
typedef union {
  uint8_t bytes[64];
  uint32_t words[16];
  uint64_t aligned;
} area;

// The word at an offset in bytes.
static uint32_t word(const area *a, size_t offset) { return a->words[offset / 4]; }

static char *text_at(const area *a, size_t offset) { return (char *)(uintptr_t)word(a, offset); }

static void *memory(size_t length) {
  void *got = malloc(length ? length : 1);
  if (!got) __builtin_trap();
  return got;
}

static char *copy(const char *text, size_t length) {
  char *out = memory(length + 1);
  memcpy(out, text, length);
  out[length] = 0;
  return out;
}

__attribute__((format(printf, 1, 2))) static char *format(const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  char *text = memory((size_t)(length < 0 ? 0 : length) + 1);
  text[0] = 0;
  if (length > 0) vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  va_end(arguments);
  return text;
}

static bool tell(cofferdam_http_error *error, cofferdam_http_error_kind kind, const cofferdam_http_request *request, const char *why) {
  if (error) {
    char *message = format("%s %s: %s", request->method ? request->method : "GET", request->url, why);
    *error = (cofferdam_http_error){.kind = kind, .permanent = kind == COFFERDAM_HTTP_REFUSED, .message = message};
  }
  return false;
}

// The cases of the variant `error-code`.
static const char *const codes[] = {
    "DNS timeout", "DNS error", "destination not found", "destination unavailable", "destination IP prohibited",
    "destination IP unroutable", "connection refused", "connection terminated", "connection timeout", "connection read timeout",
    "connection write timeout", "connection limit reached", "TLS protocol error", "TLS certificate error", "TLS alert received",
    "HTTP request denied", "HTTP request length required", "HTTP request body size", "HTTP request method invalid",
    "HTTP request URI invalid", "HTTP request URI too long", "HTTP request header section size", "HTTP request header size",
    "HTTP request trailer section size", "HTTP request trailer size", "HTTP response incomplete",
    "HTTP response header section size", "HTTP response header size", "HTTP response body size",
    "HTTP response trailer section size", "HTTP response trailer size", "HTTP response transfer coding",
    "HTTP response content coding", "HTTP response timeout", "HTTP upgrade failed", "HTTP protocol error", "loop detected",
    "configuration error", "internal error"};
enum { IP_PROHIBITED = 4, CERTIFICATE = 13, DENIED = 15, METHOD_INVALID = 18, URI_INVALID = 19, INTERNAL = 38 };

// Reads an `error-code`.
static bool tell_code(cofferdam_http_error *error, const cofferdam_http_request *request, const area *a, size_t offset) {
  uint8_t code = a->bytes[offset];
  const char *why = code <= INTERNAL ? codes[code] : "there is no answer";
  // The text of an internal error, where there is one.
  if (code == INTERNAL && a->bytes[offset + 8]) why = copy(text_at(a, offset + 12), word(a, offset + 16));
  bool refused = code == IP_PROHIBITED || code == CERTIFICATE || code == DENIED || code == METHOD_INVALID || code == URI_INVALID;
  return tell(error, refused ? COFFERDAM_HTTP_REFUSED : COFFERDAM_HTTP_FAILED, request, why);
}

static bool sent_headers(const cofferdam_http_request *request, uint32_t *fields) {
  // Each is the name and the value, with their lengths.
  typedef struct {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
  } entry;
  entry *entries = memory((request->header_count + 1) * sizeof(entry));
  size_t count = 0;
  for (; count < request->header_count; count++) {
    const cofferdam_http_header *header = &request->headers[count];
    entries[count] = (entry){header->name, strlen(header->name), header->value, strlen(header->value)};
  }
  if (request->body_length) {
    char *length = format("%zu", request->body_length);
    entries[count++] = (entry){"content-length", strlen("content-length"), length, strlen(length)};
  }
  area a;
  wasi_fields_from_list(entries, count, &a);
  free(entries);
  *fields = word(&a, 4);
  return a.bytes[0] == 0;
}

// Writes the body. When the host does not take it, the answer says why.
static void write_body(uint32_t body, const cofferdam_http_request *request) {
  area a;
  if (request->body_length) {
    wasi_outgoing_write(body, &a);
    uint32_t stream = word(&a, 4);
    bool taken = true;
    for (size_t done = 0; taken && done < request->body_length; done += PIECE) {
      size_t rest = request->body_length - done;
      wasi_output_write(stream, (const char *)request->body + done, rest < PIECE ? rest : PIECE, &a);
      taken = a.bytes[0] == 0;
    }
    if (!taken && a.bytes[4] == 0) wasi_error_drop(word(&a, 8));
    wasi_output_drop(stream);
    if (!taken) {
      wasi_outgoing_drop(body);
      return;
    }
  }
  wasi_outgoing_finish(body, 0, 0, &a);
}

static void received_headers(uint32_t incoming, cofferdam_http_response *response) {
  area a;
  uint32_t fields = wasi_response_headers(incoming);
  wasi_fields_entries(fields, &a);
  const uint32_t *entries = (const uint32_t *)(uintptr_t)word(&a, 0);
  response->header_count = word(&a, 4);
  response->headers = memory(response->header_count * sizeof(cofferdam_http_header));
  for (size_t i = 0; i < response->header_count; i++, entries += 4) {
    char *name = copy((const char *)(uintptr_t)entries[0], entries[1]);
    for (char *c = name; *c; c++) *c = *c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c;
    response->headers[i] = (cofferdam_http_header){name, copy((const char *)(uintptr_t)entries[2], entries[3])};
  }
  wasi_fields_drop(fields);
}

static bool read_body(
    uint32_t incoming, const cofferdam_http_request *request, cofferdam_http_response *response, cofferdam_http_error *error) {
  area a;
  wasi_response_consume(incoming, &a);
  uint32_t body = word(&a, 4);
  wasi_incoming_stream(body, &a);
  uint32_t stream = word(&a, 4);
  size_t room = 0;
  response->body = memory(1);
  response->body_length = 0;
  while (wasi_input_read(stream, READ, &a), a.bytes[0] == 0) {
    size_t length = word(&a, 8);
    if (response->body_length + length + 1 > room) {
      room = (response->body_length + length + 1) * 2;
      response->body = realloc(response->body, room);
      if (!response->body) __builtin_trap();
    }
    memcpy(response->body + response->body_length, text_at(&a, 4), length);
    response->body_length += length;
    if (length) free(text_at(&a, 4));
  }
  response->body[response->body_length] = 0;
  bool complete = a.bytes[4] != 0;
  if (!complete) {
    uint32_t failure = word(&a, 8);
    wasi_error_text(failure, &a);
    tell(error, COFFERDAM_HTTP_FAILED, request, format("the answer broke off: %.*s", (int)word(&a, 4), text_at(&a, 0)));
    wasi_error_drop(failure);
  }
  wasi_input_drop(stream);
  wasi_incoming_drop(body);
  return complete;
}

// The number of a case of the variant `method`.
static uint32_t method_of(const char *name) {
  static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  uint32_t number = 0;
  while (number < sizeof known / sizeof *known && strcmp(known[number], name)) number++;
  return number;
}

bool cofferdam_http_send(const cofferdam_http_request *request, cofferdam_http_response *response, cofferdam_http_error *error) {
  *response = (cofferdam_http_response){0};
  const char *method = request->method ? request->method : "GET";
  const char *rest = strstr(request->url, "://");
  if (!rest) return tell(error, COFFERDAM_HTTP_REFUSED, request, "this is no URL");
  size_t scheme = (size_t)(rest - request->url);
  bool secure = scheme == 5 && !strncasecmp(request->url, "https", 5);
  if (!secure && !(scheme == 4 && !strncasecmp(request->url, "http", 4))) {
    return tell(error, COFFERDAM_HTTP_REFUSED, request, "only http and https are there");
  }
  rest += 3;
  size_t end = strcspn(rest, "#"), authority = strcspn(rest, "/?#");
  char *target = format("%s%.*s", rest[authority] == '/' ? "" : "/", (int)(end - authority), rest + authority);

  area a;
  uint32_t fields, options = 0;
  if (!sent_headers(request, &fields)) return tell(error, COFFERDAM_HTTP_REFUSED, request, "its headers cannot be sent");
  uint32_t outgoing = wasi_request_new(fields);
  if (wasi_request_set_method(outgoing, method_of(method), method, strlen(method)) || wasi_request_set_scheme(outgoing, 1, secure, NULL, 0) ||
      wasi_request_set_authority(outgoing, 1, rest, authority) || wasi_request_set_target(outgoing, 1, target, strlen(target))) {
    return tell(error, COFFERDAM_HTTP_REFUSED, request, "this cannot be asked");
  }
  wasi_request_body(outgoing, &a);
  uint32_t body = word(&a, 4);
  if (request->timeout_ms) {
    const uint64_t most = UINT64_MAX / 1000000;
    uint64_t nanoseconds = (request->timeout_ms < most ? request->timeout_ms : most) * 1000000;
    options = wasi_options_new();
    // A host that does not know one of them has its own.
    wasi_options_set_connect(options, 1, nanoseconds);
    wasi_options_set_first_byte(options, 1, nanoseconds);
    wasi_options_set_between_bytes(options, 1, nanoseconds);
  }
  wasi_handler_handle(outgoing, request->timeout_ms != 0, options, &a);
  if (a.bytes[0]) return tell_code(error, request, &a, 8);
  uint32_t future = word(&a, 8);
  write_body(body, request);
  uint32_t ready = wasi_future_subscribe(future);
  wasi_pollable_block(ready);
  wasi_pollable_drop(ready);
  wasi_future_get(future, &a);
  wasi_future_drop(future);
  if (!a.bytes[0] || a.bytes[8]) return tell(error, COFFERDAM_HTTP_FAILED, request, "there is no answer");
  if (a.bytes[16]) return tell_code(error, request, &a, 24);
  uint32_t incoming = word(&a, 24);
  response->status = (uint16_t)wasi_response_status(incoming);
  received_headers(incoming, response);
  bool complete = read_body(incoming, request, response, error);
  wasi_response_drop(incoming);
  return complete;
}

// How many bytes the character of UTF-8 has that begins here; 0 when none does.
static size_t character(const uint8_t *at, size_t left) {
  size_t length = *at < 0x80 ? 1 : *at < 0xc2 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : *at < 0xf5 ? 4 : 0;
  if (length > left) return 0;
  for (size_t i = 1; i < length; i++) {
    if ((at[i] & 0xc0) != 0x80) return 0;
  }
  bool overlong = (*at == 0xe0 && at[1] < 0xa0) || (*at == 0xf0 && at[1] < 0x90);
  bool beyond = (*at == 0xed && at[1] >= 0xa0) || (*at == 0xf4 && at[1] >= 0x90);
  return overlong || beyond ? 0 : length;
}

// The beginning of a body as text: what is none would end the task when it is handed to the host.
static char *beginning(const cofferdam_http_response *response) {
  size_t length = response->body_length < 200 ? response->body_length : 200;
  const uint8_t *body = (const uint8_t *)response->body;
  char *text = memory(length + 1), *to = text;
  for (size_t at = 0; at < length;) {
    size_t taken = character(body + at, length - at);
    if (taken == 0) *to++ = '?';
    for (size_t i = 0; i < taken; i++) *to++ = (char)body[at + i];
    at += taken ? taken : 1;
  }
  *to = 0;
  return text;
}

bool cofferdam_http_ok(const cofferdam_http_response *response, cofferdam_http_error *error) {
  uint16_t status = response->status;
  if (status >= 200 && status < 300) return true;
  if (error) {
    *error = (cofferdam_http_error){
        .kind = COFFERDAM_HTTP_STATUS,
        .status = status,
        .permanent = status < 500 && status != 408 && status != 425 && status != 429,
        .message = format("the server answered %u: %s", status, beginning(response)),
    };
  }
  return false;
}

cofferdam_result cofferdam_http_end(const cofferdam_http_error *error) {
  return error->permanent ? cofferdam_fatal("%s", error->message) : cofferdam_retry("%s", error->message);
}

const char *cofferdam_http_header_of(const cofferdam_http_response *response, const char *name) {
  for (size_t i = 0; i < response->header_count; i++) {
    if (!strcasecmp(response->headers[i].name, name)) return response->headers[i].value;
  }
  return NULL;
}

char *cofferdam_placeholder(const char *connection_id, const char *field) {
  return format("<<connection:%s:%s>>", connection_id, field);
}
