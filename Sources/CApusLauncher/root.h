/*
 * The two mount namespaces of the launcher.
 *
 * "base": the root of every environment but for /proc, /tmp, /dev/shm and the function's own directories. The launcher
 * lives in it, so that a clone copies three mounts and not the host's table.
 * "sources": the host directories that environments may be given. Entered only to clone a directory as a detached
 * tree; never copied into an environment.
 */
#ifndef APUS_ROOT_H
#define APUS_ROOT_H

#include "base.h"

enum { SOURCE_ROOTS_MAX = 32, EXTRA_TARGETS_MAX = 32 };

/* The in-environment user, as in AWS Lambda. */
enum { INSIDE_UID = 993, INSIDE_GID = 990 };

/* The host's /proc, from before the launcher left the host's mounts. */
extern int host_proc;

/* Leaves the host's mounts for the two namespaces. `targets` are mount points beside the usual ones. */
int root_build(const char *const *sources, size_t source_count, const char *const *targets, size_t target_count);

/*
 * Clones each of the host directories as a detached tree: read-only, without set-uid and devices.
 * Each must lie below a source root and is reached without following a symbolic link. On failure none is left open.
 */
int root_clone_trees(const char *const *paths, size_t count, int *trees);

/* Makes the file system mounted at `directory` the root of this mount namespace and drops the old root. */
int root_become(const char *directory);

/* Does something in another mount namespace and comes back. */
int root_visit(int mounts, int (*work)(void *), void *context);

/* True for an absolute path at which a directory of the host may appear inside an environment; `/` is one. */
bool root_allows_target(const char *target);

/* The name servers of the host are all loopback addresses, which mean nothing inside. */
extern bool root_resolver_is_loopback;

#endif
