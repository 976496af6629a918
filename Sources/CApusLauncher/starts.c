/* Starting programs in slots, and what their processes report. */
#include "report.h"
#include "root.h"
#include "slot.h"
#include "view.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* The launch takes over `slot`'s own descriptors, or those that came back. Returns the pid. */
static int launch_slot(struct slot *slot, struct launch *launch) {
    launch->uid = launch_uid(launch->slot);
    launch->namespace = slot->namespace;
    launch->output = slot->output;
    launch->telemetry = slot->telemetry;
    launch->temporary = slot->temporary;
    launch->group = &slot->group;
    return launch_start(launch);
}

/* While pid 1 surely lives. Failing that, the environment cannot be restarted. */
static int open_mounts(pid_t pid) {
    char path[32];
    snprintf(path, sizeof path, "%d/ns/mnt", pid);
    return openat(host_proc, path, O_RDONLY | O_CLOEXEC);
}

static void started(struct slot *slot, uint32_t request, pid_t pid) {
    slot->pid = pid;
    slot->state = SLOT_STARTING;
    slot->start_request = request;
    /* Ended by the launcher's SIGKILL unless pid 1 reports something else. */
    slot->cause = APUS_EXIT_SIGNAL;
    slot->value = SIGKILL;
    cgroup_close(&slot->group);
}

static int start(struct slot *slot, struct launch *launch, const struct cgroup_limits *limits, bool wants_control) {
    TRY(cgroup_limit(&slot->group, limits ? limits : &cgroup_cell_limits));
    if (!limits) cgroup_stand_back(&slot->group, true);
    TRY(slot->temporary = view_open_temporary(launch->temporary_bytes));
    launch->control = wants_control ? slot_open_control(slot) : -1;
    if (wants_control) TRY(launch->control);
    int pid = launch_slot(slot, launch);
    close_descriptor(&launch->control);
    return pid;
}

static void close_trees(const struct launch *launch) {
    for (size_t i = 0; i < launch->tree_count; i++) close(launch->trees[i]);
}

void slot_start(
    uint32_t request, uint32_t id, struct launch *launch, const struct cgroup_limits *limits, bool wants_control) {
    struct slot *slot = slot_find_in(id, SLOT_READY);
    if (slot && slot->for_fork) slot = NULL;
    launch->slot = id;
    launch->mounts = -1;
    int pid = slot ? start(slot, launch, limits, wants_control) : failed(-ENOENT, "find the slot");
    close_trees(launch);
    if (pid < 0) {
        reply_error(request, pid);
        if (slot) slot_release(id);
        return;
    }
    slot->mounts = open_mounts(pid);
    started(slot, request, pid);
}

static int restart(struct slot *slot, struct launch *launch, const int *kept) {
    if (slot->pid > 0) return failed(-EBUSY, "wait for the forks");
    for (int i = 0; i < APUS_KEPT_COUNT; i++)
        if (!slot_recognises(slot, (enum apus_kept)i, kept[i])) return failed(-EBADF, "recognise descriptor %d", i);
    launch->mounts = kept[APUS_KEPT_MOUNTS];
    launch->control = -1;
    slot->namespace = kept[APUS_KEPT_NETWORK];
    slot->output = kept[APUS_KEPT_OUTPUT];
    slot->telemetry = kept[APUS_KEPT_TELEMETRY];
    int pid = cgroup_reopen(&slot->group);
    if (pid == 0) pid = launch_slot(slot, launch);
    cgroup_close(&slot->group);
    slot->namespace = slot->output = slot->telemetry = -1;
    return pid;
}

void slot_restart(uint32_t request, uint32_t id, struct launch *launch, const int *kept) {
    struct slot *slot = slot_find_in(id, SLOT_ENDED);
    launch->slot = id;
    int pid = slot ? restart(slot, launch, kept) : failed(-ENOENT, "find the ended slot");
    for (size_t i = 0; i < APUS_KEPT_COUNT; i++) close(kept[i]);
    if (pid < 0) return reply_error(request, pid);
    slot->restarted = true;
    started(slot, request, pid);
}

/* Hands over what a restart needs, and the control channel. */
static void reply_started(struct slot *slot) {
    int descriptors[APUS_KEPT_COUNT + 1];
    slot_list_kept(slot, descriptors);
    descriptors[APUS_KEPT_COUNT] = slot->control;
    size_t kept = slot_remember(slot, descriptors) ? APUS_KEPT_COUNT : 0;
    if (kept == 0) descriptors[0] = slot->control;
    struct writer writer;
    reply_begin(&writer, slot->start_request, 0);
    reply_send(&writer, descriptors, kept + (slot->control >= 0));
    slot_close_own(slot);
}

/* ---- Specialising ---- */

static int arrange_view(void *context) {
    const struct launch *launch = context;
    TRY(view_attach_trees(launch->trees, launch->targets, launch->tree_count));
    return view_resize_temporary(launch->temporary_bytes);
}

static int specialize(
    const struct slot *slot, const struct launch *launch, const struct cgroup_limits *limits, int mounts) {
    if (!slot) return failed(-ENOENT, "find the cell");
    if (!slot_recognises(slot, APUS_KEPT_MOUNTS, mounts)) return failed(-EBADF, "recognise the mount namespace");
    TRY(cgroup_limit(&slot->group, limits));
    cgroup_stand_back(&slot->group, false);
    return root_visit(mounts, arrange_view, (void *)launch);
}

void slot_specialize(
    uint32_t request, uint32_t id, const struct launch *launch, const struct cgroup_limits *limits, int mounts) {
    int error = specialize(slot_find_in(id, SLOT_RUNNING), launch, limits, mounts);
    close_trees(launch);
    close(mounts);
    reply_error(request, error);
}

/* ---- Reports ---- */

static void program_ended(struct slot *slot, uint32_t id, int status) {
    bool was_executed = slot->cause != APUS_EXIT_NOT_EXECUTABLE && slot->cause != APUS_EXIT_NO_DIRECTORY;
    if (was_executed) {
        slot->cause = WIFSIGNALED(status) ? APUS_EXIT_SIGNAL : APUS_EXIT_CODE;
        slot->value = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    }
    /* pid 1 goes by itself, or stays for the children of a program that may have been forked. */
    if (slot->state != SLOT_RUNNING || slot->pid == 0) return;
    if (slot->forks == 0) return slot_kill_all(slot);
    slot->state = SLOT_ENDED;
    send_exited(id, slot);
    forks_next(id);
}

void slots_report(const struct report *report) {
    struct slot *slot = slot_find(report->slot);
    if (!slot) return;
    switch ((enum report_kind)report->kind) {
    case REPORT_RUNNING:
        if (slot->state != SLOT_STARTING) return;
        slot->state = SLOT_RUNNING;
        slot->program = report->value;
        if (slot->restarted) reply_error(slot->start_request, 0);
        else reply_started(slot);
        return;
    case REPORT_FAILED:
        if (slot->state != SLOT_STARTING) return;
        slot->state = SLOT_FAILED;
        slot->failure = report->value;
        memcpy(slot->step, report->step, sizeof slot->step);
        return;
    case REPORT_NO_DIRECTORY:
        slot->cause = APUS_EXIT_NO_DIRECTORY;
        slot->value = report->value;
        return;
    case REPORT_NOT_EXECUTABLE:
        slot->cause = APUS_EXIT_NOT_EXECUTABLE;
        slot->value = report->value;
        return;
    case REPORT_ENDED: program_ended(slot, report->slot, report->value); return;
    }
}

void slot_start_failed(struct slot *slot, uint32_t id) {
    int error = slot->state == SLOT_FAILED ? failed(slot->failure, "%s", slot->step)
                                           : failed(-ECHILD, "start the environment");
    uint32_t close_request = slot->close_request;
    reply_error(slot->start_request, error);
    slot->pid = 0;
    slot->state = SLOT_ENDED;
    if (slot->for_fork && !slot->restarted) slot_leave_origin(slot->origin);
    if (!slot->restarted || close_request) slot_release(id);
    if (close_request) reply_error(close_request, 0);
}

static bool reap(struct slot *slot, uint32_t id, void *context) {
    pid_t pid = *(const pid_t *)context;
    if (slot->midwife == pid) {
        slot->midwife = 0;
        /* It tells of a success before it ends. */
        uint32_t origin = slot->origin;
        if (slot->state == SLOT_STARTING || slot->state == SLOT_FAILED) slot_start_failed(slot, id);
        forks_release(origin, pid);
        return true;
    }
    if (slot->pid != pid || slot->process >= 0) return false;
    if (slot->state == SLOT_STARTING || slot->state == SLOT_FAILED) slot_start_failed(slot, id);
    else slot_ended(slot, id);
    return true;
}

void slots_reap(pid_t pid) {
    if (waitpid(pid, NULL, WNOHANG) == pid) slots_each(reap, &pid);
}

static bool kill_slot(struct slot *slot, uint32_t id, void *context) {
    (void)id;
    (void)context;
    if (slot->midwife > 0) kill(slot->midwife, SIGKILL);
    if (slot->pid > 0 && slot->process < 0) kill(slot->pid, SIGKILL);
    cgroup_thaw(slot->group.name);
    return false;
}

void slots_end(void) {
    /* Forks live in pid namespaces below those of their origins. */
    slots_each(kill_slot, NULL);
    for (;;) {
        pid_t pid = waitpid(-1, NULL, 0);
        if (pid < 0 && errno == ECHILD) return;
    }
}
