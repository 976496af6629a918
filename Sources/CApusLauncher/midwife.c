#include "midwife.h"

#include "idmap.h"
#include "launch.h"
#include "network.h"
#include "root.h"
#include "tracee.h"
#include "view.h"
#include "wire.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

/* How long the origin may take from being asked to its clone, the child to its first instruction and to its groups. */
enum { ORIGIN_MILLISECONDS = 1000, CHILD_MILLISECONDS = 5000, GROUPS_LOOKS = 5000, LOOK_NANOSECONDS = 50000 };

/* A pid that nothing else inside has, given by name so that the count inside goes on at 2. */
enum { BUILDER_PID = 300 };

static const uint64_t fork_flags =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_PARENT | SIGCHLD;
static const uint64_t tid_flags = CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;

/* ---- The origin ---- */

/* A line of /proc/PID/status, such as `PPid:\t1`: its last number; -1 without one. */
static long status_number(pid_t process, const char *name) {
    char path[32], text[4096], label[16];
    snprintf(path, sizeof path, "%d/status", process);
    snprintf(label, sizeof label, "\n%s:", name);
    const char *line = read_text(host_proc, path, text, sizeof text) > 0 ? strstr(text, label) : NULL;
    if (!line) return -1;
    long number = -1;
    int length;
    for (line += strlen(label); sscanf(line, "%*1[\t ]%ld%n", &number, &length) == 1;) line += length;
    return number;
}

/* Of a slot that was forked itself: the child of its pid 1 that has the number 2 inside. */
static int find_origin(pid_t init) {
    char path[48], text[4096];
    snprintf(path, sizeof path, "%d/task/%d/children", init, init);
    STEP(read_text(host_proc, path, text, sizeof text), "find the origin's processes");
    char *rest = text;
    for (char *item; (item = strsep(&rest, " "));) {
        pid_t process = (pid_t)strtol(item, NULL, 10);
        if (process > 0 && status_number(process, "NSpid") == 2) return process;
    }
    return failed(-ESRCH, "find the origin's process");
}

static int count_threads(pid_t process) { return (int)status_number(process, "Threads"); }

static int seize_origin(const struct birth *birth) {
    int origin = birth->origin > 0 ? birth->origin : find_origin(birth->origin_init);
    TRY(origin);
    STEP(tracee_seize(origin), "seize the origin");
    /* Since it is traced, its number stays its own. Before, it may have become another's. */
    if (status_number(origin, "PPid") != birth->origin_init) return failed(-ESRCH, "recognise the origin");
    return origin;
}

static int ask(const struct birth *birth) {
    int descriptors[3 + CGROUP_CONTROLLERS] = {birth->channel, birth->output, birth->telemetry};
    memcpy(descriptors + 3, birth->entries, sizeof birth->entries);
    struct writer writer = {.length = 1, .bytes = "F"};
    STEP(send_message(birth->request, &writer, descriptors, 3 + birth->entry_count), "ask the origin");
    return 0;
}

/* At the entry of the origin's fork. */
static int allow_fork(pid_t origin, const struct tracee_event *event, uint64_t flags) {
    int refusal = 0;
    if (event->call == -1 || (flags & ~tid_flags) != SIGCHLD) refusal = failed(-EPERM, "check the origin's flags");
    else if (count_threads(origin) != 1) refusal = failed(-EBUSY, "count the origin's threads");
    if (refusal) {
        STEP(tracee_refuse(origin), "refuse the fork");
        return refusal;
    }
    STEP(tracee_bind(origin, true), "bind the origin");
    STEP(tracee_change_fork(origin, event, fork_flags | (flags & tid_flags)), "change the flags");
    return 0;
}

static int release_origin(pid_t origin, const struct tracee_event *entry) {
    STEP(tracee_finish_fork(origin, entry), "restore the origin");
    STEP(tracee_release(origin), "release the origin");
    return 0;
}

/* Runs the origin until it has a child. Returns that; `entry` is how it began. */
static int wait_for_child(pid_t origin, struct tracee_event *entry) {
    struct tracee_event event = {.stop = TRACEE_AT_OTHER};
    bool forking = false;
    for (;;) {
        STEP(tracee_continue(origin, event.signal), "run the origin");
        STEP(tracee_wait(origin, &event), "wait for the origin's fork");
        uint64_t flags;
        if (event.stop == TRACEE_AT_FORK) return forking ? event.child : failed(-EPROTO, "follow the origin");
        if (event.stop == TRACEE_AT_EXIT && forking) {
            TRY(release_origin(origin, entry));
            return failed((int)event.result, "fork the origin");
        }
        bool makes_process = event.stop == TRACEE_AT_ENTRY && (tracee_is_fork(&event, &flags) || event.call == -1);
        if (!makes_process) continue;
        TRY(allow_fork(origin, &event, flags));
        *entry = event;
        forking = true;
    }
}

/* ---- What is built around the child ---- */

/* Shared with the builder, which uses the midwife's descriptors. */
struct building {
    int error;
    char step[sizeof ((struct delivery *)0)->step];
    struct network_slot network;
};

static int build(uint32_t slot, int child, int temporary, struct building *building) {
    int proc = view_open_proc();
    TRY(proc);
    TRY(network_fill(slot % NETWORK_SLOTS, child, &building->network));
    STEP(sys(setns(child, CLONE_NEWNS)), "enter the fork's mount namespace");
    TRY(view_attach_temporary(temporary));
    return view_attach_proc(proc);
}

/* A process inside the child's pid namespace, where alone its /proc can be made, and outside of all others. */
static int start_builder(uint32_t slot, int child, int temporary, struct building *building) {
    STEP(sys(setns(child, CLONE_NEWPID)), "enter the fork's pid namespace");
    pid_t number = BUILDER_PID;
    struct clone_args arguments = {
        .flags = CLONE_FILES, .exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&number, .set_tid_size = 1};
    int builder = sys(syscall(SYS_clone3, &arguments, sizeof arguments));
    STEP(builder, "make the fork's builder");
    if (builder > 0) return builder;
    building->error = build(slot, child, temporary, building);
    snprintf(building->step, sizeof building->step, "%s", failed_step());
    _exit(0);
}

static int end_builder(pid_t builder, const struct building *building) {
    int status;
    while (waitpid(builder, &status, 0) < 0)
        if (errno != EINTR) return failed(-errno, "wait for the fork's builder");
    if (!WIFEXITED(status)) return failed(-ECHILD, "build around the fork");
    return building->error < 0 ? failed(building->error, "%s", building->step) : 0;
}

/* ---- The child ---- */

static int call(pid_t child, long number, uint64_t first, uint64_t second, uint64_t third) {
    return tracee_call(child, number, (const uint64_t[6]){first, second, third});
}

static int give_up(pid_t child) {
    STEP(call(child, SYS_setresgid, INSIDE_GID, INSIDE_GID, INSIDE_GID), "set the fork's group");
    /* Away from 0, which takes every capability. */
    STEP(call(child, SYS_setresuid, INSIDE_UID, INSIDE_UID, INSIDE_UID), "set the fork's user");
    STEP(call(child, SYS_prctl, PR_SET_DUMPABLE, 1, 0), "make the fork dumpable");
    return 0;
}

/* From here on the midwife has no power outside of the origin's user namespace. */
static int map_ids(const struct birth *birth, int origin_descriptor, pid_t origin, pid_t child) {
    struct idmap map;
    STEP(idmap_fork(&map, host_proc, origin, launch_uid(birth->slot)), "read the origin's ids");
    STEP(sys(setns(origin_descriptor, CLONE_NEWUSER)), "enter the origin's user namespace");
    return idmap_write(&map, host_proc, child);
}

static int open_namespace(pid_t child, const char *name) {
    char path[32];
    snprintf(path, sizeof path, "%d/ns/%s", child, name);
    int namespace = sys(openat(host_proc, path, O_RDONLY | O_CLOEXEC));
    STEP(namespace, "open the fork's %s namespace", name);
    return namespace;
}

static int await_child(pid_t child) {
    struct tracee_event event;
    STEP(tracee_set_deadline(CHILD_MILLISECONDS), "set a deadline");
    STEP(tracee_wait(child, &event), "wait for the fork");
    return 0;
}

/* The builder works while the child is given its ids; in the end the child is let go. */
static int bring_up(const struct birth *birth, int origin_descriptor, pid_t origin, pid_t child, int *delivered) {
    struct building *building =
        mmap(NULL, sizeof *building, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (building == MAP_FAILED) return failed(-errno, "make room for the builder");
    TRY(delivered[DELIVERED_MOUNTS] = open_namespace(child, "mnt"));
    TRY(delivered[DELIVERED_NETWORK] = open_namespace(child, "net"));
    TRY(delivered[DELIVERED_TEMPORARY] = view_open_temporary(0));
    int builder =
        start_builder(birth->slot, delivered[DELIVERED_PROCESS], delivered[DELIVERED_TEMPORARY], building);
    TRY(builder);
    int error = map_ids(birth, origin_descriptor, origin, child);
    if (error == 0) error = give_up(child);
    int built = end_builder(builder, building);
    TRY(error);
    TRY(built);
    delivered[DELIVERED_RUNTIME_API] = building->network.runtime_api;
    delivered[DELIVERED_PLATFORM_API] = building->network.platform_api;
    STEP(tracee_release(child), "release the fork");
    return 0;
}

static void send_to_launcher(
    const struct birth *birth, const struct delivery *delivery, const int *delivered, size_t count) {
    struct writer writer = {.length = sizeof *delivery};
    memcpy(writer.bytes, delivery, sizeof *delivery);
    if (send_message(birth->deliveries, &writer, delivered, count) < 0) _exit(1);
}

static int deliver_child(const struct birth *birth, int origin_descriptor, pid_t origin, pid_t child,
                         const struct tracee_event *entry, int *delivered) {
    TRY(await_child(child));
    STEP(tracee_finish_fork(child, entry), "restore the fork");
    TRY(release_origin(origin, entry));
    send_to_launcher(birth, &(struct delivery){.slot = birth->slot, .origin_is_free = true}, NULL, 0);
    delivered[DELIVERED_PROCESS] = sys(syscall(SYS_pidfd_open, child, 0));
    STEP(delivered[DELIVERED_PROCESS], "open the fork");
    return bring_up(birth, origin_descriptor, origin, child, delivered);
}

/* Returns the child. */
static int deliver(const struct birth *birth, int *delivered) {
    STEP(tracee_set_deadline(ORIGIN_MILLISECONDS), "set a deadline");
    int origin = seize_origin(birth);
    TRY(origin);
    int origin_descriptor = sys(syscall(SYS_pidfd_open, origin, 0));
    STEP(origin_descriptor, "open the origin");
    TRY(ask(birth));
    struct tracee_event entry;
    int child = wait_for_child(origin, &entry);
    TRY(child);
    int error = deliver_child(birth, origin_descriptor, origin, child, &entry, delivered);
    if (error < 0) kill(child, SIGKILL);
    return error < 0 ? error : child;
}

/* ---- Afterwards ---- */

static bool is_in_group(pid_t process, const struct birth *birth) {
    char path[32], text[8192], end[24];
    snprintf(path, sizeof path, "%d/cgroup", process);
    int length = snprintf(end, sizeof end, "/%s", birth->group);
    if (read_text(host_proc, path, text, sizeof text) < 0) return true; /* It is gone. */
    size_t found = 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        size_t size = strlen(line);
        if (size > (size_t)length && strcmp(line + size - (size_t)length, end) == 0) found++;
    }
    return found >= birth->entry_count;
}

/*
 * The child enters its groups by itself; one that has not done so within a time would live without limits. Nobody is told of it
 * before: its origin may be frozen then, and with it who is still in the origin's group.
 */
static int await_groups(const struct birth *birth, pid_t child, int process) {
    for (int waited = 0; !is_in_group(child, birth); waited++) {
        if (waited == GROUPS_LOOKS) {
            syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
            return failed(-ETIMEDOUT, "wait for the fork to enter its groups");
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NANOSECONDS}, NULL);
    }
    return 0;
}

static void send_result(const struct birth *birth, int child, const int *delivered) {
    struct delivery delivery = {.slot = birth->slot, .error = child < 0 ? child : 0, .pid = child};
    snprintf(delivery.step, sizeof delivery.step, "%s", child < 0 ? failed_step() : "");
    send_to_launcher(birth, &delivery, delivered, child < 0 ? 0 : DELIVERED_COUNT);
}

static _Noreturn void midwife_run(const struct birth *birth) {
    int delivered[DELIVERED_COUNT] = {-1, -1, -1, -1, -1, -1};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "apus-midwife");
    int child = deliver(birth, delivered);
    int error = child > 0 ? await_groups(birth, child, delivered[DELIVERED_PROCESS]) : child;
    send_result(birth, error < 0 ? error : child, delivered);
    _exit(0);
}

int midwife_start(const struct birth *birth) {
    struct clone_args arguments = {.exit_signal = SIGCHLD};
    int pid = sys(syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid == 0) midwife_run(birth);
    STEP(pid, "make a midwife");
    return pid;
}
