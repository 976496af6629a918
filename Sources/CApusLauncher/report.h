/* What the processes of an environment tell the launcher: one pipe for all of them, whole records. */
#ifndef APUS_REPORT_H
#define APUS_REPORT_H

#include "base.h"

/* The write end has this number everywhere, so that a child can close all above. Below it are the program's own. */
enum { CONTROL_DESCRIPTOR = 4, REPORT_DESCRIPTOR = 5 };

enum report_kind {
    REPORT_RUNNING, /* the program is about to be executed; `value` is its pid as the host sees it */
    REPORT_FAILED, /* a step before that failed: `value` is -errno */
    REPORT_NO_DIRECTORY, /* `value` is the errno of entering the working directory */
    REPORT_NOT_EXECUTABLE, /* `value` is the errno of execve */
    REPORT_ENDED, /* `value` is the wait status of the runtime process */
};

struct report {
    uint32_t slot;
    uint32_t kind;
    int32_t value;
    char step[52];
};

/* Opens the pipe; returns its read end. */
int report_open(void);

void report_send(uint32_t slot, enum report_kind kind, int value);

/* Takes one record; false when there is none. */
bool report_take(int pipe, struct report *report);

#endif
