/*
 * The ids of a user namespace.
 *
 * A fork makes a user namespace below its origin's, and the kernel gives it only ids that the origin's has. So every
 * environment that may be forked maps the uids of all slots to themselves, beside its own to the function's user. With
 * no capability inside, that allows nothing. The gids are the same numbers.
 */
#ifndef APUS_IDMAP_H
#define APUS_IDMAP_H

#include "base.h"

enum { IDMAP_EXTENTS_MAX = 48 };

struct idmap {
    size_t count;
    struct idmap_extent {
        uint32_t inside, outside, count;
    } extents[IDMAP_EXTENTS_MAX];
};

/* Of an environment that is started and may be forked: its own uid, and the other slots'. */
void idmap_first(struct idmap *map, uint32_t uid);

/* Of a fork of `origin`: its own uid as the function's user, the origin's as 0, and what the origin has of the slots'. */
int idmap_fork(struct idmap *map, int proc, pid_t origin, uint32_t uid);

/* Writes both maps of the process. The caller is in the parent user namespace and may set ids there. */
int idmap_write(const struct idmap *map, int proc, pid_t process);

#endif
