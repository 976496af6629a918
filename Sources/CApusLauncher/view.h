/* What an environment sees of the file system beyond the base root: /proc, /tmp, /dev/shm and directories of the host. */
#ifndef APUS_VIEW_H
#define APUS_VIEW_H

#include "base.h"

/*
 * /proc of the caller's own pid namespace, as a detached mount. To be called in the base root: in a mount namespace of
 * a user namespace the kernel refuses it, because the masks hide a part of what is mounted there already.
 */
int view_open_proc(void);

/* Puts that mount at /proc and covers what speaks of the host. Takes the descriptor. */
int view_attach_proc(int proc);

/* A file system for /tmp, as a detached mount. The descriptor stands for it also after it was attached. */
int view_open_temporary(uint64_t bytes);

/* Puts it at /tmp, and a fresh one at /dev/shm. */
int view_attach_temporary(int temporary);

/* Changes the size of /tmp. */
int view_resize_temporary(uint64_t bytes);

/*
 * Moves detached trees to their targets. Takes none of them.
 *
 * One at / comes first: it is a container image's, and becomes the root of this mount namespace. It is lent the devices and
 * /var/rapid of the usual root, and /etc/hosts, /etc/hostname and /etc/resolv.conf, which have to agree with the network.
 */
int view_attach_trees(const int *trees, const char *const *targets, size_t count);

#endif
