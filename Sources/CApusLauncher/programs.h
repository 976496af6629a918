/*
 * The executable as `/var/rapid/init programs EXTENSION... -- RUNTIME ARGUMENT...`: the first program of an environment that has
 * external extensions. It starts the others as the Runtime API's server tells it to, and reports how they end.
 *
 * It connects to that server, sends the head of `GET /apus/programs`, and then both sides send lines; a program is named by its
 * number, 0 for the runtime and 1... for the extensions as listed:
 *
 *   run N, terminate N, kill N       from the server
 *   failed N ERRNO                   N could not be executed
 *   exited N CODE, killed N SIGNAL   N has ended
 *
 * It runs as the function's user and has no privilege. What it says is believed no more than a function's own word.
 */
#ifndef APUS_PROGRAMS_H
#define APUS_PROGRAMS_H

#include "base.h"

bool programs_called(int count, char **arguments);

/* Serves until the server closes the connection, and ends; the kernel ends what it has started with it. */
_Noreturn void programs_run(char **arguments);

#endif
