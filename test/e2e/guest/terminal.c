/*
 * Runs a command in a terminal, and prints on stdout what it writes there. Without it, tests only see output in files
 * and pipes. The exit status is the command's, 128 + signal if a signal ended it.
 *
 *   terminal COMMAND ARGUMENT…
 */
#define _GNU_SOURCE
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	exit(125);
}

/* Makes the terminal pass on a newline as it is, instead of CR and newline. */
static void pass_on_newlines(void)
{
	struct termios settings;

	if (tcgetattr(STDOUT_FILENO, &settings) < 0)
		fail("tcgetattr");
	settings.c_oflag &= ~OPOST;
	if (tcsetattr(STDOUT_FILENO, TCSANOW, &settings) < 0)
		fail("tcsetattr");
}

/* The byte after the command's output. Texts do not contain it. */
#define END '\0'

/*
 * Runs the command in a child, and writes END to the terminal after it. Until then, this process has the terminal open:
 * the kernel can lose the last output of a process that closes it as the last one.
 */
static int run(char **words)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		fail("fork");
	if (child == 0) {
		execvp(words[0], words);
		fail(words[0]);
	}
	if (waitpid(child, &status, 0) < 0)
		fail("waitpid");
	if (write(STDOUT_FILENO, &(char){END}, 1) != 1)
		fail("write");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int count, char **words)
{
	char bytes[4096], *end = NULL;
	ssize_t length;
	int terminal, status;
	pid_t child;

	if (count < 2) {
		fprintf(stderr, "usage: terminal COMMAND [ARGUMENT...]\n");
		return 2;
	}
	child = forkpty(&terminal, NULL, NULL, NULL);
	if (child < 0)
		fail("forkpty");
	if (child == 0) {
		pass_on_newlines();
		return run(words + 1);
	}
	while (end == NULL) {
		length = read(terminal, bytes, sizeof(bytes));
		if (length <= 0)
			fail("read");
		end = memchr(bytes, END, length);
		if (end != NULL)
			length = end - bytes;
		if (write(STDOUT_FILENO, bytes, length) != length)
			fail("write");
	}
	if (waitpid(child, &status, 0) < 0)
		fail("waitpid");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
