/*
 * The way out of an ordinary user's launcher, whose network namespace nobody may connect to the host's: slirp4netns, an unprivileged
 * process of the host's namespace that carries connections in the user's name. Environments are connected to the launcher's
 * namespace as they are to the host's under root.
 */
#ifndef APUS_UPLINK_H
#define APUS_UPLINK_H

#include "base.h"

/*
 * Leaves the network namespace for one of the launcher's own. `wanted`: with a way out, whose lack is no failure: returns 1 where
 * there is one, else 0, and failed_step() tells why. The addresses that the host has are out of reach by it.
 */
int uplink_open(bool wanted);

#endif
