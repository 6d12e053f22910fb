// Reads JSON that is known to be valid: the host checks what it hands out.
#include "cofferdam.h"
#include <stdlib.h>
#include <string.h>

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// The first place at or after `at` that is not blank.
static size_t pass(cofferdam_json in, size_t at) {
  while (at < in.length && blank(in.start[at])) at++;
  return at;
}

// The place behind the value that begins at `at`.
static size_t end_of_value(cofferdam_json in, size_t at) {
  size_t depth = 0;
  bool text = false;
  for (; at < in.length; at++) {
    char c = in.start[at];
    if (text) {
      if (c == '\\') at++;
      else if (c == '"') {
        text = false;
        if (depth == 0) return at + 1;
      }
    } else if (c == '"') text = true;
    else if (c == '[' || c == '{') depth++;
    else if (c == ']' || c == '}') {
      if (depth == 0) return at;
      if (--depth == 0) return at + 1;
    } else if (depth == 0 && (c == ',' || c == ':' || blank(c))) return at;
  }
  return at < in.length ? at : in.length;
}

static cofferdam_json value_at(cofferdam_json in, size_t at) {
  return (cofferdam_json){in.start + at, end_of_value(in, at) - at};
}

cofferdam_json cofferdam_json_of(const char *text) {
  cofferdam_json whole = {text, strlen(text)};
  return value_at(whole, pass(whole, 0));
}

// The next value of an array or object, and its name when it has one.
static bool next(cofferdam_json in, size_t *position, cofferdam_json *name, cofferdam_json *value) {
  if (in.length == 0 || (in.start[0] != '[' && in.start[0] != '{')) return false;
  size_t at = pass(in, *position ? *position : 1);
  if (at < in.length && in.start[at] == ',') at = pass(in, at + 1);
  if (at >= in.length || in.start[at] == ']' || in.start[at] == '}') return false;
  *value = value_at(in, at);
  if (in.start[0] == '{') {
    *name = *value;
    at = pass(in, at + name->length);
    at = pass(in, at + 1);
    *value = value_at(in, at);
  }
  *position = at + value->length;
  return true;
}

bool cofferdam_json_next(cofferdam_json array, size_t *position, cofferdam_json *item) {
  cofferdam_json name;
  return next(array, position, &name, item);
}

bool cofferdam_json_field(cofferdam_json object, const char *name, cofferdam_json *value) {
  size_t position = 0;
  cofferdam_json found_name, found;
  if (object.length == 0 || object.start[0] != '{') return false;
  while (next(object, &position, &found_name, &found)) {
    char *plain = cofferdam_json_string(found_name);
    bool same = plain && !strcmp(plain, name);
    free(plain);
    if (same) {
      *value = found;
      return true;
    }
  }
  return false;
}

bool cofferdam_json_number(cofferdam_json value, double *number) {
  char text[64];
  if (value.length == 0 || value.length >= sizeof text) return false;
  if (value.start[0] != '-' && (value.start[0] < '0' || value.start[0] > '9')) return false;
  memcpy(text, value.start, value.length);
  text[value.length] = 0;
  *number = strtod(text, NULL);
  return true;
}

bool cofferdam_json_is_array(cofferdam_json value) { return value.length > 0 && value.start[0] == '['; }

bool cofferdam_json_is_null(cofferdam_json value) { return value.length == 4 && value.start[0] == 'n'; }

static uint32_t hex4(const char *digits) {
  uint32_t code = 0;
  for (int i = 0; i < 4; i++) {
    char c = digits[i];
    code = code * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  }
  return code;
}

static char *utf8(char *out, uint32_t code) {
  if (code < 0x80) *out++ = (char)code;
  else if (code < 0x800) {
    *out++ = (char)(0xC0 | code >> 6);
    *out++ = (char)(0x80 | (code & 63));
  } else if (code < 0x10000) {
    *out++ = (char)(0xE0 | code >> 12);
    *out++ = (char)(0x80 | (code >> 6 & 63));
    *out++ = (char)(0x80 | (code & 63));
  } else {
    *out++ = (char)(0xF0 | code >> 18);
    *out++ = (char)(0x80 | (code >> 12 & 63));
    *out++ = (char)(0x80 | (code >> 6 & 63));
    *out++ = (char)(0x80 | (code & 63));
  }
  return out;
}

char *cofferdam_json_string(cofferdam_json value) {
  if (value.length < 2 || value.start[0] != '"') return NULL;
  // No escape is shorter than what it stands for.
  char *text = malloc(value.length), *out = text;
  if (!text) __builtin_trap();
  for (size_t at = 1; at + 1 < value.length; at++) {
    char c = value.start[at];
    if (c != '\\') {
      *out++ = c;
      continue;
    }
    switch (c = value.start[++at]) {
    case 'n': *out++ = '\n'; break;
    case 't': *out++ = '\t'; break;
    case 'r': *out++ = '\r'; break;
    case 'b': *out++ = '\b'; break;
    case 'f': *out++ = '\f'; break;
    case 'u': {
      uint32_t code = hex4(value.start + at + 1);
      at += 4;
      if (code >= 0xD800 && code < 0xDC00) {
        code = 0x10000 + ((code - 0xD800) << 10) + (hex4(value.start + at + 3) - 0xDC00);
        at += 6;
      }
      out = utf8(out, code);
      break;
    }
    default: *out++ = c;
    }
  }
  *out = 0;
  return text;
}

char *cofferdam_json_quote(const char *text) {
  static const char digits[] = "0123456789abcdef";
  char *quoted = malloc(strlen(text) * 6 + 3), *out = quoted;
  if (!quoted) __builtin_trap();
  *out++ = '"';
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') {
      *out++ = '\\';
      *out++ = (char)c;
    } else if (c < 0x20) {
      memcpy(out, "\\u00", 4);
      out[4] = digits[c >> 4];
      out[5] = digits[c & 15];
      out += 6;
    } else *out++ = (char)c;
  }
  *out++ = '"';
  *out = 0;
  return quoted;
}
