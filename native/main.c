/*
 * ib-sriov: starts the engine, runs the program `main` in it, and ends with the status that it asked for.
 * Whatever goes wrong with the engine itself is answered with a CNI error object.
 */
#include "engine.h"
#include "host.h"
#include "program.h"

#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
  if (!host_prepare_process(argc, argv))
    return 1;
  JSContext *context = engine_start();
  if (context == NULL) {
    engine_report_text("InternalError: out of memory", "the JavaScript engine cannot start");
    return 1;
  }
  int status = engine_finish(context, program_load(context, "main"));
#ifdef IB_SRIOV_FREE_ALL
  program_end(context);
  engine_end(context);
  exit(status);
#else
  /* The kernel frees faster. */
  _exit(status);
#endif
}
