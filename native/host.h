/*
 * The module `host` (host.d.ts says what it does): what its parts share. A part is a file with a table of
 * functions; host.c puts the tables together. System calls, no policy. Files are opened by openat(AT_FDCWD, …), since
 * musl's open makes a second system call for O_CLOEXEC.
 *
 * A function that returns JSValue and takes a context throws into that context and returns JS_EXCEPTION; one
 * that returns bool or a pointer throws and returns false or NULL; one that returns int gives 0 or an errno.
 */
#ifndef IB_SRIOV_HOST_H
#define IB_SRIOV_HOST_H

#include <poll.h>
#include <quickjs/quickjs.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* What QuickJS hands to every function. argv has at least as many values as the table says. */
#define HOST_ARGUMENTS JSContext *context, JSValueConst self, int argc, JSValueConst *argv
/* An entry of a table: a function and how many arguments it cannot do without. */
#define HOST_FUNCTION(name, arguments) JS_CFUNC_DEF(#name, arguments, host_##name)

/* ---- error.c ---- */

/* E.g. "ENOENT"; NULL where there is none of that number. */
const char *host_errno_name(int error);
/* Throws a HostError. `subject` is "" where there is none. */
JSValue host_throw(JSContext *context, int error, const char *call, const char *subject);
/* The same, but returns undefined where the errno's name is in a list; `expected` is that, or undefined. */
JSValue host_throw_unless(JSContext *context, JSValueConst expected, int error, const char *call, const char *subject);
/* Throws one about a descriptor. */
JSValue host_throw_fd(JSContext *context, int error, const char *call, int fd);

/* ---- argument.c ---- */

/* No text that is read or written is larger. */
#define HOST_TEXT_LIMIT (64 * 1024 * 1024)

/* A whole number from `low` to `high`; `what` names it in the TypeError. */
bool host_integer(JSContext *context, JSValueConst value, const char *what, int64_t low, int64_t high,
                  int64_t *number);
bool host_fd(JSContext *context, JSValueConst value, int *fd);
/* A point on CLOCK_MONOTONIC, ms; may be infinite. */
bool host_deadline(JSContext *context, JSValueConst value, double *deadline);
/* The bytes of a Uint8Array; they stay where they are until JavaScript runs again. */
bool host_bytes(JSContext *context, JSValueConst value, const uint8_t **bytes, size_t *length);
/* A path, an argument: as the kernel wants it, to be freed with js_free. EINVAL where a NUL byte is in it. */
char *host_name(JSContext *context, JSValueConst value, const char *call);
/* Text in UTF-8, to be freed with js_free. Half surrogates become U+FFFD. */
char *host_text(JSContext *context, JSValueConst value, size_t *length);
/* The bytes of text that may have names in it, NUL bytes included, to be freed with js_free. Half surrogates that
   host_new_name does not make become U+FFFD. */
char *host_name_bytes(JSContext *context, JSValueConst value, size_t *length);

/* ---- strings.c ---- */

/* A string from UTF-8; invalid sequences become U+FFFD. */
JSValue host_new_text(JSContext *context, const char *bytes, size_t length);
/* A string from a name of the kernel's. Bytes that are no UTF-8 survive: host_name gives them back. */
JSValue host_new_name(JSContext *context, const char *name);
/* The same of so many bytes. */
JSValue host_new_name_of(JSContext *context, const char *bytes, size_t length);
/* A number that can pass 2^53, in decimal. */
JSValue host_new_decimal(JSContext *context, uint64_t number);

/* ---- text.c ---- */

/* A Uint8Array with a copy of the bytes. */
JSValue host_new_bytes(JSContext *context, const void *bytes, size_t length);

/* ---- read.c ---- */

/* When a descriptor has been read to its end. */
enum host_read_end {
  /* When read(2) gives nothing more. */
  HOST_READ_TO_EOF,
  /* An attribute of sysfs, a value of sysctl: also when it gives less than a page. */
  HOST_READ_ATTRIBUTE,
  /* As HOST_READ_TO_EOF, of a stream that may keep us waiting. */
  HOST_READ_STREAM,
};
/*
 * Everything that a descriptor has to say. EFBIG where that is more than `limit` bytes. `size`: what there is, where
 * fstat(2) can tell, else 0; the read that would find the end can then be spared. `expected`: of host_throw_unless.
 */
JSValue host_read_text(JSContext *context, int fd, size_t limit, size_t size, enum host_read_end end,
                       const char *subject, JSValueConst expected);

/* ---- clock.c ---- */

/* CLOCK_MONOTONIC, ms. */
double host_now(void);

/* ---- wait.c ---- */

/*
 * Waits until descriptors are ready: returns how many. -1 with errno: ETIMEDOUT at the deadline, EINTR where
 * a signal has come that is held back. With `children`, 0: one of them may have ended.
 */
int host_poll(struct pollfd *descriptors, unsigned count, double deadline, bool children);
/* The same for one descriptor. */
int host_wait_fd(int fd, short events, double deadline);

/* ---- signals.c ---- */

bool host_signals_deferred(void);
/* Has a signal come of which nobody has been told yet? True once: the caller tells it by EINTR. */
bool host_take_signal(void);
/*
 * The mask for a wait: lets in what is held back, and SIGCHLD only with `children`. NULL where nothing is held
 * back; the mask that is in force will do.
 */
const sigset_t *host_wait_mask(bool children);
/* The signals that we handle, ignore or hold back: a child gets them back as they are by default. */
void host_own_signals(sigset_t *signals);
/* From now on SIGCHLD comes in during waits for children, and only then. */
int host_watch_children(void);
/*
 * From start to stop a system call that waits and knows no deadline (flock) ends with EINTR at the deadline
 * (ms on CLOCK_MONOTONIC), and when a signal comes that is held back.
 */
int host_alarm_start(double deadline);
void host_alarm_stop(void);

/* ---- streams.c ---- */

int host_write_all(int fd, const char *bytes, size_t length);
/* Has anything been printed to stdout? */
bool host_stdout_used(void);

/* ---- process.c ---- */

/* What comes before anything else: stdio, SIGPIPE, and the arguments to remember. */
bool host_prepare_process(int argc, char **argv);
/* May the process have as much address space (RLIMIT_AS) as a call needs? */
bool host_has_address_space(void);

/* ---- exit.c ---- */

/* The exit status that the program asked for; 0 until it has. */
int host_exit_status(void);
void host_set_exit_status(int status);

/* ---- json.c ---- */

/* Makes JSON.parse refuse what would crash the engine, or keep it busy. */
bool host_guard_json(JSContext *context);

/* ---- host.c ---- */

/* Makes the global object `host`. */
bool host_install(JSContext *context);

#define HOST_PART(part)                                     \
  extern const JSCFunctionListEntry host_##part##_functions[]; \
  extern const int host_##part##_count
HOST_PART(clock);
HOST_PART(process);
HOST_PART(streams);
HOST_PART(signals);
HOST_PART(text);
HOST_PART(files);
HOST_PART(write);
HOST_PART(directories);
HOST_PART(locks);
HOST_PART(namespaces);
HOST_PART(netlink);
HOST_PART(children);
HOST_PART(copy);
HOST_PART(watch);
HOST_PART(append);
HOST_PART(datagram);
HOST_PART(bpf);

#endif
