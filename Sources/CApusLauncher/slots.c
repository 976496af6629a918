#include "slots.h"

#include "network.h"
#include "root.h"
#include "slot.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

int slots_socket = -1;
uint32_t slots_first_generation;

static struct slot *slots[NETWORK_SLOTS];

/* Free numbers, longest free first: the kernel removes an interface some time after its namespace. */
static uint32_t free_numbers[NETWORK_SLOTS];
static size_t free_first, free_count;
static uint32_t never_used;

static uint32_t id_of(uint32_t index) { return slots[index]->generation * NETWORK_SLOTS + index; }

uint32_t slot_index(uint32_t id) { return id % NETWORK_SLOTS; }

struct slot *slot_find(uint32_t id) {
    struct slot *slot = slots[slot_index(id)];
    bool alive = slot && slot->state != SLOT_FREE && id_of(slot_index(id)) == id;
    return alive ? slot : NULL;
}

struct slot *slot_find_in(uint32_t id, enum slot_state state) {
    struct slot *slot = slot_find(id);
    return slot && slot->state == state ? slot : NULL;
}

bool slots_each(bool (*act)(struct slot *slot, uint32_t id, void *context), void *context) {
    for (uint32_t index = 0; index < never_used; index++)
        if (slots[index] && slots[index]->state != SLOT_FREE && act(slots[index], id_of(index), context)) return true;
    return false;
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
    if (!slots[index]) {
        slots[index] = calloc(1, sizeof **slots);
        if (!slots[index]) return -ENOMEM;
        slots[index]->generation = slots_first_generation;
    }
    return (int)index;
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

void reply_send(const struct writer *writer, const int *descriptors, size_t count) {
    /* Only a supervisor that is gone makes this fail; the loop sees the end of the socket next. */
    if (send_message(slots_socket, writer, descriptors, count) < 0) return;
}

void reply_error(uint32_t request, int error) {
    struct writer writer;
    reply_begin(&writer, request, error);
    reply_send(&writer, NULL, 0);
}

void send_exited(uint32_t id, const struct slot *slot) {
    struct writer writer = {.length = 0};
    write_u32(&writer, APUS_EXITED);
    write_u32(&writer, 0);
    write_u32(&writer, id);
    write_u32(&writer, slot->cause);
    write_u32(&writer, (uint32_t)slot->value);
    reply_send(&writer, NULL, 0);
}

/* ---- Making and releasing ---- */

void slot_close_own(struct slot *slot) {
    close_descriptor(&slot->mounts);
    close_descriptor(&slot->namespace);
    close_descriptor(&slot->output);
    close_descriptor(&slot->telemetry);
    close_descriptor(&slot->temporary);
    close_descriptor(&slot->control);
    close_descriptor(&slot->request_channel);
    cgroup_close(&slot->group);
}

void slot_release(uint32_t id) {
    struct slot *slot = slots[slot_index(id)];
    slot_close_own(slot);
    close_descriptor(&slot->process);
    cgroup_remove(slot->group.name);
    slot->state = SLOT_FREE;
    give_number(slot_index(id));
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

/* A program may open /dev/stdout, which asks for permission on the pipe. */
static int hand_over_pipes(const struct slot *slot, uint32_t uid) {
    STEP(sys(fchown(slot->output, uid, uid)), "hand over the output");
    STEP(sys(fchown(slot->telemetry, uid, uid)), "hand over the log channel");
    return 0;
}

static void close_made(struct made *made) {
    close_descriptor(&made->network.runtime_api);
    close_descriptor(&made->network.platform_api);
    close_descriptor(&made->output);
    close_descriptor(&made->telemetry);
    cgroup_close_files(&made->files);
}

static int make_network(uint32_t index, struct slot *slot, struct made *made) {
    if (slot->for_fork) return network_is_free(index) ? 0 : -EEXIST;
    slot->namespace = network_make(index, &made->network);
    return slot->namespace;
}

static int make(uint32_t index, bool for_fork, struct made *made) {
    struct slot *slot = slots[index];
    char name[16];
    snprintf(name, sizeof name, "%u", index);
    *slot = (struct slot){
        .state = SLOT_READY, .generation = slot->generation, .for_fork = for_fork, .process = -1, .mounts = -1,
        .namespace = -1, .output = -1, .telemetry = -1, .temporary = -1, .control = -1, .request_channel = -1};
    *made = (struct made){.network = {-1, -1}, .output = -1, .telemetry = -1};
    TRY(cgroup_make(&slot->group, name, &made->files));
    if (for_fork) TRY(cgroup_limit(&slot->group, &cgroup_cell_limits));
    TRY(make_network(index, slot, made));
    TRY(open_pipes(slot, made));
    return hand_over_pipes(slot, launch_uid(index));
}

static int make_any(bool for_fork, struct made *made) {
    /* The interface of an earlier environment may linger; then the next number. */
    for (int attempt = 0; attempt < 16; attempt++) {
        int index = take_number();
        STEP(index, "find a free slot");
        int error = make((uint32_t)index, for_fork, made);
        if (error == 0) return index;
        close_made(made);
        slot_release(id_of((uint32_t)index));
        if (error != -EEXIST) return error;
    }
    return -EEXIST;
}

void slot_prepare(uint32_t request, bool for_fork) {
    struct made made;
    int index = make_any(for_fork, &made);
    if (index < 0) return reply_error(request, index);
    const int all[APUS_FD_COUNT] = {
        [APUS_FD_RUNTIME_API] = made.network.runtime_api, [APUS_FD_PLATFORM_API] = made.network.platform_api,
        [APUS_FD_OUTPUT] = made.output, [APUS_FD_TELEMETRY] = made.telemetry, [APUS_FD_PEAK] = made.files.peak,
        [APUS_FD_CPU] = made.files.cpu, [APUS_FD_OOM] = made.files.oom, [APUS_FD_FREEZE] = made.files.freeze,
        [APUS_FD_USAGE] = made.files.usage, [APUS_FD_LIMIT] = made.files.limit, [APUS_FD_NOTICE] = made.files.notice};
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
    write_u32(&writer, id_of((uint32_t)index));
    write_u32(&writer, mask);
    reply_send(&writer, present, count);
    close_made(&made);
}

/* ---- Descriptors that come and go ---- */

static bool identify(int descriptor, struct identity *identity) {
    struct stat status;
    if (fstat(descriptor, &status) < 0) return false;
    *identity = (struct identity){status.st_dev, status.st_ino};
    return true;
}

void slot_list_kept(const struct slot *slot, int kept[APUS_KEPT_COUNT]) {
    kept[APUS_KEPT_MOUNTS] = slot->mounts;
    kept[APUS_KEPT_NETWORK] = slot->namespace;
    kept[APUS_KEPT_OUTPUT] = slot->output;
    kept[APUS_KEPT_TELEMETRY] = slot->telemetry;
    kept[APUS_KEPT_TEMPORARY] = slot->temporary;
}

bool slot_recognises(const struct slot *slot, enum apus_kept place, int descriptor) {
    struct identity identity;
    return identify(descriptor, &identity) && identity.device == slot->kept[place].device &&
           identity.inode == slot->kept[place].inode;
}

bool slot_remember(struct slot *slot, const int kept[APUS_KEPT_COUNT]) {
    bool whole = true;
    for (size_t i = 0; i < APUS_KEPT_COUNT; i++) whole = whole && kept[i] >= 0 && identify(kept[i], &slot->kept[i]);
    return whole;
}

static int open_socket(const struct slot *slot, int namespace) {
    if (!slot) return failed(-ENOENT, "find the slot");
    if (!slot_recognises(slot, APUS_KEPT_NETWORK, namespace)) return failed(-EBADF, "recognise the network namespace");
    return network_open_socket(namespace);
}

void slot_open_socket(uint32_t request, uint32_t id, int namespace) {
    int opened = open_socket(slot_find(id), namespace);
    close(namespace);
    if (opened < 0) return reply_error(request, opened);
    struct writer writer;
    reply_begin(&writer, request, 0);
    reply_send(&writer, &opened, 1);
    close(opened);
}

int slot_open_control(struct slot *slot) {
    int ends[2];
    STEP(sys(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)), "open the control channel");
    slot->control = ends[0];
    return ends[1];
}

/* ---- Ending ---- */

void slot_drop(uint32_t id) {
    if (slot_find_in(id, SLOT_READY)) slot_release(id);
}

/* A child that is not reaped, or what a pidfd stands for: in both cases nobody else's. */
/*
 * What a fork has forked before it entered its own groups is in those of its origin. Frozen there it would not die, and the fork's
 * pid namespace not end.
 */
static void thaw_origin(struct slot *fork) {
    struct slot *origin = slot_find(fork->origin);
    if (!origin || fork->dying) return;
    fork->dying = true;
    if (origin->dying_forks++ == 0) origin->was_frozen = cgroup_is_frozen(origin->group.name);
    cgroup_thaw(origin->group.name);
}

static void freeze_origin(struct slot *fork) {
    struct slot *origin = slot_find(fork->origin);
    if (!origin || !fork->dying) return;
    fork->dying = false;
    /* One that is being forked was thawed for that, and is frozen afterwards by who asked. */
    if (--origin->dying_forks == 0 && origin->was_frozen && origin->forked_by == 0) cgroup_freeze(origin->group.name);
}

void slot_kill_all(struct slot *slot) {
    if (slot->process >= 0) syscall(SYS_pidfd_send_signal, slot->process, SIGKILL, NULL, 0);
    else kill(slot->pid, SIGKILL);
    cgroup_thaw(slot->group.name);
    if (slot->process >= 0) thaw_origin(slot);
}

static bool is_child(pid_t process, pid_t parent) {
    char path[32], text[2048];
    snprintf(path, sizeof path, "%d/status", process);
    const char *line = read_text(host_proc, path, text, sizeof text) > 0 ? strstr(text, "\nPPid:\t") : NULL;
    return line && strtol(line + 7, NULL, 10) == parent;
}

/* To the runtime process alone. The number may have become another's, unless it still is pid 1's child. */
static void signal_program(const struct slot *slot, int number) {
    int process = slot->program > 0 ? sys(syscall(SYS_pidfd_open, slot->program, 0)) : -1;
    if (process < 0) return;
    if (is_child(slot->program, slot->pid)) syscall(SYS_pidfd_send_signal, process, number, NULL, 0);
    close(process);
}

static void kill_program(const struct slot *slot) {
    signal_program(slot, SIGKILL);
    cgroup_thaw(slot->group.name);
}

void slot_terminate(uint32_t id) {
    struct slot *slot = slot_find_in(id, SLOT_RUNNING);
    if (!slot) return;
    /* Of a fork the program is known to its pid 1 only, which passes the signal on. */
    if (slot->process >= 0) syscall(SYS_pidfd_send_signal, slot->process, SIGTERM, NULL, 0);
    else signal_program(slot, SIGTERM);
}

void slot_kill(uint32_t id) {
    struct slot *slot = slot_find(id);
    if (!slot || slot->pid == 0) return;
    bool stays = slot->forks > 0 && !slot->for_fork;
    if (stays) kill_program(slot);
    else slot_kill_all(slot);
}

void slot_close(uint32_t request, uint32_t id) {
    struct slot *slot = slot_find(id);
    if (!slot) return reply_error(request, failed(-ENOENT, "find the slot"));
    bool is_beginning = slot->state == SLOT_STARTING || slot->state == SLOT_FAILED;
    if (slot->pid == 0 && !is_beginning) {
        slot_release(id);
        return reply_error(request, 0);
    }
    slot->close_request = request;
    if (slot->pid == 0) return;
    if (slot->forks == 0) slot_kill_all(slot);
    else if (!slot->for_fork) kill_program(slot);
}

/* The origin of a fork that has ended may have waited for it. */
void slot_leave_origin(uint32_t id) {
    struct slot *origin = slot_find(id);
    if (!origin || origin->forks == 0 || --origin->forks > 0) return;
    if (origin->pid > 0 && (origin->close_request || origin->state == SLOT_ENDED)) slot_kill_all(origin);
}

void slot_ended(struct slot *slot, uint32_t id) {
    uint32_t close_request = slot->close_request;
    bool was_fork = slot->process >= 0;
    if (was_fork) freeze_origin(slot);
    slot->pid = slot->program = 0;
    close_descriptor(&slot->process);
    if (slot->state == SLOT_RUNNING) send_exited(id, slot);
    slot->state = SLOT_ENDED;
    if (was_fork) slot_leave_origin(slot->origin);
    forks_next(id);
    if (!close_request) return;
    slot_release(id);
    reply_error(close_request, 0);
}
