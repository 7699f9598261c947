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

int main(int count, char **words)
{
	char bytes[4096];
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
		execvp(words[1], words + 1);
		fail(words[1]);
	}
	/* EIO: no process has the terminal open any more. */
	while ((length = read(terminal, bytes, sizeof(bytes))) > 0)
		if (write(STDOUT_FILENO, bytes, length) != length)
			fail("write");
	if (waitpid(child, &status, 0) < 0)
		fail("waitpid");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
