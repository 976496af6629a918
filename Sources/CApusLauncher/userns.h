/*
 * The launcher of an ordinary user: root in a user namespace of its own, and nobody special outside.
 *
 * Started as `apus-launcher userns`, it makes the namespace and executes itself inside, so that its memory belongs there too: the
 * kernel asks for that when a process is traced or its /proc is read. With subordinate ids (/etc/subuid, newuidmap) environments
 * have the same ids inside as under root. Without them there is but one id, the server's, which all share.
 */
#ifndef APUS_USERNS_H
#define APUS_USERNS_H

#include "base.h"

/* The launcher is inside such a namespace. */
extern bool userns_entered;

/* There is one id only: the launcher's, pid 1's and each environment's are the same. No process changes its user then. */
extern bool userns_alone;

/* Whose namespace it is has the uid 0 outside too. */
extern bool userns_of_root;

/* To be called first in main. Goes on inside when the arguments ask for that, or remembers why it could not. */
void userns_start(int count, char **arguments);

/* 0, or why the launcher is not in the namespace that was asked for. */
int userns_check(void);

#endif
