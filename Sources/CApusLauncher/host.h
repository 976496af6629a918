/* Setting up the host for environments, once, and saying what was found. */
#ifndef APUS_HOST_H
#define APUS_HOST_H

#include "base.h"
#include "wire.h"

/* Below it are the users of the host. */
enum { HOST_LOWEST_UID = 65536 };

struct host_settings {
    const char *instance;
    uint32_t init_uid;
    uint32_t flags;
    /* Bytes for all environments together; 0: no limit. */
    uint64_t memory;
    const char *const *sources;
    size_t source_count;
    const char *const *targets;
    size_t target_count;
};

bool host_ready(void);
int host_setup(const struct host_settings *settings);

/* Writes the reply's fields: the cgroup version and the probes. */
void host_describe(struct writer *writer);

/* Gives everything back. The environments must be gone. */
void host_teardown(void);

#endif
