/*
 * Signals that ask us to stop are held back: blocked, except while we wait. So no other system call is ever
 * cut short by one, and none can slip through between looking for it and going to sleep (ppoll(2) lets them
 * in and sleeps in one step).
 */
#include "host.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/time.h>

static const int stopping[] = {SIGTERM, SIGINT, SIGHUP};

/* The first one that came; 0 for none. */
static volatile sig_atomic_t arrived;
/* Has it been told, by EINTR or by pendingSignal? One interruption is enough: what has to be put back
 * afterwards shall be able to wait again. */
static bool told;
static bool deferred;
static bool alarm_running;

/* The mask we were started with, once anything of ours is blocked, and what is let in during waits. */
static bool blocking;
static sigset_t wait_mask;
static sigset_t wait_mask_children;

bool host_signals_deferred(void)
{
  return deferred;
}

bool host_take_signal(void)
{
  if (arrived == 0 || told)
    return false;
  told = true;
  return true;
}

const sigset_t *host_wait_mask(bool children)
{
  if (!blocking)
    return NULL;
  return children ? &wait_mask_children : &wait_mask;
}

void host_own_signals(sigset_t *signals)
{
  sigemptyset(signals);
  sigaddset(signals, SIGPIPE);
  sigaddset(signals, SIGXFSZ);
  sigaddset(signals, SIGCHLD);
  for (size_t i = 0; i < COUNT_OF(stopping); i++)
    sigaddset(signals, stopping[i]);
}

/* Blocks more signals; waits let in what they let in before, plus those of `stopping` that are blocked now. */
static int hold_back(const sigset_t *signals)
{
  sigset_t before;
  if (sigprocmask(SIG_BLOCK, signals, &before) < 0)
    return errno;
  if (!blocking) {
    blocking = true;
    wait_mask = before;
    sigdelset(&before, SIGCHLD);
    wait_mask_children = before;
  }
  if (sigismember(signals, SIGCHLD)) {
    sigaddset(&wait_mask, SIGCHLD);
    return 0;
  }
  for (size_t i = 0; i < COUNT_OF(stopping); i++) {
    sigdelset(&wait_mask, stopping[i]);
    sigdelset(&wait_mask_children, stopping[i]);
  }
  return 0;
}

/* A call that waits can be entered just after the signal or the deadline came: interrupt it until it ends. */
static void keep_ticking(void)
{
  const struct itimerval ticks = {.it_value = {.tv_usec = 10000}, .it_interval = {.tv_usec = 10000}};
  setitimer(ITIMER_REAL, &ticks, NULL);
}

static void on_stop(int signal)
{
  if (arrived == 0)
    arrived = signal;
  if (alarm_running)
    keep_ticking();
}

static void on_wake(int signal)
{
  (void)signal;
}

static JSValue host_deferSignals(HOST_ARGUMENTS)
{
  if (deferred)
    return JS_UNDEFINED;
  sigset_t signals;
  sigemptyset(&signals);
  for (size_t i = 0; i < COUNT_OF(stopping); i++)
    sigaddset(&signals, stopping[i]);
  int error = hold_back(&signals);
  for (size_t i = 0; i < COUNT_OF(stopping) && error == 0; i++) {
    const struct sigaction note = {.sa_handler = on_stop};
    struct sigaction before;
    if (sigaction(stopping[i], &note, &before) < 0)
      error = errno;
    /* Who started us under nohup(1), say, wants it ignored. */
    else if (before.sa_handler == SIG_IGN)
      sigaction(stopping[i], &before, NULL);
  }
  if (error != 0)
    return host_throw(context, error, "sigaction", "");
  deferred = true;
  return JS_UNDEFINED;
}

static JSValue host_pendingSignal(HOST_ARGUMENTS)
{
  sigset_t pending;
  if (arrived == 0 && deferred && sigpending(&pending) == 0) {
    for (size_t i = 0; i < COUNT_OF(stopping) && arrived == 0; i++) {
      if (sigismember(&pending, stopping[i]))
        arrived = stopping[i];
    }
  }
  if (arrived == 0)
    return JS_UNDEFINED;
  told = true;
  return JS_NewString(context, arrived == SIGHUP ? "SIGHUP" : arrived == SIGINT ? "SIGINT" : "SIGTERM");
}

int host_watch_children(void)
{
  static bool watching;
  if (watching)
    return 0;
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  int error = hold_back(&child);
  /* Our own caller may have left it ignored; then the kernel would reap children behind our back. */
  const struct sigaction wake = {.sa_handler = on_wake, .sa_flags = SA_NOCLDSTOP};
  if (error == 0 && sigaction(SIGCHLD, &wake, NULL) < 0)
    error = errno;
  watching = error == 0;
  return error;
}

static struct sigaction alarm_before;
static sigset_t mask_before;

int host_alarm_start(double deadline)
{
  const struct sigaction wake = {.sa_handler = on_wake};
  if (sigaction(SIGALRM, &wake, &alarm_before) < 0)
    return errno;
  alarm_running = true;
  double left = deadline - host_now();
  if (left < 1) {
    keep_ticking();
  } else if (!isinf(left)) {
    struct itimerval timer = {.it_interval = {.tv_usec = 10000}};
    timer.it_value.tv_sec = (time_t)(left / 1e3);
    timer.it_value.tv_usec = (suseconds_t)((left - (double)timer.it_value.tv_sec * 1e3) * 1e3);
    setitimer(ITIMER_REAL, &timer, NULL);
  }
  sigset_t mask;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  if (blocking)
    mask = wait_mask;
  sigdelset(&mask, SIGALRM);
  sigprocmask(SIG_SETMASK, &mask, &mask_before);
  return 0;
}

void host_alarm_stop(void)
{
  alarm_running = false;
  const struct itimerval never = {0};
  setitimer(ITIMER_REAL, &never, NULL);
  sigprocmask(SIG_SETMASK, &mask_before, NULL);
  sigaction(SIGALRM, &alarm_before, NULL);
}

const JSCFunctionListEntry host_signals_functions[] = {
  HOST_FUNCTION(deferSignals, 0),
  HOST_FUNCTION(pendingSignal, 0),
};
const int host_signals_count = COUNT_OF(host_signals_functions);
