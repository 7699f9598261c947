/*
  * Counts the system calls of a program, or sends it a signal at a given system call.
 *
 *   tracer FILE COMMAND ARGS…
  *     writes {"calls":…,"threads":…,"children":…,"childCalls":…,"copied":…} to FILE: the number of system calls of all
  *     threads of the program, its largest number of threads, the number of processes it started, the number of their
  *     calls, and how much of its executable's data, in KiB, the kernel had to copy because the program wrote to it.
 *   tracer -k N FILE COMMAND ARGS…
  *     sends SIGKILL at the entry of its N-th call, which is then not executed. Its child processes keep running. FILE
  *     gets the kernel's number of that call, or nothing if the program makes fewer calls.
  *   tracer -e N FILE COMMAND ARGS…
  *     does the same, but counts only calls that can change something outside the program: a kill at any other call has
  *     the same effect as a kill at the next counted call.
  *   tracer -t N FILE COMMAND ARGS…
  *     does the same as -e with SIGTERM, and the call is executed.
 *
  * Counting starts after the program's own execve. Exit status: the program's; 128 + signal if a signal ended it; 127
  * if it could not be started.
 *
  * strace -c counts too, but cannot separate a child's calls from the program's; its inject=…:when=N counts per thread,
  * and so selects different calls in different runs of a program with threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A traced thread; `own` if it belongs to the program itself, not to a child. */
struct task {
	pid_t id;
	bool own;
};

static struct task tasks[1024];
static int task_count, own_count, own_most;
static long calls, child_calls, children, copied;
static pid_t program;

/* The signal to send, and the call to send it at. */
static struct {
	long at; /* 0: nothing */
	int signal;
	bool effects; /* count only calls that can change something */
	const char *file;
} end;

static void fail(const char *what)
{
	fprintf(stderr, "tracer: %s: %s\n", what, strerror(errno));
	exit(127);
}

/* Returns the process that a thread belongs to. */
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

/* Reports whether the call can change anything that outlives the program. */
static bool has_effect(const struct __ptrace_syscall_info *info)
{
	switch (info->entry.nr) {
	case SYS_openat:
		return info->entry.args[2] & O_CREAT;
	case SYS_read: case SYS_pread64: case SYS_readlink: case SYS_readlinkat: case SYS_getdents64: case SYS_close:
	case SYS_lseek: case SYS_fstat: case SYS_newfstatat: case SYS_statfs: case SYS_fstatfs:
	case SYS_mmap: case SYS_munmap: case SYS_mprotect: case SYS_brk: case SYS_prlimit64:
	case SYS_arch_prctl: case SYS_set_tid_address: case SYS_set_robust_list: case SYS_rseq:
	case SYS_rt_sigaction: case SYS_rt_sigprocmask: case SYS_poll: case SYS_ppoll: case SYS_flock:
	case SYS_socket: case SYS_bind: case SYS_setsockopt: case SYS_getsockopt: case SYS_recvfrom: case SYS_recvmsg:
	case SYS_ioctl: case SYS_setns: case SYS_fcntl: case SYS_getpid: case SYS_clock_gettime: case SYS_getrandom:
		return false;
	default:
		return true;
	}
}

/* Writes the number of the system call to the output file, and sends the signal to the traced process. */
static void end_at(long number)
{
	FILE *file = fopen(end.file, "we");

	if (!file || fprintf(file, "%ld\n", number) < 0 || fclose(file))
		fail(end.file);
	kill(program, end.signal);
}

/* Counts a call at its entry; exits are ignored. */
static void count(const struct task *task)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->id, sizeof(info), &info) <= 0)
		return; /* the thread was killed in the meantime */
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	if (!task->own)
		child_calls++;
	else if (!end.effects || has_effect(&info))
		if (++calls == end.at)
			end_at(info.entry.nr);
}

/* Returns the sum of Private_Dirty of the program's mappings of its executable (proc_pid_smaps(5)), in KiB. */
static long copied_data(void)
{
	char path[64], executable[256], line[512], *name;
	long sum = 0, number;
	bool of_executable = false;

	snprintf(path, sizeof(path), "/proc/%d/exe", program);
	ssize_t length = readlink(path, executable, sizeof(executable) - 1);
	if (length < 0)
		fail(path);
	executable[length] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/smaps", program);
	FILE *smaps = fopen(path, "re");
	if (!smaps)
		fail(path);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "Private_Dirty: %ld", &number) == 1)
			sum += of_executable ? number : 0;
		else if (strchr(line, '-') && (name = strchr(line, '/')))
			of_executable = !strncmp(name, executable, length) && name[length] == '\n';
		else if (strchr(line, '-'))
			of_executable = false;
	}
	fclose(smaps);
	return sum;
}

/* Follows all threads until the last has ended; returns the program's wait status. */
static int follow(void)
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
			count(task);
			signal = 0;
		} else if (status >> 16 == PTRACE_EVENT_EXIT) {
			if (id == program)
				copied = copied_data();
			signal = 0;
		} else if (status >> 16 || signal == SIGSTOP) { /* an event, or a new thread's first stop */
			signal = 0;
		}
		/* ESRCH: the thread was killed in the meantime, which waitpid will report. */
		if (ptrace(PTRACE_SYSCALL, id, 0, signal) && errno != ESRCH)
			fail("PTRACE_SYSCALL");
	}
	return result;
}

int main(int argc, char **argv)
{
	int option = argc > 1 && argv[1][0] == '-' ? argv[1][1] : 0;
	char **command = argv + (option ? 4 : 2);
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
	int status;

	if (argc < (option ? 5 : 3) || (option && !strchr("ket", option))) {
		fprintf(stderr, "usage: tracer FILE COMMAND… | tracer -k|-e|-t N FILE COMMAND…\n");
		return 127;
	}
	if (option) {
		end.at = atol(argv[2]);
		end.signal = option == 't' ? SIGTERM : SIGKILL;
		end.effects = option != 'k';
		end.file = argv[3];
		if (truncate(end.file, 0) && errno != ENOENT)
			fail(end.file);
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
	/* PTRACE_O_TRACEEXEC is not set yet, so execve ends with a SIGTRAP; if execve failed, the child has ended. */
	if (waitpid(program, &status, 0) != program || !WIFSTOPPED(status))
		return 127;
	/* Child processes that are not traced keep running when this process ends. */
	if (!option)
		options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXIT;
	if (ptrace(PTRACE_SETOPTIONS, program, 0, options))
		fail("PTRACE_SETOPTIONS");
	find(program);
	if (ptrace(PTRACE_SYSCALL, program, 0, 0))
		fail("PTRACE_SYSCALL");
	status = follow();
	if (!option) {
		FILE *report = fopen(argv[1], "we");
		if (!report)
			fail(argv[1]);
		fprintf(report, "{\"calls\":%ld,\"threads\":%d,\"children\":%ld,\"childCalls\":%ld,\"copied\":%ld}\n", calls,
			own_most, children, child_calls, copied);
		if (fclose(report))
			fail(argv[1]);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
