/*
 * The process that the supervisor starts: it forks the launcher and, should that be killed, another one.
 *
 * The supervisor has given its privilege up by then, so it could not. The keeper does nothing else: it reads no message and holds
 * no environment. Each launcher gets a socket of its own, whose far end goes to the supervisor in one packet of
 * `struct keeper_packet` on the control socket (SCM_RIGHTS). It ends when a launcher has ended in order.
 */
#ifndef APUS_KEEPER_H
#define APUS_KEEPER_H

#include "base.h"

/* The control socket, as the keeper is started with it; in a launcher its own socket has the number. */
enum { KEEPER_SOCKET = 3 };

struct keeper_packet {
    /* The launcher's pid, for who watches it. */
    int32_t process;
};

/*
 * Returns in a launcher: how many there were before it. `lifeline` receives a descriptor that hangs up when the keeper dies.
 * The keeper itself does not return but to fail.
 */
int keeper_run(int *lifeline);

#endif
