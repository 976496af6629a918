/* The environments: made ahead without a function, started or forked, specialised, ended, closed. */
#ifndef APUS_SLOTS_H
#define APUS_SLOTS_H

#include "base.h"
#include "launch.h"
#include "wire.h"

/* The socket that replies and events go to. */
extern int slots_socket;

/* Slots of another launcher of the same supervisor have other ids: what is asked about them finds nothing here. */
extern uint32_t slots_first_generation;

void reply_begin(struct writer *writer, uint32_t request, int error);
void reply_error(uint32_t request, int error);

/* Makes a slot. One for a fork lacks a network, which the fork brings. */
void slot_prepare(uint32_t request, bool for_fork);

/* `launch` lacks what belongs to the slot. Takes the trees. `limits`: NULL for those of a cell. */
void slot_start(
    uint32_t request, uint32_t id, struct launch *launch, const struct cgroup_limits *limits, bool wants_control);

/* Runs the program of an environment again that has ended. `kept` are the descriptors of `enum apus_kept`; takes them. */
void slot_restart(uint32_t request, uint32_t id, struct launch *launch, const int *kept);

/* Makes a cell somebody's environment, as far as that is done from outside. Takes the trees and `mounts`. */
void slot_specialize(
    uint32_t request, uint32_t id, const struct launch *launch, const struct cgroup_limits *limits, int mounts);

/* Begins a fork of the process that waits on `channel`. Takes the descriptor. */
void slot_fork(uint32_t request, uint32_t id, uint32_t origin, int channel);

/* Opens a socket inside an environment. Takes the descriptor of its network namespace. */
void slot_open_socket(uint32_t request, uint32_t id, int namespace);

/* Gives up a prepared slot whose START or FORK was refused. */
void slot_drop(uint32_t id);
void slot_kill(uint32_t id);
void slot_terminate(uint32_t id);
void slot_close(uint32_t request, uint32_t id);

struct report;
void slots_report(const struct report *report);

/* Reaps a child that has ended. */
void slots_reap(pid_t pid);

/* Opens what tells of forks: made, failed, ended. Returns a descriptor to poll. */
int forks_open(void);

/* Takes note of what has happened to them. */
void forks_serve(void);

/* Kills all and waits until they are gone. */
void slots_end(void);

#endif
