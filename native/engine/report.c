/*
 * Error objects for failures of the engine and for uncaught exceptions, on stdout as the CNI specification requires.
 * This code does not allocate memory, because memory may be short.
 */
#include "engine.h"
#include "host.h"

#include <string.h>

/* Longer texts are cut. An escaped byte takes six bytes. */
enum { MESSAGE_BYTES = 1000, DETAILS_BYTES = 4000, FRAME_BYTES = 200 };
/* How long a full pipe is waited for, ms: the process may still hold the lock of a VF. */
enum { PATIENCE = 5000 };
static char document[6 * (MESSAGE_BYTES + DETAILS_BYTES) + FRAME_BYTES];
static size_t used;

static void append(const char *text)
{
  size_t length = strlen(text);
  memcpy(document + used, text, length);
  used += length;
}

/* Returns the length of a text, at most `limit`, so that no UTF-8 sequence is cut. */
static size_t cut(const char *text, size_t limit)
{
  size_t length = strlen(text);
  if (length <= limit)
    return length;
  while (limit > 0 && ((unsigned char)text[limit] & 0xc0) == 0x80)
    limit--;
  return limit;
}

static void append_quoted(const char *text, size_t limit)
{
  static const char hex[] = "0123456789abcdef";
  size_t length = cut(text, limit);
  append("\"");
  for (size_t i = 0; i < length; i++) {
    unsigned char byte = (unsigned char)text[i];
    if (byte == '"' || byte == '\\') {
      document[used++] = '\\';
      document[used++] = text[i];
    } else if (byte < 0x20) {
      const char escape[] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
      memcpy(document + used, escape, sizeof escape);
      used += sizeof escape;
    } else {
      document[used++] = text[i];
    }
  }
  append("\"");
}

void engine_report_text(const char *message, const char *details)
{
  used = 0;
  append("{\n    \"cniVersion\": \"1.1.0\",\n    \"code\": 999,\n    \"msg\": ");
  append_quoted(message, MESSAGE_BYTES);
  append(",\n    \"details\": ");
  append_quoted(details, DETAILS_BYTES);
  append("\n}");
  /* Two documents on stdout would be invalid. If a result was already printed, the error goes to stderr. */
  host_write_all(host_stdout_used() ? 2 : 1, document, used, host_now() + PATIENCE);
}

void engine_report(JSContext *context)
{
  JSValue exception = JS_GetException(context);
  /* The exception is null or uninitialized if memory was too short to create an error. */
  const bool lost = JS_IsNull(exception) || JS_IsUninitialized(exception);
  const char *message = lost ? NULL : JS_ToCString(context, exception);
  JSValue stack = JS_IsObject(exception) ? JS_GetPropertyStr(context, exception, "stack") : JS_UNDEFINED;
  const char *details = JS_IsString(stack) ? JS_ToCString(context, stack) : NULL;

  engine_report_text(message != NULL ? message : "InternalError: out of memory",
                     details != NULL ? details : "");

  JS_FreeCString(context, details);
  JS_FreeCString(context, message);
  JS_FreeValue(context, stack);
  JS_FreeValue(context, exception);
  /* Clears an exception that this function itself may have caused. */
  JS_FreeValue(context, JS_GetException(context));
}
