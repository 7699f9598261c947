/*
 * The guest's counterpart of guest.ts. Reads lines of two kinds, whose words after the second are in base64, after an
 * "x", so that no word is empty:
 *
 *   shell SECONDS SCRIPT                     runs a script with bash, without stdin
 *   program SECONDS STDIN PATH VARIABLE…     runs a program with only these environment variables
 *
 * Answers each with "answer STATUS STDOUT STDERR BEGIN END": the exit status (128 + signal if a signal ended the
 * process), the output in the same form, and the times by the guest's clock (s, since boot). After SECONDS the process
 * is killed. Lines that do not begin with "answer" are other output.
 *
 * A shell script would need several processes for each line, and starting processes is slow in the emulator.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS 64

static const char script[] = "/tmp/call", outputs[2][16] = { "/tmp/call.out", "/tmp/call.err" };

/* Some text, followed by a NUL byte that does not count. */
struct text {
	char *bytes;
	size_t length;
};

static void fail(const char *what)
{
	fprintf(stderr, "agent: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *allocate(size_t size)
{
	void *memory = malloc(size);

	if (!memory)
		fail("malloc");
	return memory;
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Decodes a word, whose first letter is "x". */
static struct text decode(const char *word)
{
	static signed char values[256];
	struct text text = { .bytes = allocate(strlen(word) + 1) };
	unsigned int bits = 0;
	int count = 0;

	if (!values['B'])
		for (int i = 0; i < 64; i++)
			values[(unsigned char)digits[i]] = i;
	while (*++word && *word != '=') {
		bits = bits << 6 | values[(unsigned char)*word];
		if ((count += 6) >= 8)
			text.bytes[text.length++] = bits >> (count -= 8);
	}
	text.bytes[text.length] = '\0';
	return text;
}

static void print_encoded(const struct text *text)
{
	for (size_t i = 0; i < text->length; i += 3) {
		unsigned int bits = 0;
		size_t rest = text->length - i;

		for (size_t j = 0; j < 3; j++)
			bits = bits << 8 | (j < rest ? (unsigned char)text->bytes[i + j] : 0);
		for (size_t j = 0; j < 4; j++)
			putchar(j <= rest ? digits[bits >> (18 - 6 * j) & 63] : '=');
	}
}

static struct text read_file(const char *path)
{
	struct stat status;
	struct text text;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status))
		fail(path);
	text.bytes = allocate(status.st_size + 1);
	ssize_t length = read(fd, text.bytes, status.st_size);
	if (length < 0)
		fail(path);
	text.length = length;
	close(fd);
	return text;
}

static void write_all(int fd, const struct text *text)
{
	ssize_t written;

	for (size_t done = 0; done < text->length; done += written)
		if ((written = write(fd, text->bytes + done, text->length - done)) < 0)
			return; /* the reader has ended */
}

static void write_file(const char *path, const struct text *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		fail(path);
	write_all(fd, text);
	close(fd);
}

/* Returns a pipe from which a new process can read the text. If the pipe is too small, another process writes it. */
static int pipe_with(const struct text *text)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		fail("pipe");
	pid_t writer = text->length > (size_t)fcntl(ends[1], F_GETPIPE_SZ) ? fork() : getpid();
	if (writer < 0)
		fail("fork");
	if (writer == 0) {
		close(ends[0]);
		write_all(ends[1], text);
		_exit(0);
	}
	if (writer == getpid())
		write_all(ends[1], text);
	close(ends[1]);
	return ends[0];
}

/* Starts a program, whose output goes to files: a pipe would not end while processes that it leaves behind run. */
static pid_t start(int stdin_fd, char **arguments, char **environment)
{
	pid_t child = fork();
	sigset_t none;

	if (child < 0)
		fail("fork");
	if (child > 0)
		return child;
	dup2(stdin_fd, 0);
	for (int i = 0; i < 2; i++) {
		int fd = open(outputs[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

		if (fd < 0 || dup2(fd, 1 + i) < 0)
			_exit(126);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(arguments[0], arguments, environment);
	fprintf(stderr, "%s: %s\n", arguments[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* Waits for the end of a process, and kills it after the time limit. SIGCHLD must be blocked. Returns its status. */
static int wait_for(pid_t child, double deadline)
{
	int status;
	sigset_t ended;
	pid_t found;

	sigemptyset(&ended);
	sigaddset(&ended, SIGCHLD);
	for (;;) {
		/* Collects the writer of a pipe, too. */
		while ((found = waitpid(-1, &status, WNOHANG)) > 0)
			if (found == child)
				return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		double left = deadline - now();
		if (left <= 0)
			kill(child, SIGKILL);
		struct timespec time = { .tv_sec = left > 0 ? left : 1, .tv_nsec = left > 0 ? (left - (long)left) * 1e9 : 0 };
		sigtimedwait(&ended, NULL, &time);
	}
}

/* Executes a line, which is split into words, and answers it. */
static void answer(char **words, int count)
{
	bool is_shell = !strcmp(words[0], "shell");
	char *bash[] = { "/bin/bash", (char *)script, NULL }, *arguments[] = { NULL, NULL }, *variables[WORDS] = { NULL };
	struct text text = decode(words[2]);
	double begin = now();
	int stdin_fd;

	if (is_shell) {
		write_file(script, &text);
		stdin_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	} else {
		stdin_fd = pipe_with(&text);
		arguments[0] = decode(words[3]).bytes;
		for (int i = 4; i < count; i++)
			variables[i - 4] = decode(words[i]).bytes;
	}
	pid_t child = start(stdin_fd, is_shell ? bash : arguments, is_shell ? environ : variables);
	close(stdin_fd);
	int status = wait_for(child, begin + atof(words[1]));
	double end = now();
	printf("answer %d", status);
	for (int i = 0; i < 2; i++) {
		struct text output = read_file(outputs[i]);

		printf(" x");
		print_encoded(&output);
		free(output.bytes);
	}
	printf(" %.2f %.2f\n", begin, end);
	if (fflush(stdout))
		fail("stdout");
	free(text.bytes);
	free(arguments[0]);
	for (int i = 0; variables[i]; i++)
		free(variables[i]);
}

int main(void)
{
	char *line = NULL, *words[WORDS], *rest;
	size_t size = 0;
	sigset_t ended;

	sigemptyset(&ended);
	sigaddset(&ended, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ended, NULL);
	puts("ready");
	fflush(stdout);
	while (getline(&line, &size, stdin) > 0) {
		int count = 0;

		for (char *word = strtok_r(line, " \n", &rest); word && count < WORDS; word = strtok_r(NULL, " \n", &rest))
			words[count++] = word;
		if (count < 3)
			break;
		answer(words, count);
	}
	return 0;
}
