/*
 * Signals that ask the process to stop are held back: they are blocked except during waits. So they never interrupt
 * other system calls, and none is lost between a check for signals and the wait (ppoll(2) unblocks them and sleeps in
 * one step).
 */
#include "host.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/time.h>

static const int stopping[] = {SIGTERM, SIGINT, SIGHUP};

/* The first signal that arrived; 0 if none has. */
static volatile sig_atomic_t arrived;
/* Whether JavaScript knows of it, by EINTR or by pendingSignal. It interrupts only one wait, because the rollback
 * afterwards must be able to wait. */
static bool reported;
static bool deferred;
static bool alarm_running;

/* Whether any signal is held back, and then the masks for waits: the original mask without the signals to let in. */
static bool blocking;
static sigset_t wait_mask;
static sigset_t wait_mask_children;

bool host_signals_deferred(void)
{
  return deferred;
}

bool host_take_signal(void)
{
  if (arrived == 0 || reported)
    return false;
  reported = true;
  return true;
}

bool host_signal_arrived(void)
{
  return arrived != 0;
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

/* Blocks more signals. Waits let in the same signals as before. */
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
  return 0;
}

int host_hold_back(int signal)
{
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, signal);
  const int error = hold_back(&signals);
  sigdelset(&wait_mask, signal);
  sigdelset(&wait_mask_children, signal);
  return error;
}

/* A blocking call can begin just after the signal or the deadline came, so ticks interrupt it until it returns. */
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
    sigdelset(&wait_mask, stopping[i]);
    sigdelset(&wait_mask_children, stopping[i]);
    const struct sigaction note = {.sa_handler = on_stop};
    struct sigaction before;
    if (sigaction(stopping[i], &note, &before) < 0)
      error = errno;
    /* The signal stays ignored if the caller ignored it, for example with nohup(1). */
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
  reported = true;
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
  sigaddset(&wait_mask, SIGCHLD);
  /* The caller may have ignored SIGCHLD; then the kernel itself would reap children, and their status would be lost. */
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

static const JSCFunctionListEntry functions[] = {
  HOST_FUNCTION(deferSignals, 0),
  HOST_FUNCTION(pendingSignal, 0),
};
HOST_PART(signals);
