#include "slots.h"

#include "network.h"
#include "report.h"
#include "root.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

int slots_socket = -1;

enum slot_state {
    SLOT_FREE, /* no namespace, no groups */
    SLOT_READY, /* made, nothing runs */
    SLOT_STARTING, /* pid 1 exists, the START request waits */
    SLOT_FAILED, /* as STARTING, and a step has failed */
    SLOT_RUNNING,
    SLOT_ENDED, /* the processes are gone, the supervisor knows */
};

struct slot {
    enum slot_state state;
    uint32_t generation;
    /* The request that waits for pid 1 to be reaped or to be about to exec; 0: none. */
    uint32_t start_request, close_request;
    bool restarted;
    pid_t pid;
    /* Open until the program runs, then known by `kept`; see `enum apus_kept`. */
    int mounts, namespace, output, telemetry;
    struct identity {
        dev_t device;
        ino_t inode;
    } kept[APUS_KEPT_COUNT];
    struct cgroup group;
    enum apus_exit_cause cause;
    int32_t value;
    int failure;
    char step[sizeof ((struct report *)0)->step];
};

static struct slot *slots[NETWORK_SLOTS];

/* Free numbers, longest free first: the kernel removes an interface some time after its namespace. */
static uint32_t free_numbers[NETWORK_SLOTS];
static size_t free_first, free_count;
static uint32_t never_used;

static uint32_t slot_id(uint32_t index) { return slots[index]->generation * NETWORK_SLOTS + index; }

static struct slot *find(uint32_t id) {
    struct slot *slot = slots[id % NETWORK_SLOTS];
    bool alive = slot && slot->state != SLOT_FREE && slot_id(id % NETWORK_SLOTS) == id;
    return alive ? slot : NULL;
}

/* A free number, or -EAGAIN. Numbers never used go first, so that the interfaces of used ones have time to go. */
static int take_number(void) {
    uint32_t index;
    if (never_used < NETWORK_SLOTS) {
        index = never_used++;
    } else if (free_count > 0) {
        index = free_numbers[free_first];
        free_first = (free_first + 1) % NETWORK_SLOTS;
        free_count--;
    } else {
        return -EAGAIN;
    }
    if (!slots[index]) slots[index] = calloc(1, sizeof **slots);
    return slots[index] ? (int)index : -ENOMEM;
}

static void give_number(uint32_t index) {
    slots[index]->generation++;
    free_numbers[(free_first + free_count++) % NETWORK_SLOTS] = index;
}

/* ---- Replies ---- */

void reply_begin(struct writer *writer, uint32_t request, int error) {
    writer->length = 0;
    write_u32(writer, APUS_REPLY);
    write_u32(writer, request);
    write_u32(writer, (uint32_t)-error);
    write_string(writer, error < 0 ? failed_step() : "");
}

static void send_or_leave(const struct writer *writer, const int *descriptors, size_t count) {
    /* Only a supervisor that is gone makes this fail; the loop sees the end of the socket next. */
    if (send_message(slots_socket, writer, descriptors, count) < 0) return;
}

void reply_error(uint32_t request, int error) {
    struct writer writer;
    reply_begin(&writer, request, error);
    send_or_leave(&writer, NULL, 0);
}

static void send_exited(uint32_t id, const struct slot *slot) {
    struct writer writer = {.length = 0};
    write_u32(&writer, APUS_EXITED);
    write_u32(&writer, 0);
    write_u32(&writer, id);
    write_u32(&writer, slot->cause);
    write_u32(&writer, (uint32_t)slot->value);
    send_or_leave(&writer, NULL, 0);
}

/* ---- Making and releasing ---- */

static void close_own(struct slot *slot) {
    close_descriptor(&slot->mounts);
    close_descriptor(&slot->namespace);
    close_descriptor(&slot->output);
    close_descriptor(&slot->telemetry);
    cgroup_close(&slot->group);
}

static void release(uint32_t index) {
    struct slot *slot = slots[index];
    close_own(slot);
    cgroup_remove(slot->group.name);
    slot->state = SLOT_FREE;
    slot->pid = 0;
    give_number(index);
}

struct made {
    struct network_slot network;
    struct cgroup_files files;
    int output, telemetry; /* read ends */
};

static int open_pipes(struct slot *slot, struct made *made) {
    int output[2], telemetry[2];
    STEP(sys(pipe2(output, O_CLOEXEC)), "open a pipe");
    slot->output = output[1];
    made->output = output[0];
    STEP(sys(pipe2(telemetry, O_CLOEXEC)), "open a pipe");
    slot->telemetry = telemetry[1];
    made->telemetry = telemetry[0];
    /* Only the reader's end: a program's writes shall wait, not fail. */
    STEP(sys(fcntl(made->output, F_SETFL, O_NONBLOCK)), "set a pipe");
    STEP(sys(fcntl(made->telemetry, F_SETFL, O_NONBLOCK)), "set a pipe");
    return 0;
}

static void close_made(struct made *made) {
    close_descriptor(&made->network.runtime_api);
    close_descriptor(&made->network.platform_api);
    close_descriptor(&made->output);
    close_descriptor(&made->telemetry);
    close_descriptor(&made->files.peak);
    close_descriptor(&made->files.cpu);
    close_descriptor(&made->files.oom);
}

static int make(uint32_t index, struct made *made) {
    struct slot *slot = slots[index];
    char name[16];
    snprintf(name, sizeof name, "%u", index);
    slot->mounts = slot->namespace = slot->output = slot->telemetry = -1;
    *made = (struct made){{-1, -1, -1}, {-1, -1, -1}, -1, -1};
    TRY(cgroup_make(&slot->group, name, &made->files));
    TRY(network_make(index, &made->network));
    slot->namespace = made->network.namespace;
    return open_pipes(slot, made);
}

static int make_any(struct made *made) {
    /* The interface of an earlier environment may linger; then the next number. */
    for (int attempt = 0; attempt < 16; attempt++) {
        int index = take_number();
        STEP(index, "find a free slot");
        int error = make((uint32_t)index, made);
        slots[index]->state = SLOT_READY;
        if (error == 0) return index;
        close_made(made);
        release((uint32_t)index);
        if (error != -EEXIST) return error;
    }
    return -EEXIST;
}

void slot_prepare(uint32_t request) {
    struct made made;
    int index = make_any(&made);
    if (index < 0) return reply_error(request, index);
    const int all[APUS_FD_COUNT] = {
        [APUS_FD_RUNTIME_API] = made.network.runtime_api, [APUS_FD_PLATFORM_API] = made.network.platform_api,
        [APUS_FD_OUTPUT] = made.output, [APUS_FD_TELEMETRY] = made.telemetry, [APUS_FD_PEAK] = made.files.peak,
        [APUS_FD_CPU] = made.files.cpu, [APUS_FD_OOM] = made.files.oom};
    int present[APUS_FD_COUNT];
    size_t count = 0;
    uint32_t mask = 0;
    for (size_t i = 0; i < APUS_FD_COUNT; i++) {
        if (all[i] < 0) continue;
        mask |= 1u << i;
        present[count++] = all[i];
    }
    struct writer writer;
    reply_begin(&writer, request, 0);
    write_u32(&writer, slot_id((uint32_t)index));
    write_u32(&writer, mask);
    send_or_leave(&writer, present, count);
    close_made(&made);
}

/* ---- Starting and ending ---- */

static bool identify(int descriptor, struct identity *identity) {
    struct stat status;
    if (fstat(descriptor, &status) < 0) return false;
    *identity = (struct identity){status.st_dev, status.st_ino};
    return true;
}

/* The launch takes over `slot`'s own descriptors, or those that came back. Returns the pid. */
static int launch_slot(struct slot *slot, struct launch *launch) {
    launch->namespace = slot->namespace;
    launch->output = slot->output;
    launch->telemetry = slot->telemetry;
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
    slot->close_request = 0;
    /* Ended by the launcher's SIGKILL unless pid 1 reports something else. */
    slot->cause = APUS_EXIT_SIGNAL;
    slot->value = SIGKILL;
    cgroup_close(&slot->group);
}

void slot_start(uint32_t request, uint32_t id, struct launch *launch, const struct cgroup_limits *limits) {
    struct slot *slot = find(id);
    bool ready = slot && slot->state == SLOT_READY;
    launch->slot = id;
    launch->mounts = -1;
    int pid = ready ? cgroup_limit(&slot->group, limits) : failed(-ENOENT, "find the slot");
    if (pid == 0) pid = launch_slot(slot, launch);
    for (size_t i = 0; i < launch->tree_count; i++) close(launch->trees[i]);
    if (pid < 0) {
        reply_error(request, pid);
        if (ready) release(id % NETWORK_SLOTS);
        return;
    }
    slot->restarted = false;
    slot->mounts = open_mounts(pid);
    started(slot, request, pid);
}

static int restart(struct slot *slot, struct launch *launch, const int *kept) {
    for (size_t i = 0; i < APUS_KEPT_COUNT; i++) {
        struct identity identity;
        if (!identify(kept[i], &identity) || identity.device != slot->kept[i].device ||
            identity.inode != slot->kept[i].inode)
            return failed(-EBADF, "recognise descriptor %zu", i);
    }
    launch->mounts = kept[APUS_KEPT_MOUNTS];
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
    struct slot *slot = find(id);
    bool ended = slot && slot->state == SLOT_ENDED;
    launch->slot = id;
    int pid = ended ? restart(slot, launch, kept) : failed(-ENOENT, "find the ended slot");
    for (size_t i = 0; i < APUS_KEPT_COUNT; i++) close(kept[i]);
    if (pid < 0) return reply_error(request, pid);
    slot->restarted = true;
    started(slot, request, pid);
}

/* Hands what a restart needs to the supervisor. */
static void reply_started(struct slot *slot) {
    const int kept[APUS_KEPT_COUNT] = {slot->mounts, slot->namespace, slot->output, slot->telemetry};
    bool whole = true;
    for (size_t i = 0; i < APUS_KEPT_COUNT; i++) whole = whole && kept[i] >= 0 && identify(kept[i], &slot->kept[i]);
    struct writer writer;
    reply_begin(&writer, slot->start_request, 0);
    send_or_leave(&writer, kept, whole ? APUS_KEPT_COUNT : 0);
    close_own(slot);
}

void slot_drop(uint32_t id) {
    struct slot *slot = find(id);
    if (slot && slot->state == SLOT_READY) release(id % NETWORK_SLOTS);
}

void slot_kill(uint32_t id) {
    struct slot *slot = find(id);
    /* Not reaped yet, so the pid is its own. */
    if (slot && slot->pid > 0) kill(slot->pid, SIGKILL);
}

void slot_close(uint32_t request, uint32_t id) {
    struct slot *slot = find(id);
    if (!slot) return reply_error(request, failed(-ENOENT, "find the slot"));
    if (slot->pid > 0) {
        slot->close_request = request;
        kill(slot->pid, SIGKILL);
        return;
    }
    release(id % NETWORK_SLOTS);
    reply_error(request, 0);
}

void slots_report(const struct report *report) {
    struct slot *slot = find(report->slot);
    if (!slot) return;
    switch ((enum report_kind)report->kind) {
    case REPORT_RUNNING:
        if (slot->state != SLOT_STARTING) return;
        slot->state = SLOT_RUNNING;
        if (slot->restarted) reply_error(slot->start_request, 0);
        else reply_started(slot);
        return;
    case REPORT_FAILED:
        if (slot->state != SLOT_STARTING) return;
        slot->state = SLOT_FAILED;
        slot->failure = report->value;
        memcpy(slot->step, report->step, sizeof slot->step);
        return;
    case REPORT_NOT_EXECUTABLE:
        slot->cause = APUS_EXIT_NOT_EXECUTABLE;
        slot->value = report->value;
        return;
    case REPORT_ENDED:
        if (slot->cause == APUS_EXIT_NOT_EXECUTABLE) return;
        slot->cause = WIFSIGNALED(report->value) ? APUS_EXIT_SIGNAL : APUS_EXIT_CODE;
        slot->value = WIFSIGNALED(report->value) ? WTERMSIG(report->value) : WEXITSTATUS(report->value);
        return;
    }
}

static void reply_not_started(struct slot *slot) {
    int error = slot->state == SLOT_FAILED ? failed(slot->failure, "%s", slot->step)
                                           : failed(-ECHILD, "start the environment");
    reply_error(slot->start_request, error);
}

static void ended(uint32_t index) {
    struct slot *slot = slots[index];
    uint32_t close_request = slot->close_request;
    slot->pid = 0;
    if (slot->state == SLOT_RUNNING) send_exited(slot_id(index), slot);
    else reply_not_started(slot);
    /* What has run keeps its groups until it is closed: the supervisor reads them, or runs it again. */
    bool keep = slot->state == SLOT_RUNNING || slot->restarted;
    slot->state = SLOT_ENDED;
    if (!keep || close_request) release(index);
    if (close_request) reply_error(close_request, 0);
}

static bool ended_process(pid_t pid) {
    for (uint32_t index = 0; index < never_used; index++) {
        if (!slots[index] || slots[index]->pid != pid) continue;
        ended(index);
        return true;
    }
    return false;
}

void slots_reap(void) {
    for (;;) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid <= 0) return;
        ended_process(pid);
    }
}

void slots_end(void) {
    for (uint32_t index = 0; index < never_used; index++)
        if (slots[index] && slots[index]->pid > 0) kill(slots[index]->pid, SIGKILL);
    for (;;) {
        pid_t pid = waitpid(-1, NULL, 0);
        if (pid < 0 && errno == ECHILD) return;
    }
}
