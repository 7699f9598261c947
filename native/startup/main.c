/*
 * ib-sriov: runs the program's `main`, and exits with the status that the program has set. If the engine itself fails,
 * prints a CNI error object.
 */
#include "host.h"
#include "image.h"

#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
  if (!host_prepare_process(argc, argv))
    return 1;
  /* The second to last step of the build. */
  if (!image_is_taken())
    return image_take();
  if (!host_has_address_space()) {
    engine_report_text("start ib-sriov: the limit of its address space (RLIMIT_AS, ulimit -v) is below 24 MiB; raise it",
                       "");
    return 1;
  }
  JSContext *context;
  JSValue program = image_start(&context);
  if (context == NULL) {
    engine_report_text("InternalError: out of memory", "the JavaScript engine cannot start");
    return 1;
  }
  JSValue result = JS_IsException(program) ? program : JS_Call(context, program, JS_UNDEFINED, 0, NULL);
  int status = engine_finish(context, result);
#ifdef IB_SRIOV_FREE_ALL
  JS_FreeValue(context, program);
  engine_end(context);
  exit(status);
#else
  /* The kernel frees the memory faster. */
  _exit(status);
#endif
}
