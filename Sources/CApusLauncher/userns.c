#include "userns.h"

#include "network.h"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

bool userns_entered;
bool userns_alone;
bool userns_of_root;

/* As under root, so that everything else is the same: of pid 1, and of each slot. */
enum { FIRST_INSIDE = 199999, IDS = 1 + NETWORK_SLOTS };

enum ids { USERS, GROUPS };

static const char *const range_files[] = {"/etc/subuid", "/etc/subgid"};
static const char *const map_programs[] = {"/usr/bin/newuidmap", "/usr/bin/newgidmap"};
static const char *const map_files[] = {"uid_map", "gid_map"};

/* ---- Subordinate ids ---- */

/* Looks through the lines of a file, each of fields between colons, for one that `take` accepts. */
static bool search(const char *path, bool (*take)(char *fields[4], void *context), void *context) {
    static char text[256 * 1024];
    if (read_text(AT_FDCWD, path, text, sizeof text) < 0) return false;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *fields[4] = {"", "", "", ""};
        for (size_t i = 0; i < 4 && line; i++) fields[i] = strsep(&line, ":");
        if (take(fields, context)) return true;
    }
    return false;
}

struct owner {
    char name[64];
    char number[16];
    unsigned long first;
};

static bool take_name(char *fields[4], void *context) {
    struct owner *owner = context;
    if (strcmp(fields[2], owner->number) != 0) return false;
    snprintf(owner->name, sizeof owner->name, "%s", fields[0]);
    return true;
}

static bool take_range(char *fields[4], void *context) {
    struct owner *owner = context;
    bool is_mine = *fields[0] && (strcmp(fields[0], owner->name) == 0 || strcmp(fields[0], owner->number) == 0);
    if (!is_mine || strtoul(fields[2], NULL, 10) < IDS) return false;
    owner->first = strtoul(fields[1], NULL, 10);
    return true;
}

/* The first of enough ids that the administrator has given to the user; 0 without. Root may take any. */
static unsigned long subordinate_ids(enum ids kind) {
    struct owner owner = {.name = ""};
    if (geteuid() == 0) return FIRST_INSIDE;
    snprintf(owner.number, sizeof owner.number, "%u", (unsigned)getuid());
    search("/etc/passwd", take_name, &owner);
    return search(range_files[kind], take_range, &owner) ? owner.first : 0;
}

/* ---- Maps, written from outside ---- */

/* newuidmap and newgidmap have the privilege, and look the ids up themselves. */
static int run_map_program(enum ids kind, const char *process, const char *own, const char *first) {
    char *arguments[] = {(char *)map_programs[kind], (char *)process, "0",           (char *)own, "1",
                         "199999",                   (char *)first,   "16385", NULL};
    _Static_assert(FIRST_INSIDE == 199999 && IDS == 16385, "the numbers above");
    char *variables[] = {NULL};
    pid_t pid;
    int status = -1;
    if (posix_spawn(&pid, map_programs[kind], NULL, NULL, arguments, variables) != 0) return -ENOENT;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

static int map_ids(enum ids kind, pid_t process) {
    char number[16], own[16], first[24], path[48];
    unsigned id = kind == USERS ? getuid() : getgid();
    unsigned long start = subordinate_ids(kind);
    if (start == 0) return -ENOENT;
    snprintf(path, sizeof path, "/proc/%d/%s", process, map_files[kind]);
    if (geteuid() == 0) return write_format(AT_FDCWD, path, "0 %u 1\n%d %lu %d", id, FIRST_INSIDE, start, IDS);
    snprintf(number, sizeof number, "%d", process);
    snprintf(own, sizeof own, "%u", id);
    snprintf(first, sizeof first, "%lu", start);
    return run_map_program(kind, number, own, first);
}

enum mapped { MAPPED_BOTH, MAPPED_GROUPS, MAPPED_NONE };

/* A child that has stayed outside. */
static _Noreturn void mapper_run(int go) {
    char byte;
    if (read(go, &byte, 1) != 1 || map_ids(GROUPS, getppid()) < 0) _exit(MAPPED_NONE);
    _exit(map_ids(USERS, getppid()) < 0 ? MAPPED_GROUPS : MAPPED_BOTH);
}

/* What the kernel allows everybody: the own id, and no change of groups. */
static int map_alone(enum mapped mapped, uid_t user, gid_t group) {
    STEP(write_format(AT_FDCWD, "/proc/self/uid_map", "0 %u 1", user), "map the own user");
    if (mapped == MAPPED_GROUPS) return 0;
    STEP(write_text(AT_FDCWD, "/proc/self/setgroups", "deny"), "forbid groups");
    STEP(write_format(AT_FDCWD, "/proc/self/gid_map", "0 %u 1", group), "map the own group");
    return 0;
}

/* ---- Entering ---- */

static int unshare_and_map(int go, pid_t mapper, enum mapped *mapped) {
    uid_t user = geteuid();
    gid_t group = getegid();
    STEP(sys(unshare(CLONE_NEWUSER)), "make a user namespace");
    STEP(sys(write(go, "m", 1)), "have the ids mapped");
    int status = 0;
    while (waitpid(mapper, &status, 0) < 0)
        if (errno != EINTR) return failed(-errno, "wait for the id maps");
    *mapped = WIFEXITED(status) ? (enum mapped)WEXITSTATUS(status) : MAPPED_NONE;
    return *mapped == MAPPED_BOTH ? 0 : map_alone(*mapped, user, group);
}

static int enter(void) {
    int ends[2];
    enum mapped mapped = MAPPED_NONE;
    bool is_root = geteuid() == 0;
    STEP(sys(pipe2(ends, O_CLOEXEC)), "open a pipe");
    pid_t mapper = fork();
    STEP(sys(mapper), "make a process for the id maps");
    if (mapper == 0) {
        close(ends[1]);
        mapper_run(ends[0]);
    }
    close(ends[0]);
    int error = unshare_and_map(ends[1], mapper, &mapped);
    close(ends[1]);
    TRY(error);
    char *arguments[] = {"apus-launcher", "userns", mapped != MAPPED_BOTH ? "alone" : is_root ? "root" : "many", NULL};
    char *variables[] = {NULL};
    return failed(sys(execve("/proc/self/exe", arguments, variables)), "execute the launcher inside");
}

static int error;
static char step[64];

void userns_start(int count, char **arguments) {
    if (count < 2 || strcmp(arguments[1], "userns") != 0) return;
    userns_entered = count == 3;
    userns_alone = userns_entered && strcmp(arguments[2], "alone") == 0;
    userns_of_root = userns_entered && strcmp(arguments[2], "root") == 0;
    if (userns_entered) return;
    error = enter();
    snprintf(step, sizeof step, "%s", failed_step());
}

int userns_check(void) { return error < 0 ? failed(error, "%s", step) : 0; }
