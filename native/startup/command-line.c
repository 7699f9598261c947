/* The command line: a separate script, outside of the image, so that the runtime's calls do not load it. */
#include "command-line.h"
#include "engine.h"

/* The bytecode of the script (image.S). */
extern const uint8_t command_line_begin[], command_line_end[];

static JSValue host_commandLine(JSContext *context, JSValueConst self, int argc, JSValueConst *argv)
{
  JSValue exports = engine_evaluate(context, command_line_begin, (size_t)(command_line_end - command_line_begin),
                                    "commandLine");
  if (JS_IsException(exports))
    return exports;
  JSValue answer = JS_GetPropertyStr(context, exports, "answerCommandLine");
  JS_FreeValue(context, exports);
  return answer;
}

bool command_line_offer(JSContext *context)
{
  JSValue global = JS_GetGlobalObject(context);
  JSValue host = JS_GetPropertyStr(context, global, "host");
  int done = JS_SetPropertyStr(context, host, "commandLine",
                               JS_NewCFunction(context, host_commandLine, "commandLine", 0));
  JS_FreeValue(context, host);
  JS_FreeValue(context, global);
  return done >= 0;
}
