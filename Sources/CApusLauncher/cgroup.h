/*
 * Control groups: v1 (one directory in each of three hierarchies) or v2 (one directory).
 *
 * All lie below `apus-INSTANCE` in the launcher's own group. A process enters a v1 group by writing `0` to `tasks` itself:
 * `cgroup.procs` takes a global lock and waits for an RCU grace period, 10 ms. In v2 clone3 makes it inside.
 */
#ifndef APUS_CGROUP_H
#define APUS_CGROUP_H

#include "base.h"

enum { CGROUP_CONTROLLERS = 3 };

struct cgroup {
    char name[16];
    /* v1: `tasks` of each hierarchy; v2: the directory, in the first place. -1 where there is none. */
    int entries[CGROUP_CONTROLLERS];
};

/* Descriptors for the supervisor; -1 where there is none. */
struct cgroup_files {
    int peak, cpu, oom;
};

struct cgroup_limits {
    uint64_t memory;
    int64_t quota;
    uint32_t processes;
};

/* 1, 2, or 0 when the host offers no usable controller. */
extern int cgroup_version;

/* Finds the hierarchies, removes what a dead predecessor left, and makes the instance's own directory. Never fails. */
void cgroup_setup(const char *instance);

/* What was found of `memory`, `cpu`, `pids`, as a mask in that order. */
unsigned cgroup_found(void);

/* Makes the directories of one environment. */
int cgroup_make(struct cgroup *group, const char *name, struct cgroup_files *files);

/* Opens the directories of one that exists, for another process to enter. */
int cgroup_reopen(struct cgroup *group);

int cgroup_limit(const struct cgroup *group, const struct cgroup_limits *limits);

/* Called by the process that shall be limited (v1 only; in v2 it was created inside). */
int cgroup_enter(const struct cgroup *group);

/* The directory for CLONE_INTO_CGROUP, or -1. */
int cgroup_clone_directory(const struct cgroup *group);

void cgroup_close(struct cgroup *group);

/* Removes the directories of an environment whose processes are gone, now or by a later cgroup_sweep. */
void cgroup_remove(const char *name);

/* Tries again what could not be removed. Returns how many still are there. */
size_t cgroup_sweep(void);

/* Removes the instance's directory as well. */
void cgroup_teardown(void);

#endif
