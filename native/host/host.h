/*
 * Declarations for the parts of the module `host`, which host.d.ts documents. host.c joins the parts. The module makes
 * system calls, and decides nothing. Files are opened by openat(AT_FDCWD, …), because musl's open makes a second system
 * call for O_CLOEXEC.
 *
 * A function that returns JSValue and takes a context throws into that context and returns JS_EXCEPTION. A function
 * that returns bool or a pointer throws and returns false or NULL. A function that returns int returns 0 or an errno.
 */
#ifndef IB_SRIOV_HOST_H
#define IB_SRIOV_HOST_H

#include <poll.h>
#include <quickjs/quickjs.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The parameters of every function. QuickJS fills argv to at least the number of arguments in the table. */
#define HOST_ARGUMENTS JSContext *context, JSValueConst self, int argc, JSValueConst *argv
/* An entry of a table: a function and the number of its required arguments. */
#define HOST_FUNCTION(name, arguments) JS_CFUNC_DEF(#name, arguments, host_##name)
/* An entry of a table: a constant. */
#define HOST_NUMBER(name) JS_PROP_INT32_DEF(#name, name, JS_PROP_ENUMERABLE)

/* ---- error.c, errno-names.c ---- */

/* For what a system call returns, and for messages; in .bss, so that a page that no call reaches takes no memory. */
extern _Alignas(8) char host_buffer[64 * 1024];
/* Returns the name of an errno, e.g. "ENOENT"; NULL if the number has no name. */
const char *host_errno_name(int error);
/* Returns the errno of a name; 0 if the name is unknown. */
int host_errno(const char *name);
/* Throws a HostError. `subject` can be "". */
JSValue host_throw(JSContext *context, int error, const char *call, const char *subject);
/* Reports whether the errno's name is in the list `expected`, which can be undefined. */
bool host_is_expected(JSContext *context, JSValueConst expected, int error);
/* Returns undefined if the errno's name is in the list `expected`, which can be undefined; else throws a HostError. */
JSValue host_throw_unless(JSContext *context, JSValueConst expected, int error, const char *call, const char *subject);
/* Throws a HostError about a descriptor. */
JSValue host_throw_fd(JSContext *context, int error, const char *call, int fd);

/* ---- argument.c ---- */

/* Maximum length of a text that is read, bytes. */
#define HOST_TEXT_LIMIT (64 * 1024 * 1024)

/* Reads a whole number from `low` to `high`; `what` names it in the TypeError. */
bool host_integer(JSContext *context, JSValueConst value, const char *what, int64_t low, int64_t high,
                  int64_t *number);
bool host_fd(JSContext *context, JSValueConst value, int *fd);
/* Reads a point on CLOCK_MONOTONIC, ms; can be infinite. */
bool host_deadline(JSContext *context, JSValueConst value, double *deadline);
/* Returns the bytes of a Uint8Array. The pointer is valid until JavaScript runs again. */
bool host_bytes(JSContext *context, JSValueConst value, const uint8_t **bytes, size_t *length);
/* Returns a path or an argument for the kernel, to be freed with js_free. EINVAL if it contains a NUL byte. */
char *host_name(JSContext *context, JSValueConst value, const char *call);
/* Returns the bytes of a text that can contain NUL bytes, to be freed with js_free. Half surrogates from host_new_name
   become bytes again; others become U+FFFD. */
char *host_text(JSContext *context, JSValueConst value, size_t *length);

/* ---- strings.c ---- */

/* Makes a string from UTF-8; invalid sequences become U+FFFD. */
JSValue host_new_text(JSContext *context, const char *bytes, size_t length);
/* Makes a string from a name of the kernel. Bytes that are not valid UTF-8 are preserved: host_name restores them. */
JSValue host_new_name(JSContext *context, const char *name);
/* As host_new_name, from a number of bytes. */
JSValue host_new_name_of(JSContext *context, const char *bytes, size_t length);
/* Makes a decimal string from a number that can be above 2^53. */
JSValue host_new_decimal(JSContext *context, uint64_t number);

/* The name and the value of an object's member. */
struct host_member {
  const char *name;
  JSValue value;
};
/* Sets members of an object. Frees the values if that fails. */
bool host_set_members(JSContext *context, JSValueConst object, int flags, unsigned count,
                      const struct host_member *members);
/* Makes an object. Frees the values if that fails. */
JSValue host_new_object(JSContext *context, unsigned count, const struct host_member *members);

/* ---- text.c ---- */

/* Makes a Uint8Array with a copy of the bytes. */
JSValue host_new_bytes(JSContext *context, const void *bytes, size_t length);

/* ---- clock.c ---- */

/* Returns CLOCK_MONOTONIC, ms. */
double host_now(void);
/* Returns a time in ms, at most a day: longer waits are split. */
struct timespec host_timespec(double ms);

/* ---- wait.c ---- */

/*
 * Waits until descriptors are ready, and returns their number. -1 and errno: ETIMEDOUT at the deadline, EINTR if a
 * signal that is held back has arrived. With `children`, 0 means that a child may have ended.
 */
int host_poll(struct pollfd *descriptors, unsigned count, double deadline, bool children);
/* Waits until one descriptor is ready; returns 0 or an errno. */
int host_wait_fd(int fd, short events, double deadline);

/* ---- signals.c ---- */

bool host_signals_deferred(void);
/* Reports a signal that has arrived, only once: the caller must return EINTR for it. */
bool host_take_signal(void);
/* Reports whether a signal has arrived that asks the process to stop, reported or not. */
bool host_signal_arrived(void);
/*
 * Returns the mask for a wait. It lets in the signals that are held back, and SIGCHLD only with `children`. NULL if no
 * signal is held back, so that the current mask suffices.
 */
const sigset_t *host_wait_mask(bool children);
/* Returns the signals that this process handles, ignores or holds back. A child starts with their defaults. */
void host_own_signals(sigset_t *signals);
/* Blocks a signal except during waits. Returns 0 or an errno. */
int host_hold_back(int signal);
/* Lets in SIGCHLD during waits for children, and only then. */
int host_watch_children(void);
/*
 * Between start and stop, a blocking system call without a deadline (flock) ends with EINTR at the deadline (ms on
 * CLOCK_MONOTONIC), and when a signal arrives that is held back.
 */
int host_alarm_start(double deadline);
void host_alarm_stop(void);

/* ---- notice.c ---- */

/* Reports whether a line waits to be printed, or was printed, and was not canceled since. */
bool host_notice_is_set(void);
/* Waits for a child, and lets in the signal of the notice. Returns as waitpid(2). */
int host_notice_waitpid(int pid, int *status);

/* ---- streams.c ---- */

/*
 * Writes all bytes, and returns 0 or an errno. ETIMEDOUT: the reader took nothing until the deadline; a write to stderr
 * waits for a second at most. EINTR: a signal that is held back arrived in a wait for the reader of stdout. A write that
 * begins after such a signal waits for a second at most. A part of the bytes can have been written.
 */
int host_write_all(int fd, const char *bytes, size_t length, double deadline);
/* Reports whether the process has printed to stdout. */
bool host_stdout_used(void);

/* ---- process.c ---- */

/* Prepares stdio and SIGPIPE, and stores the arguments. Must be called first. */
bool host_prepare_process(int argc, char **argv);
/* Returns the exit status that the program has set; 0 if it has not. */
int host_exit_status(void);
/* Reports whether RLIMIT_AS allows as much address space as a call needs. */
bool host_has_address_space(void);

/* ---- host.c ---- */

/* Makes the global object `host`. */
bool host_install(JSContext *context);

/* A part of the module: a table of functions, which the file of that name has at its end. */
struct host_part {
  const JSCFunctionListEntry *functions;
  int count;
};
#define HOST_PART(part) const struct host_part host_part_##part = {functions, COUNT_OF(functions)}
extern const struct host_part host_part_bpf, host_part_calls, host_part_children, host_part_clock, host_part_ethtool,
  host_part_files, host_part_netlink, host_part_notice, host_part_process, host_part_signals, host_part_streams,
  host_part_text, host_part_wait;

#endif
