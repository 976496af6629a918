/* One environment as the launcher knows it, for the files that make, start, fork and end them. */
#ifndef APUS_SLOT_H
#define APUS_SLOT_H

#include "slots.h"

#include <sys/stat.h>

enum slot_state {
    SLOT_FREE, /* no namespace, no groups */
    SLOT_READY, /* made, nothing runs */
    SLOT_STARTING, /* pid 1 or the midwife exists, the request waits */
    SLOT_FAILED, /* as STARTING, and a step has failed */
    SLOT_RUNNING,
    SLOT_ENDED, /* the program is gone, the supervisor knows */
};

struct slot {
    enum slot_state state;
    uint32_t generation;
    /* Requests that wait for the start, and for the end of every process; 0: none. */
    uint32_t start_request, close_request;
    bool for_fork;
    bool restarted;
    /* pid 1 of the environment; 0 when there is none. Of a fork it is no child of the launcher, and `process` its pidfd. */
    pid_t pid;
    int process;
    /* The runtime process where it is known, see REPORT_RUNNING. */
    pid_t program;
    /* Who makes the fork, while it is at it. 0 while it waits for its turn, then with the channel to the origin. */
    pid_t midwife;
    int request_channel;
    /* The midwife that has this slot's process, of which one at a time can be forked. */
    pid_t forked_by;
    /* The slot that it was forked from, and how many live that were forked from this one. */
    uint32_t origin;
    uint32_t forks;
    /* A fork that is being killed; how many such this slot has, and whether it is to be frozen again when they are gone. */
    bool dying;
    uint32_t dying_forks;
    bool was_frozen;
    /* Open until the program runs, then known by `kept`; see `enum apus_kept`. */
    int mounts, namespace, output, telemetry, temporary;
    /* The supervisor's end of the control channel, until it is handed over. */
    int control;
    struct identity {
        dev_t device;
        ino_t inode;
    } kept[APUS_KEPT_COUNT];
    struct cgroup group;
    enum apus_exit_cause cause;
    int32_t value;
    int failure;
    char step[52];
};

/* The slot of that number, unless it is void. */
struct slot *slot_find(uint32_t id);
uint32_t slot_index(uint32_t id);

/* A slot of that state, or NULL. */
struct slot *slot_find_in(uint32_t id, enum slot_state state);

/* Calls `act` for every slot, until it returns true; returns whether it did. */
bool slots_each(bool (*act)(struct slot *slot, uint32_t id, void *context), void *context);

/* Closes what the launcher still holds. */
void slot_close_own(struct slot *slot);

/* Gives the slot's number and groups back. Its processes are gone. */
void slot_release(uint32_t id);

/* Lists what the supervisor keeps, see `enum apus_kept`. */
void slot_list_kept(const struct slot *slot, int kept[APUS_KEPT_COUNT]);

/* Tells whether a descriptor is the one that was kept; remembers those that will be. */
bool slot_recognises(const struct slot *slot, enum apus_kept place, int descriptor);
bool slot_remember(struct slot *slot, const int kept[APUS_KEPT_COUNT]);

/* Makes a control channel; returns the program's end. */
int slot_open_control(struct slot *slot);

/* Kills pid 1 and with it every process of the environment, and of those forked from it. */
void slot_kill_all(struct slot *slot);

/* A fork of that slot is no more. */
void slot_leave_origin(uint32_t id);

/* The slot's process has been let go by a midwife, or is gone: the fork that waits is begun, or all that wait fail. */
void forks_next(uint32_t origin);
void forks_release(uint32_t origin, pid_t midwife);

/* A start or fork has not come about: tells why, and releases what never ran. */
void slot_start_failed(struct slot *slot, uint32_t id);

/* The last process of the environment is gone: tells, and releases what is not kept. */
void slot_ended(struct slot *slot, uint32_t id);

void reply_send(const struct writer *writer, const int *descriptors, size_t count);
void send_exited(uint32_t id, const struct slot *slot);

#endif
