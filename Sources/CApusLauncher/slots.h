/* The environments: made ahead without a function, started, ended, closed. */
#ifndef APUS_SLOTS_H
#define APUS_SLOTS_H

#include "base.h"
#include "launch.h"
#include "wire.h"

/* The socket that replies and events go to. */
extern int slots_socket;

void reply_begin(struct writer *writer, uint32_t request, int error);
void reply_error(uint32_t request, int error);

void slot_prepare(uint32_t request);

/* `launch` lacks what belongs to the slot. Takes the trees. */
void slot_start(uint32_t request, uint32_t id, struct launch *launch, const struct cgroup_limits *limits);

/* Runs the program of an environment again that has ended. `kept` are the descriptors of `enum apus_kept`; takes them. */
void slot_restart(uint32_t request, uint32_t id, struct launch *launch, const int *kept);
/* Gives up a prepared slot whose START was refused. */
void slot_drop(uint32_t id);
void slot_kill(uint32_t id);
void slot_close(uint32_t request, uint32_t id);

struct report;
void slots_report(const struct report *report);

/* Reaps every child that has ended. */
void slots_reap(void);

/* Kills all and waits until they are gone. */
void slots_end(void);

#endif
