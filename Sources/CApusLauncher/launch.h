/*
 * Starting one environment. Three processes take part:
 *
 *   launcher ─clone─▶ pid 1 (launch.c, then init.c) ─clone─▶ pid 2 (program.c) ─exec─▶ the runtime
 *
 * pid 1 makes the view of the file system, and stays to reap and to report. pid 2 enters the control groups, gives up
 * everything and becomes the program. Neither returns into the launcher's loop.
 */
#ifndef APUS_LAUNCH_H
#define APUS_LAUNCH_H

#include "base.h"
#include "cgroup.h"

enum { LAUNCH_TREES_MAX = 16 };

struct launch {
    uint32_t slot;
    /* Of an environment that runs its program again; -1 for one that is made. */
    int mounts;
    /* Also the gid. */
    uint32_t uid;
    uint64_t temporary_bytes;
    /* The mount that becomes /tmp. */
    int temporary;
    uint32_t descriptors;
    uint32_t processes;
    size_t tree_count;
    int trees[LAUNCH_TREES_MAX];
    const char *targets[LAUNCH_TREES_MAX];
    const char *const *arguments;
    const char *const *variables;
    int namespace;
    int output;
    int telemetry;
    /* Becomes descriptor 4, the control channel; -1 for a program without one. Such an environment is never forked. */
    int control;
    /* The working directory. */
    const char *directory;
    const struct cgroup *group;
    /* The message that the texts above lie in; wiped by those who do not need it. */
    void *message;
    size_t message_length;
};

/* The uid and gid of every pid 1: no function's, and not root. But see userns_alone. */
extern uint32_t launch_init_uid;

/* The uid of a slot's processes, which is also their gid. */
uint32_t launch_uid(uint32_t slot);

/* Makes the calling process that user, of that group and no other. */
int launch_become(uint32_t uid);

/* Makes the processes. Returns the host's pid of pid 1; what goes wrong later is reported by the pipe. */
int launch_start(const struct launch *launch);

/*
 * pid 1 from the moment that pid 2 exists. Does not return. `stays`: after the program's end it goes on while there are
 * children, since forks of the program live in pid namespaces below its own; the launcher kills it when there are none.
 */
_Noreturn void init_run(uint32_t slot, int program, bool stays);

/* pid 2. Does not return. */
_Noreturn void program_run(const struct launch *launch);

/* Empties the capability sets of the calling process; 0 or -errno. */
int drop_capabilities(void);

/* Installs a filter of seccomp_tables.h. */
struct sock_filter;
int install_filter(const struct sock_filter *filter, size_t count);

#endif
