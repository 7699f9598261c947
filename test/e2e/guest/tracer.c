/*
 * Counts the system calls of a program, or kills it at one of them.
 *
 *   tracer FILE COMMAND ARGS…
 *     writes {"calls":…,"threads":…,"children":…,"childCalls":…} to FILE: the system calls of all threads of the
 *     program, how many threads it had at most, and how many processes it started, with their calls.
 *   tracer -k N COMMAND ARGS…
 *     SIGKILL at the entry of its N-th call, which is then not executed. What it has started lives on.
 *
 * Counted are calls after its own execve. Exit status: the program's; 128 + signal where one ended it. 127: it
 * could not be started.
 *
 * strace -c counts too, but cannot tell a child's calls from the program's; its inject=…:when=N counts per thread,
 * which is not the same twice for a program with threads.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* A thread that is traced; `own` where it is one of the program itself, not of a child. */
struct task {
	pid_t id;
	bool own;
};

static struct task tasks[1024];
static int task_count, own_count, own_most;
static long calls, child_calls, children;
static pid_t program;

static void fail(const char *what)
{
	fprintf(stderr, "tracer: %s: %s\n", what, strerror(errno));
	exit(127);
}

/* The process that a thread belongs to. */
static pid_t process_of(pid_t thread)
{
	char path[64], line[256];
	int process = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", thread);
	FILE *status = fopen(path, "re");
	if (!status)
		return 0;
	while (fgets(line, sizeof(line), status) && sscanf(line, "Tgid: %d", &process) != 1)
		;
	fclose(status);
	return process;
}

static struct task *find(pid_t id)
{
	for (int i = 0; i < task_count; i++)
		if (tasks[i].id == id)
			return &tasks[i];
	if (task_count == sizeof(tasks) / sizeof(*tasks)) {
		fprintf(stderr, "tracer: too many threads\n");
		exit(127);
	}
	pid_t process = process_of(id);
	struct task *new = &tasks[task_count++];
	*new = (struct task){ .id = id, .own = process == program };
	if (new->own && ++own_count > own_most)
		own_most = own_count;
	if (!new->own && process == id)
		children++;
	return new;
}

static void forget(pid_t id)
{
	struct task *gone = find(id);

	if (gone->own)
		own_count--;
	*gone = tasks[--task_count];
}

/* At the entry or exit of a call: true where it shall not be executed. */
static bool is_last(const struct task *task, long last)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->id, sizeof(info), &info) <= 0)
		return false; /* killed meanwhile */
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	if (!task->own) {
		child_calls++;
		return false;
	}
	return ++calls == last;
}

/* Follows all until the last one has ended; returns the program's wait status. */
static int follow(long last)
{
	int status, result = 0;
	pid_t id;

	while ((id = waitpid(-1, &status, __WALL)) > 0) {
		if (!WIFSTOPPED(status)) {
			if (id == program)
				result = status;
			forget(id);
			continue;
		}
		struct task *task = find(id);
		int signal = WSTOPSIG(status);
		if (signal == (SIGTRAP | 0x80)) { /* PTRACE_O_TRACESYSGOOD: entry or exit of a call */
			if (is_last(task, last))
				kill(program, SIGKILL);
			signal = 0;
		} else if (status >> 16 || signal == SIGSTOP) { /* an event, or a new thread's first stop */
			signal = 0;
		}
		/* ESRCH: killed meanwhile, which waitpid will tell. */
		if (ptrace(PTRACE_SYSCALL, id, 0, signal) && errno != ESRCH)
			fail("PTRACE_SYSCALL");
	}
	return result;
}

int main(int argc, char **argv)
{
	bool killing = argc > 1 && !strcmp(argv[1], "-k");
	char **command = argv + (killing ? 3 : 2);
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
	int status;

	if (argc < (killing ? 4 : 3)) {
		fprintf(stderr, "usage: tracer FILE COMMAND… | tracer -k N COMMAND…\n");
		return 127;
	}
	program = fork();
	if (program < 0)
		fail("fork");
	if (program == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execv(command[0], command);
		fprintf(stderr, "tracer: %s: %s\n", command[0], strerror(errno));
		_exit(127);
	}
	/* Without PTRACE_O_TRACEEXEC yet, execve ends with a SIGTRAP; where it failed, the child has ended. */
	if (waitpid(program, &status, 0) != program || !WIFSTOPPED(status))
		return 127;
	/* Children that are not traced are not ended with us either. */
	if (!killing)
		options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
	if (ptrace(PTRACE_SETOPTIONS, program, 0, options))
		fail("PTRACE_SETOPTIONS");
	find(program);
	if (ptrace(PTRACE_SYSCALL, program, 0, 0))
		fail("PTRACE_SYSCALL");
	status = follow(killing ? atol(argv[2]) : 0);
	if (!killing) {
		FILE *report = fopen(argv[1], "we");
		if (!report)
			fail(argv[1]);
		fprintf(report, "{\"calls\":%ld,\"threads\":%d,\"children\":%ld,\"childCalls\":%ld}\n", calls, own_most, children,
			child_calls);
		if (fclose(report))
			fail(argv[1]);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
