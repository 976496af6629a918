/*
 * Control groups: v1 (one directory in each of four hierarchies) or v2 (one directory).
 *
 * All lie below `apus-INSTANCE` in the launcher's own group. A process enters a v1 group by writing `0` to `tasks` itself:
 * `cgroup.procs` takes a global lock and waits for an RCU grace period, 10 ms. In v2 clone3 makes it inside.
 *
 * A process that v1 has frozen ignores SIGKILL until it is thawed: who kills, thaws afterwards.
 */
#ifndef APUS_CGROUP_H
#define APUS_CGROUP_H

#include "base.h"

/* `memory`, `cpu`, `pids`, `freezer`, in this order everywhere. */
enum { CGROUP_CONTROLLERS = 4 };

struct cgroup {
    char name[16];
    /* v1: `tasks` of each hierarchy; v2: the directory, in the first place. -1 where there is none. */
    int entries[CGROUP_CONTROLLERS];
};

/* Descriptors for the supervisor, named in `enum apus_descriptor`; -1 where there is none. */
struct cgroup_files {
    int peak, cpu, oom, freeze, usage, limit, notice;
};

struct cgroup_limits {
    /* Bytes. `temporary` is the size of /tmp: the supervisor may raise the limit by as much as /tmp holds. */
    uint64_t memory, temporary;
    /* Microseconds of each period; -1: none. */
    int64_t quota;
    uint32_t processes;
};

/* What a cell may use before it is somebody's environment. */
extern const struct cgroup_limits cgroup_cell_limits;

/* 1, 2, or 0 when the host offers no usable controller. */
extern int cgroup_version;

/*
 * Finds the hierarchies, ends and removes what a dead predecessor left, and makes the instance's own directory, in which all
 * environments together may use `memory` bytes (0: no limit). Never fails.
 */
void cgroup_setup(const char *instance, uint64_t memory);

/* What was found of the controllers, as a mask in their order. */
unsigned cgroup_found(void);
bool cgroup_limits_processes(void);

/* Makes the directories of one environment. */
int cgroup_make(struct cgroup *group, const char *name, struct cgroup_files *files);

void cgroup_close_files(struct cgroup_files *files);

/* Opens the directories of one that exists, for another process to enter. */
int cgroup_reopen(struct cgroup *group);

/* Sets the limits, at the start or later: the entries need not be open. */
int cgroup_limit(const struct cgroup *group, const struct cgroup_limits *limits);

/*
 * Whether the group stands back when others want the processor: a runtime that boots ahead of demand does. Where this cannot be set
 * it boots like any other.
 */
void cgroup_stand_back(const struct cgroup *group, bool back);

/* Called by the process that shall be limited (v1 only; in v2 it was created inside). */
int cgroup_enter(const struct cgroup *group);

/*
 * Opens the files that a process without privilege enters the group by: it writes `0` to each. Returns how many there are, up
 * to CGROUP_CONTROLLERS; they are the caller's.
 */
int cgroup_open_entries(const struct cgroup *group, int entries[CGROUP_CONTROLLERS]);

/* The directory for CLONE_INTO_CGROUP, or -1. */
int cgroup_clone_directory(const struct cgroup *group);

void cgroup_close(struct cgroup *group);

/* Lets the group's processes run, that is die, after a kill. Does nothing in v2, where frozen processes die as any other. */
void cgroup_thaw(const char *name);

/* In v2 never, and nothing: there is no need to thaw what is killed. */
bool cgroup_is_frozen(const char *name);
void cgroup_freeze(const char *name);

/* Removes the directories of an environment whose processes are gone, now or by a later cgroup_sweep. */
void cgroup_remove(const char *name);

/* Tries again what could not be removed. Returns how many still are there. */
size_t cgroup_sweep(void);

/* Removes the instance's directory as well. */
void cgroup_teardown(void);

#endif
