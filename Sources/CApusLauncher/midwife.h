/*
 * Who makes a fork (docs/decisions/0006): a child of the launcher for each, so that a process that does not do its part
 * keeps nobody waiting.
 */
#ifndef APUS_MIDWIFE_H
#define APUS_MIDWIFE_H

#include "base.h"
#include "cgroup.h"

struct birth {
    uint32_t slot;
    /* pid 1 of the origin, and its runtime process where that is known (0: it is not). */
    pid_t origin_init, origin;
    /* The supervisor's end of the origin's control channel. */
    int request;
    /* The child's: control channel, output, log channel, and the files of its groups. */
    int channel, output, telemetry;
    int entries[CGROUP_CONTROLLERS];
    size_t entry_count;
    /* The name of its groups. */
    const char *group;
    /* Where the midwife sends two of `struct delivery`; after a failure one. */
    int deliveries;
};

/* On success (`error` is 0) with the descriptors of `enum delivered`. */
struct delivery {
    uint32_t slot;
    /* The first of two: the origin waits again, the child is being cared for. All else means nothing then. */
    bool origin_is_free;
    int32_t error;
    /* pid 1 of the fork, as the host sees it. */
    int32_t pid;
    char step[52];
};

enum delivered {
    DELIVERED_PROCESS, /* a pidfd */
    DELIVERED_MOUNTS,
    DELIVERED_NETWORK,
    DELIVERED_TEMPORARY,
    DELIVERED_RUNTIME_API,
    DELIVERED_PLATFORM_API,
    DELIVERED_COUNT,
};

/* Starts one. Returns its pid. */
int midwife_start(const struct birth *birth);

#endif
