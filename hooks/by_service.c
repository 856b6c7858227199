#include "by_service.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "service/protocol.h"

#define BACKUP_MS 60000 /* git stands still meanwhile */
#define ANSWER_MS 3000
#define START_EVERY_S 10
#define LEAVE_ALONE_S 30

extern char **environ;

static bool down;

bool sk_service_is_down(void)
{
	return down;
}

/* `git sk init --no-service`, or the environment. */
static bool is_off(const char *common)
{
	const char *off = getenv("GIT_SK_NO_SERVICE");
	char path[PATH_MAX + 32];

	if (off && *off && strcmp(off, "0") != 0)
		return true;
	(void)snprintf(path, sizeof path, "%s/sk/no-service", common);
	return access(path, F_OK) == 0;
}

/* One that hangs must not make each git command wait: it is left alone for a while. */
static bool is_slow(void)
{
	char path[PATH_MAX];
	struct stat st;

	return sk_runtime_path(path, sizeof path, "slow") && lstat(path, &st) == 0 &&
	       st.st_mtime <= time(NULL) && time(NULL) - st.st_mtime < LEAVE_ALONE_S;
}

static bool touch(const char *name)
{
	char path[PATH_MAX];
	int fd;

	if (!sk_runtime_dir(path, sizeof path) || !sk_runtime_safe(path) ||
	    !sk_runtime_path(path, sizeof path, name))
		return false;
	fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	(void)futimens(fd, NULL);
	(void)close(fd);
	return true;
}

static bool ask(char verb, const char *const *field, size_t n, int ms, struct sk_answer *out)
{
	enum sk_ask_result r;

	if (is_slow())
		return false;
	r = sk_request(verb, field, n, ms, out);
	down = r == SK_ASK_DOWN;
	if (r == SK_ASK_TROUBLE)
		(void)touch("slow");
	if (r != SK_ASKED)
		return false;
	if (out->status == SK_ANSWER_OK)
		return true;
	free(out->data);
	return false;
}

bool sk_event_by_service(const char *event, const char *git, const char *common, int *status)
{
	const char *command = getenv("SK_HOOK_COMMAND"), *again = getenv("SK_HOOK_AGAIN");
	struct sk_answer answer;
	char here[PATH_MAX], folder[PATH_MAX], name[32];
	const char *field[] = { here, name, command ? command : "", folder };
	size_t n;

	if (is_off(common) || !getcwd(here, sizeof here) || !realpath(git, folder))
		return false;
	(void)snprintf(name, sizeof name, "%s%s", event, again && *again ? "-again" : "");
	/* a backup may take long, but whether anybody is there shows at once */
	if (!ask('c', field, 1, ANSWER_MS, &answer))
		return false;
	free(answer.data);
	if (!ask('g', field, 4, BACKUP_MS, &answer))
		return false;
	*status = (int)strtol(answer.data, NULL, 10);
	n = strlen(answer.data) + 1;
	if (n < answer.len)
		(void)fwrite(answer.data + n, 1, answer.len - n, stderr);
	free(answer.data);
	return true;
}

/* The index at hand is the working tree's own: the service knows what is in no other. */
static bool own_index(const char *folder)
{
	const char *index = getenv("GIT_INDEX_FILE");
	char own[PATH_MAX + 8], given[PATH_MAX];

	if (!index || !*index)
		return true;
	(void)snprintf(own, sizeof own, "%s/index", folder);
	return realpath(index, given) && strcmp(own, given) == 0;
}

/* "/" after the token: everything may have changed. */
static bool is_exact(const struct sk_answer *answer)
{
	size_t n = strlen(answer->data) + 1;

	return n >= answer->len || answer->data[n] != '/';
}

bool sk_answer_by_service(const char *git, const char *common, bool doubt, bool exact,
                          const char *token)
{
	struct sk_answer answer;
	char here[PATH_MAX], folder[PATH_MAX], settings[20];
	const char *field[] = { here, folder, settings, token };
	bool good;

	if (is_off(common) || !getcwd(here, sizeof here) || !realpath(git, folder))
		return false;
	sk_settings(settings);
	if (doubt || !own_index(folder))
		(void)strcpy(settings, "-");
	if (!ask('f', field, 4, ANSWER_MS, &answer))
		return false;
	good = answer.len > 0 && answer.data[answer.len - 1] == '\0' &&
	       (!exact || is_exact(&answer));
	for (size_t done = 0; good && done < answer.len;) {
		ssize_t n = write(STDOUT_FILENO, answer.data + done, answer.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* git went away: nobody reads another answer either */
		done += (size_t)n;
	}
	free(answer.data);
	return good;
}

/* One try in ten seconds, for all clients: a marker beside the socket. */
static bool may_try(void)
{
	char path[PATH_MAX];
	struct stat st;

	if (!sk_runtime_dir(path, sizeof path) || (mkdir(path, 0700) < 0 && errno != EEXIST) ||
	    !sk_runtime_path(path, sizeof path, "tried"))
		return false;
	if (lstat(path, &st) == 0 && st.st_mtime <= time(NULL) &&
	    time(NULL) - st.st_mtime < START_EVERY_S)
		return false;
	return touch("tried");
}

void sk_start_service(const char *git_sk)
{
	char *argv[] = { (char *)(size_t)git_sk, (char *)(size_t) "-q", (char *)(size_t) "service",
		         (char *)(size_t) "start", NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;

	if (!may_try() || posix_spawn_file_actions_init(&actions) != 0)
		return;
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, 0, 1);
	(void)posix_spawn_file_actions_adddup2(&actions, 0, 2);
	(void)posix_spawnp(&pid, git_sk, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
}
