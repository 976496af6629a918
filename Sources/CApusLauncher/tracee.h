/*
 * A process that is traced: seized, run from stop to stop, and made to do system calls.
 *
 * The tracer is trusted and single-threaded, the tracee is not trusted at all: what it is at is read at every stop anew.
 */
#ifndef APUS_TRACEE_H
#define APUS_TRACEE_H

#include "base.h"

#include <sys/ptrace.h>

/* Makes waits fail with -ETIMEDOUT after that time; sets it anew when there is one. 0: no deadline any more. */
int tracee_set_deadline(unsigned milliseconds);

/* Seizes a process and stops it. */
int tracee_seize(pid_t process);

enum tracee_options {
    /* Forks are traced, and the filter asks the tracer. */
    TRACEE_OPTIONS =
        PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE,
};

/* Should the tracer die from now on, so does the tracee, and what it has forked meanwhile. */
int tracee_bind(pid_t process, bool bound);

enum tracee_stop {
    TRACEE_AT_SIGNAL,
    TRACEE_AT_ENTRY, /* of a system call */
    TRACEE_AT_EXIT,
    TRACEE_AT_FORK, /* the child exists, stopped */
    TRACEE_AT_OTHER,
};

struct tracee_event {
    enum tracee_stop stop;
    /* At a signal: the one to be delivered. */
    int signal;
    pid_t child;
    /* At an entry: a number of this architecture, or -1 for one of another. */
    long call;
    uint64_t arguments[6];
    /* At an exit. */
    long result;
};

/* Waits for the next stop. -ESRCH: it has ended. */
int tracee_wait(pid_t process, struct tracee_event *event);

/* Runs on to the next system call's entry or exit, or to another event. */
int tracee_continue(pid_t process, int signal);
int tracee_release(pid_t process);

/* True when the call makes a process as fork() does. `flags`: those that it was given. */
bool tracee_is_fork(const struct tracee_event *event, uint64_t *flags);

/* Makes it a clone with the flags. */
int tracee_change_fork(pid_t process, const struct tracee_event *event, uint64_t flags);

/* Restores what the program may expect to be untouched; in the parent and in the child. */
int tracee_finish_fork(pid_t process, const struct tracee_event *entry);

/* At an entry: no call is done, and the program gets ENOSYS. Runs it to the exit. */
int tracee_refuse(pid_t process);

/*
 * Makes a child at its first stop do one call, with arguments in registers, checks that it was that one, and returns what
 * it gave. Afterwards the child is as it was.
 */
int tracee_call(pid_t process, long call, const uint64_t arguments[6]);

#endif
