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
    struct launch launch;
    struct cgroup_limits limits;
    const char *sources[LAUNCH_TREES_MAX];
};

static bool parse_start(struct reader *reader, struct start_request *start) {
    struct launch *launch = &start->launch;
    start->slot = read_u32(reader);
    read_string(reader); /* The environment's id is for the eyes of who traces the socket. */
    launch->uid = read_u32(reader);
    launch->gid = read_u32(reader);
    start->limits.memory = read_u64(reader);
    start->limits.quota = (int64_t)read_u64(reader);
    launch->temporary_bytes = read_u64(reader);
    start->limits.processes = read_u32(reader);
    launch->descriptors = read_u32(reader);
    start->sources[0] = read_string(reader);
    launch->targets[0] = "/var/task";
    size_t mounts = read_u32(reader);
    if (mounts > LAUNCH_TREES_MAX - 1) return false;
    for (size_t i = 1; i <= mounts; i++) {
        start->sources[i] = read_string(reader);
        launch->targets[i] = read_string(reader);
    }
    launch->tree_count = mounts + 1;
    size_t argument_count = read_strings(reader, arguments, ARGUMENTS_MAX);
    read_strings(reader, variables, VARIABLES_MAX);
    launch->arguments = arguments;
    launch->variables = variables;
    return read_ended(reader) && argument_count > 0;
}

/* Nobody's environment may run as root or as the host's own users. */
static int check_start(const struct start_request *start) {
    const struct launch *launch = &start->launch;
    if (launch->uid < HOST_LOWEST_UID || launch->gid < HOST_LOWEST_UID || launch->uid == launch_init_uid)
        return failed(-EINVAL, "check the user");
    if (launch->arguments[0][0] != '/') return failed(-EINVAL, "check the program's path");
    for (size_t i = 0; i < launch->tree_count; i++)
        if (!root_allows_target(launch->targets[i])) return failed(-EINVAL, "check the mount point %s", launch->targets[i]);
    return 0;
}

static bool serve_start(struct reader *reader, uint32_t request) {
    struct start_request start = {0};
    if (!parse_start(reader, &start)) return false;
    start.launch.message = message;
    start.launch.message_length = sizeof message;
    int error = check_start(&start);
    if (error == 0) error = root_clone_trees(start.sources, start.launch.tree_count, start.launch.trees);
    if (error < 0) {
        reply_error(request, error);
        slot_drop(start.slot);
    } else {
        slot_start(request, start.slot, &start.launch, &start.limits);
    }
    return true;
}

static bool serve_restart(struct reader *reader, uint32_t request) {
    struct start_request start = {0};
    if (!parse_start(reader, &start) || received_count != APUS_KEPT_COUNT) return false;
    start.launch.message = message;
    start.launch.message_length = sizeof message;
    start.launch.tree_count = 0;
    received_count = 0;
    int error = check_start(&start);
    if (error == 0) {
        slot_restart(request, start.slot, &start.launch, received);
        return true;
    }
    for (size_t i = 0; i < APUS_KEPT_COUNT; i++) close(received[i]);
    reply_error(request, error);
    return true;
}

static bool serve_slot(struct reader *reader, uint32_t kind, uint32_t request) {
    uint32_t slot = read_u32(reader);
    if (!read_ended(reader)) return false;
    if (kind == APUS_KILL) slot_kill(slot);
    else slot_close(request, slot);
    return true;
}

static bool serve(struct reader *reader) {
    uint32_t kind = read_u32(reader), request = read_u32(reader);
    /* HELLO comes first and once. */
    if ((kind == APUS_HELLO) == host_ready()) return false;
    switch (kind) {
    case APUS_HELLO: return serve_hello(reader, request);
    case APUS_PREPARE: return read_ended(reader) && (slot_prepare(request), true);
    case APUS_START: return serve_start(reader, request);
    case APUS_RESTART: return serve_restart(reader, request);
    case APUS_KILL:
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
