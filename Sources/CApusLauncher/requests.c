#include "requests.h"

#include "host.h"
#include "root.h"
#include "slots.h"
#include "wire.h"

#include <string.h>

enum { ARGUMENTS_MAX = 1024, VARIABLES_MAX = 4096 };

static char message[APUS_MESSAGE_MAX];
static int received[APUS_DESCRIPTORS_MAX];
static size_t received_count;
static const char *arguments[ARGUMENTS_MAX + 1];
static const char *variables[VARIABLES_MAX + 1];

static bool serve_hello(struct reader *reader, uint32_t request) {
    struct host_settings settings = {0};
    uint32_t version = read_u32(reader);
    settings.instance = read_string(reader);
    settings.init_uid = read_u32(reader);
    settings.flags = read_u32(reader);
    settings.memory = read_u64(reader);
    const char *sources[SOURCE_ROOTS_MAX + 1], *targets[EXTRA_TARGETS_MAX + 1];
    settings.source_count = read_strings(reader, sources, SOURCE_ROOTS_MAX);
    settings.target_count = read_strings(reader, targets, EXTRA_TARGETS_MAX);
    settings.sources = sources;
    settings.targets = targets;
    if (!read_ended(reader) || version != APUS_PROTOCOL_VERSION) return false;
    struct writer writer;
    int error = host_setup(&settings);
    reply_begin(&writer, request, error);
    host_describe(&writer);
    return send_message(slots_socket, &writer, NULL, 0) == 0;
}

struct start_request {
    uint32_t slot;
    uint32_t flags;
    struct launch launch;
    struct cgroup_limits limits;
    const char *sources[LAUNCH_TREES_MAX];
};

/* Adds a directory; a cell has no code. */
static void add_tree(struct start_request *start, const char *source, const char *target) {
    size_t place = start->launch.tree_count++;
    start->sources[place] = source;
    start->launch.targets[place] = target;
}

static bool parse_place(struct reader *reader, struct start_request *start) {
    struct launch *launch = &start->launch;
    start->limits.memory = read_u64(reader);
    start->limits.quota = (int64_t)read_u64(reader);
    start->limits.temporary = launch->temporary_bytes = read_u64(reader);
    start->limits.processes = launch->processes = read_u32(reader);
    launch->descriptors = read_u32(reader);
    const char *code = read_string(reader);
    if (*code) add_tree(start, code, "/var/task");
    size_t mounts = read_u32(reader);
    if (mounts > LAUNCH_TREES_MAX - launch->tree_count) return false;
    for (size_t i = 0; i < mounts; i++) {
        const char *source = read_string(reader);
        add_tree(start, source, read_string(reader));
    }
    return !reader->broken;
}

/* The first tree is the function's own. */
static bool begins_at(const struct start_request *start, const char *target) {
    return start->launch.tree_count > 0 && strcmp(start->launch.targets[0], target) == 0;
}

static bool is_image(const struct start_request *start) { return begins_at(start, "/"); }

static bool is_cell(const struct start_request *start) { return !is_image(start) && !begins_at(start, "/var/task"); }

static bool parse_start(struct reader *reader, struct start_request *start) {
    struct launch *launch = &start->launch;
    start->slot = read_u32(reader);
    read_string(reader); /* The environment's id is for the eyes of who traces the socket. */
    start->flags = read_u32(reader);
    if (!parse_place(reader, start)) return false;
    size_t argument_count = read_strings(reader, arguments, ARGUMENTS_MAX);
    read_strings(reader, variables, VARIABLES_MAX);
    const char *directory = read_string(reader);
    launch->directory = *directory ? directory : is_cell(start) ? "/" : "/var/task";
    launch->arguments = arguments;
    launch->variables = variables;
    launch->message = message;
    launch->message_length = sizeof message;
    return read_ended(reader) && argument_count > 0;
}

static int check_place(const struct start_request *start) {
    const struct launch *launch = &start->launch;
    for (size_t i = 0; i < launch->tree_count; i++) {
        bool covers_others = i > 0 && strcmp(launch->targets[i], "/") == 0;
        if (covers_others || !root_allows_target(launch->targets[i]))
            return failed(-EINVAL, "check the mount point %s", launch->targets[i]);
    }
    return 0;
}

static int check_start(const struct start_request *start) {
    if (start->launch.arguments[0][0] != '/' && !is_image(start))
        return failed(-EINVAL, "check the program's path");
    if (is_cell(start) && !(start->flags & APUS_WANT_CONTROL)) return failed(-EINVAL, "check the code");
    return check_place(start);
}

static int clone_trees(struct start_request *start) {
    return root_clone_trees(start->sources, start->launch.tree_count, start->launch.trees);
}

static bool serve_start(struct reader *reader, uint32_t request) {
    struct start_request start = {0};
    if (!parse_start(reader, &start)) return false;
    int error = check_start(&start);
    if (error == 0) error = clone_trees(&start);
    if (error < 0) {
        reply_error(request, error);
        slot_drop(start.slot);
    } else {
        const struct cgroup_limits *limits = is_cell(&start) ? NULL : &start.limits;
        slot_start(request, start.slot, &start.launch, limits, start.flags & APUS_WANT_CONTROL);
    }
    return true;
}

/* Takes the descriptors that came with the request; false when they are not as many as that. */
static bool take_received(size_t count) {
    if (received_count != count) return false;
    received_count = 0;
    return true;
}

static bool serve_restart(struct reader *reader, uint32_t request) {
    struct start_request start = {0};
    if (!parse_start(reader, &start) || !take_received(APUS_KEPT_COUNT)) return false;
    int error = check_start(&start);
    start.launch.tree_count = 0;
    if (error == 0) {
        slot_restart(request, start.slot, &start.launch, received);
        return true;
    }
    for (size_t i = 0; i < APUS_KEPT_COUNT; i++) close(received[i]);
    reply_error(request, error);
    return true;
}

static bool serve_specialize(struct reader *reader, uint32_t request) {
    struct start_request start = {.slot = read_u32(reader)};
    if (!parse_place(reader, &start) || !read_ended(reader) || !take_received(1)) return false;
    int error = is_image(&start) ? failed(-EINVAL, "check the cell's root") : check_place(&start);
    if (error == 0) error = clone_trees(&start);
    if (error == 0) {
        slot_specialize(request, start.slot, &start.launch, &start.limits, received[0]);
        return true;
    }
    close(received[0]);
    reply_error(request, error);
    return true;
}

static bool serve_prepare(struct reader *reader, uint32_t request) {
    uint32_t for_fork = read_u32(reader);
    if (!read_ended(reader) || for_fork > 1) return false;
    slot_prepare(request, for_fork);
    return true;
}

static bool serve_fork(struct reader *reader, uint32_t request) {
    uint32_t slot = read_u32(reader), origin = read_u32(reader);
    if (!read_ended(reader) || !take_received(1)) return false;
    slot_fork(request, slot, origin, received[0]);
    return true;
}

static bool serve_open_socket(struct reader *reader, uint32_t request) {
    uint32_t slot = read_u32(reader);
    if (!read_ended(reader) || !take_received(1)) return false;
    slot_open_socket(request, slot, received[0]);
    return true;
}

static bool serve_slot(struct reader *reader, uint32_t kind, uint32_t request) {
    uint32_t slot = read_u32(reader);
    if (!read_ended(reader)) return false;
    if (kind == APUS_KILL) slot_kill(slot);
    else if (kind == APUS_TERMINATE) slot_terminate(slot);
    else slot_close(request, slot);
    return true;
}

static bool serve(struct reader *reader) {
    uint32_t kind = read_u32(reader), request = read_u32(reader);
    /* HELLO comes first and once. */
    if ((kind == APUS_HELLO) == host_ready()) return false;
    switch (kind) {
    case APUS_HELLO: return serve_hello(reader, request);
    case APUS_PREPARE: return serve_prepare(reader, request);
    case APUS_START: return serve_start(reader, request);
    case APUS_RESTART: return serve_restart(reader, request);
    case APUS_SPECIALIZE: return serve_specialize(reader, request);
    case APUS_FORK: return serve_fork(reader, request);
    case APUS_OPEN_SOCKET: return serve_open_socket(reader, request);
    case APUS_KILL:
    case APUS_TERMINATE:
    case APUS_CLOSE: return serve_slot(reader, kind, request);
    default: return false;
    }
}

bool requests_serve(int socket) {
    received_count = APUS_DESCRIPTORS_MAX;
    int length = receive_message(socket, message, sizeof message, received, &received_count);
    if (length == -EAGAIN) return true;
    if (length <= 0) return false;
    struct reader reader = {message, (size_t)length, false};
    bool understood = serve(&reader);
    while (received_count > 0) close(received[--received_count]);
    /* Environment variables hold secrets. */
    explicit_bzero(message, (size_t)length);
    return understood;
}
