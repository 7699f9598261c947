/*
 * A line for stderr that is printed if an action takes long: by a timer, whose signal handler runs while the process
 * waits. The signal is held back except during waits, so that it never interrupts another system call.
 */
#include "host.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* No other part of the program uses it. */
enum { NOTICE_SIGNAL = SIGURG };

/* The kernel's number of the timer. musl's timer_create would link threads. */
static int timer;
static bool has_timer;
static char *line;
static size_t line_length;
static volatile sig_atomic_t printed;

static void on_time(int signal)
{
  (void)signal;
  const int before = errno;
  /* The line is not important enough to wait for a reader of stderr. */
  struct pollfd descriptor = {.fd = STDERR_FILENO, .events = POLLOUT};
  if (line != NULL && poll(&descriptor, 1, 0) > 0 && write(STDERR_FILENO, line, line_length) > 0)
    printed = 1;
  errno = before;
}

bool host_notice_is_set(void)
{
  return line != NULL;
}

static int make_timer(void)
{
  const struct sigaction action = {.sa_handler = on_time, .sa_flags = SA_RESTART};
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = NOTICE_SIGNAL};
  if (sigaction(NOTICE_SIGNAL, &action, NULL) < 0 || syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) < 0)
    return errno;
  has_timer = true;
  return host_hold_back(NOTICE_SIGNAL);
}

static void notice_signals(sigset_t *signals)
{
  sigemptyset(signals);
  sigaddset(signals, NOTICE_SIGNAL);
}

int host_notice_waitpid(int pid, int *status)
{
  sigset_t signals;
  notice_signals(&signals);
  sigprocmask(SIG_UNBLOCK, &signals, NULL);
  const int ended = waitpid(pid, status, 0);
  const int error = errno;
  sigprocmask(SIG_BLOCK, &signals, NULL);
  errno = error;
  return ended;
}

/* Stops the timer. A signal that it has already sent, and that no wait has let in, would print a later line. */
static void cancel(JSContext *context)
{
  const struct itimerspec never = {0};
  if (has_timer) {
    sigset_t signals;
    notice_signals(&signals);
    syscall(SYS_timer_settime, timer, 0, &never, NULL);
    while (sigtimedwait(&signals, NULL, &never.it_value) < 0 && errno == EINTR)
      ;
  }
  char *text = line;
  line = NULL;
  js_free(context, text);
}

static JSValue host_printAfter(HOST_ARGUMENTS)
{
  int64_t delay;
  if (!host_integer(context, argv[0], "a delay", 1, INT32_MAX, &delay))
    return JS_EXCEPTION;
  cancel(context);
  char *text = host_text(context, argv[1], &line_length);
  if (text == NULL)
    return JS_EXCEPTION;
  const int error = has_timer ? 0 : make_timer();
  if (error != 0) {
    js_free(context, text);
    return host_throw(context, error, "timer_create", "");
  }
  line = text;
  const struct itimerspec once = {.it_value = {.tv_sec = delay / 1000, .tv_nsec = delay % 1000 * 1000000}};
  syscall(SYS_timer_settime, timer, 0, &once, NULL);
  return JS_UNDEFINED;
}

static JSValue host_cancelPrint(HOST_ARGUMENTS)
{
  cancel(context);
  const bool was_printed = printed != 0;
  printed = 0;
  return JS_NewBool(context, was_printed);
}

static const JSCFunctionListEntry functions[] = {
  HOST_FUNCTION(printAfter, 2),
  HOST_FUNCTION(cancelPrint, 0),
};
HOST_PART(notice);
