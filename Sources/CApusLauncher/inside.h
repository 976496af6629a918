/* The executable as `/var/rapid/init PID`: pid 1 of a forked environment (docs/decisions/0006). */
#ifndef APUS_INSIDE_H
#define APUS_INSIDE_H

#include "base.h"

/* True when the executable was called by that name. */
bool inside_called(int count, char **arguments);

/*
 * Reaps until the process with the number `program` ends, tells by the control channel how, and ends, by which the kernel
 * ends everything in the pid namespace. Passes SIGTERM on to it.
 */
_Noreturn void inside_run(const char *program);

#endif
