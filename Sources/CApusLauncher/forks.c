/* Forks as the main loop sees them: begun, delivered by a midwife, ended. */
#include "midwife.h"
#include "slot.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static int events = -1;
/* From the midwives: the launcher's end and theirs. */
static int deliveries[2] = {-1, -1};

static const uint64_t a_delivery = UINT64_MAX;

static int watch(int descriptor, uint64_t what) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = what};
    return sys(epoll_ctl(events, EPOLL_CTL_ADD, descriptor, &event));
}

int forks_open(void) {
    events = sys(epoll_create1(EPOLL_CLOEXEC));
    STEP(events, "open an epoll");
    STEP(sys(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, deliveries)), "open the midwives' socket");
    STEP(watch(deliveries[0], a_delivery), "watch the midwives' socket");
    return events;
}

/* ---- Beginning ---- */

static int begin(struct slot *slot, uint32_t id, const struct slot *origin) {
    struct birth birth = {
        .slot = id, .origin_init = origin->pid, .origin = origin->program, .request = slot->request_channel,
        .output = slot->output, .telemetry = slot->telemetry, .group = slot->group.name, .deliveries = deliveries[1]};
    int count = cgroup_open_entries(&slot->group, birth.entries);
    TRY(count);
    birth.entry_count = (size_t)count;
    birth.channel = slot_open_control(slot);
    int midwife = birth.channel < 0 ? birth.channel : midwife_start(&birth);
    close_descriptor(&birth.channel);
    while (count > 0) close(birth.entries[--count]);
    return midwife;
}

struct waiting {
    uint32_t origin;
    struct slot *first;
    uint32_t id;
};

static bool is_waiting(struct slot *slot, uint32_t id, void *context) {
    struct waiting *waiting = context;
    bool waits = slot->state == SLOT_STARTING && slot->request_channel >= 0 && slot->origin == waiting->origin;
    /* Requests are numbered. */
    if (!waits || (waiting->first && waiting->first->start_request < slot->start_request)) return false;
    waiting->first = slot;
    waiting->id = id;
    return false;
}

static void begin_or_fail(struct slot *slot, uint32_t id, struct slot *origin) {
    int midwife = origin ? begin(slot, id, origin) : failed(-ESRCH, "find the origin");
    close_descriptor(&slot->request_channel);
    if (midwife > 0) {
        /* A zygote has booted at leisure; now somebody may wait. */
        cgroup_stand_back(&origin->group, false);
        slot->midwife = origin->forked_by = midwife;
        return;
    }
    slot->state = SLOT_FAILED;
    slot->failure = midwife;
    snprintf(slot->step, sizeof slot->step, "%s", failed_step());
    slot_start_failed(slot, id);
}

void forks_next(uint32_t id) {
    for (;;) {
        struct slot *origin = slot_find_in(id, SLOT_RUNNING);
        struct waiting waiting = {.origin = id};
        if (origin && origin->forked_by) return;
        slots_each(is_waiting, &waiting);
        if (!waiting.first) return;
        begin_or_fail(waiting.first, waiting.id, origin);
    }
}

void forks_release(uint32_t id, pid_t midwife) {
    struct slot *origin = slot_find(id);
    if (origin && origin->forked_by == midwife) origin->forked_by = 0;
    forks_next(id);
}

void slot_fork(uint32_t request, uint32_t id, uint32_t origin_id, int channel) {
    struct slot *slot = slot_find_in(id, SLOT_READY), *origin = slot_find_in(origin_id, SLOT_RUNNING);
    if (!slot || !slot->for_fork || !origin) {
        close(channel);
        reply_error(request, failed(-ENOENT, slot ? "find the origin" : "find the slot"));
        return slot_drop(id);
    }
    slot->state = SLOT_STARTING;
    slot->start_request = request;
    slot->request_channel = channel;
    slot->origin = origin_id;
    origin->forks++;
    forks_next(origin_id);
}

/* ---- Delivery ---- */

static void reply_forked(struct slot *slot, const int *delivered) {
    int descriptors[APUS_KEPT_COUNT + 3];
    slot_list_kept(slot, descriptors);
    descriptors[APUS_KEPT_COUNT] = slot->control;
    descriptors[APUS_KEPT_COUNT + 1] = delivered[DELIVERED_RUNTIME_API];
    descriptors[APUS_KEPT_COUNT + 2] = delivered[DELIVERED_PLATFORM_API];
    slot_remember(slot, descriptors);
    struct writer writer;
    reply_begin(&writer, slot->start_request, 0);
    reply_send(&writer, descriptors, APUS_KEPT_COUNT + 3);
    slot_close_own(slot);
}

static int take(int *descriptor) {
    int taken = *descriptor;
    *descriptor = -1;
    return taken;
}

static int take_child(struct slot *slot, const struct delivery *delivery, int *delivered) {
    TRY(watch(delivered[DELIVERED_PROCESS], delivery->slot));
    slot->process = take(&delivered[DELIVERED_PROCESS]);
    slot->mounts = take(&delivered[DELIVERED_MOUNTS]);
    slot->namespace = take(&delivered[DELIVERED_NETWORK]);
    slot->temporary = take(&delivered[DELIVERED_TEMPORARY]);
    slot->pid = delivery->pid;
    slot->state = SLOT_RUNNING;
    slot->cause = APUS_EXIT_SIGNAL;
    slot->value = SIGKILL;
    return 0;
}

static void delivered_one(const struct delivery *delivery, int *delivered, size_t count) {
    struct slot *slot = slot_find_in(delivery->slot, SLOT_STARTING);
    int error = delivery->error;
    if (!slot) return;
    if (delivery->origin_is_free) return forks_release(slot->origin, slot->midwife);
    if (error == 0) error = count == DELIVERED_COUNT ? take_child(slot, delivery, delivered) : -EMFILE;
    if (error == 0) {
        reply_forked(slot, delivered);
        if (slot->close_request) slot_kill_all(slot);
        return;
    }
    /* The reply comes when the midwife is reaped. */
    slot->state = SLOT_FAILED;
    slot->failure = error;
    memcpy(slot->step, delivery->step, sizeof slot->step);
    if (count > 0) syscall(SYS_pidfd_send_signal, delivered[DELIVERED_PROCESS], SIGKILL, NULL, 0);
}

static void take_deliveries(void) {
    struct delivery delivery;
    for (;;) {
        int delivered[DELIVERED_COUNT];
        size_t count = DELIVERED_COUNT;
        if (receive_message(deliveries[0], (char *)&delivery, sizeof delivery, delivered, &count) != sizeof delivery)
            return;
        delivered_one(&delivery, delivered, count);
        for (size_t i = 0; i < count; i++) close_descriptor(&delivered[i]);
    }
}

void forks_serve(void) {
    struct epoll_event ready[16];
    int count = epoll_wait(events, ready, 16, 0);
    for (int i = 0; i < count; i++) {
        if (ready[i].data.u64 == a_delivery) {
            take_deliveries();
            continue;
        }
        uint32_t id = (uint32_t)ready[i].data.u64;
        struct slot *slot = slot_find(id);
        /* Closing the pidfd takes it out of the set. */
        if (slot && slot->process >= 0) slot_ended(slot, id);
    }
}
