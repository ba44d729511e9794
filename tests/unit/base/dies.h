/*
 * dies - runs a function in a child and says how the child ended. For broken rules and poisoned memory.
 */
#ifndef SP_TEST_DIES_H
#define SP_TEST_DIES_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static inline int status_of_child(void (*run)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDERR_FILENO);
		run();
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0)
		;
	return status;
}

/* It broke a rule of ours. */
static inline bool aborts(void (*run)(void))
{
	int status = status_of_child(run);

	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* It did not come through: an abort, or what a sanitizer does. */
static inline bool dies(void (*run)(void))
{
	int status = status_of_child(run);

	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

#endif
