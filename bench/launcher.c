/*
 * Runs commands in alternation and prints the medians of their times and memory.
 *
 *   launcher ROUNDS SPECIFICATION
 *
 * The specification is a text of lines. A unit is one or more commands that are measured together:
 *   pause MS          pause before each unit, ms, for the kernel's work after the previous unit; default 0
 *   unit NAME         begins a unit
 *   env NAME=VALUE    a variable of the unit's following commands; they have no other variables
 *   stdin FILE        stdin of the following commands; default /dev/null
 *   status N          the required exit status of the following commands; default 0
 *   exec PATH ARGS…   a command
 *   aside PATH ARGS…  a command that is not measured: it prepares for the others, or restores their changes
 *
 * Prints a line for each unit: NAME, wall time and CPU time (user + system) in µs, peak RSS in KiB, wall time in units
 * of the first unit's wall time, wall time beyond the first unit's in µs, and system time in µs. All figures are
 * medians over the rounds. Units are compared within a round, so that the load of other programs on the machine matters
 * less.
 *
 * Some processes last half a millisecond, so they are started and waited for without delay (posix_spawn, wait4). This
 * program must be small, because the kernel counts its memory at the start of a child towards the child's peak.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Room for eight ADDs, eight DELs, and the commands between them. */
enum { MAX_UNITS = 8, MAX_COMMANDS = 24, MAX_WORDS = 24 };

struct command {
	char *words[MAX_WORDS], *variables[MAX_WORDS], *input;
	int status, aside;
};

struct unit {
	char *name;
	int commands;
	struct command command[MAX_COMMANDS];
	/* The values of each round. */
	double *wall, *cpu, *system, *rss, *ratio, *beyond;
};

static struct unit units[MAX_UNITS];
static int unit_count;
static long pause_ms;

static void fail(const char *subject, const char *problem)
{
	fprintf(stderr, "launcher: %s: %s\n", subject, problem);
	exit(1);
}

static void append(char **list, char *word)
{
	int n = 0;

	while (list[n])
		n++;
	if (n == MAX_WORDS - 1)
		fail(word, "too many words");
	list[n] = word;
}

/* Sets a variable, replacing its previous value. */
static void set_variable(char **list, char *assignment)
{
	size_t name = strcspn(assignment, "=") + 1;

	for (char **each = list; *each; each++)
		if (!strncmp(*each, assignment, name)) {
			*each = assignment;
			return;
		}
	append(list, assignment);
}

static void read_specification(const char *path)
{
	static struct command common, none;
	char line[1024];
	FILE *file = fopen(path, "re");

	if (!file)
		fail(path, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		char *key = strtok(strdup(line), " \n"), *rest;
		struct unit *unit = &units[unit_count - 1];
		int aside, is_command;

		if (!key)
			continue;
		aside = !strcmp(key, "aside");
		is_command = aside || !strcmp(key, "exec");
		rest = strtok(NULL, is_command ? " \n" : "\n");
		if (rest && !strcmp(key, "pause")) {
			pause_ms = atol(rest);
		} else if (!rest || (!unit_count && strcmp(key, "unit"))) {
			fail(line, "not a valid line of a specification");
		} else if (!strcmp(key, "unit")) {
			if (unit_count == MAX_UNITS)
				fail(rest, "too many units");
			common = none;
			units[unit_count++].name = rest;
		} else if (!strcmp(key, "env")) {
			set_variable(common.variables, rest);
		} else if (!strcmp(key, "stdin")) {
			common.input = rest;
		} else if (!strcmp(key, "status")) {
			common.status = atoi(rest);
		} else if (is_command) {
			struct command *command = &unit->command[unit->commands];

			if (unit->commands++ == MAX_COMMANDS)
				fail(unit->name, "too many commands");
			*command = common;
			command->aside = aside;
			for (; rest; rest = strtok(NULL, " \n"))
				append(command->words, rest);
		} else {
			fail(line, "not a valid line of a specification");
		}
	}
	fclose(file);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static double microseconds(struct timeval time)
{
	return time.tv_sec * 1e6 + time.tv_usec;
}

static void run(struct unit *unit, const struct command *command, int round)
{
	int input = open(command->input ? command->input : "/dev/null", O_RDONLY | O_CLOEXEC);
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	int error, status;
	double start;
	pid_t child;

	if (input < 0)
		fail(command->input, strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	start = now();
	error = posix_spawn(&child, command->words[0], &actions, NULL, command->words, (char **)command->variables);
	if (error)
		fail(command->words[0], strerror(error));
	if (wait4(child, &status, 0, &usage) < 0)
		fail("wait4", strerror(errno));
	if (!command->aside) {
		unit->wall[round] += now() - start;
		unit->cpu[round] += microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
		unit->system[round] += microseconds(usage.ru_stime);
		if (usage.ru_maxrss > unit->rss[round])
			unit->rss[round] = usage.ru_maxrss;
	}
	posix_spawn_file_actions_destroy(&actions);
	close(input);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != command->status)
		fail(unit->name, "a command exited with another status than the specification requires");
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double median(double *values, int count)
{
	qsort(values, count, sizeof(*values), compare);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* Changes the order in each round, because the kernel's work after one unit can slow down the next. */
static void shuffle(int *order, int count)
{
	for (int i = 0; i < count; i++) {
		int j = rand() % (i + 1);

		order[i] = order[j];
		order[j] = i;
	}
}

int main(int argc, char **argv)
{
	int rounds = argc == 3 ? atoi(argv[1]) : 0;

	if (rounds < 1)
		fail("usage", "launcher ROUNDS SPECIFICATION");
	read_specification(argv[2]);
	for (int i = 0; i < unit_count; i++) {
		struct unit *unit = &units[i];

		unit->wall = calloc(rounds, sizeof(double));
		unit->cpu = calloc(rounds, sizeof(double));
		unit->system = calloc(rounds, sizeof(double));
		unit->rss = calloc(rounds, sizeof(double));
		unit->ratio = calloc(rounds, sizeof(double));
		unit->beyond = calloc(rounds, sizeof(double));
	}
	for (int round = 0; round < rounds; round++) {
		int order[MAX_UNITS];

		shuffle(order, unit_count);
		for (int i = 0; i < unit_count; i++) {
			struct unit *unit = &units[order[i]];

			usleep(pause_ms * 1000);
			for (int c = 0; c < unit->commands; c++)
				run(unit, &unit->command[c], round);
		}
	}
	for (int i = 0; i < unit_count; i++)
		for (int round = 0; round < rounds; round++) {
			units[i].ratio[round] = units[i].wall[round] / units[0].wall[round];
			units[i].beyond[round] = units[i].wall[round] - units[0].wall[round];
		}
	for (int i = 0; i < unit_count; i++)
		printf("%s %.0f %.0f %.0f %.3f %.0f %.0f\n", units[i].name, median(units[i].wall, rounds),
		       median(units[i].cpu, rounds), median(units[i].rss, rounds), median(units[i].ratio, rounds),
		       median(units[i].beyond, rounds), median(units[i].system, rounds));
	return 0;
}
