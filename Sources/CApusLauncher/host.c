#include "host.h"

#include "cgroup.h"
#include "launch.h"
#include "network.h"
#include "probes.h"
#include "root.h"
#include "userns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <sys/un.h>

static bool ready;

bool host_ready(void) { return ready; }

static bool good_instance(const char *name) {
    size_t length = strlen(name);
    return length >= 1 && length <= 48 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

/* One server at a time may use the instance's names. The lock goes with the process; the abstract name leaves no file. */
static int take_lock(uint32_t tag) {
    int lock = sys(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    STEP(lock, "open a socket");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "apus-launcher-%06x", tag);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    int bound = sys(bind(lock, (struct sockaddr *)&address, size));
    /* The launcher of a server that was killed a moment ago is still cleaning up. */
    for (int tries = 0; bound == -EADDRINUSE && tries < 150; tries++) {
        poll(NULL, 0, 20);
        bound = sys(bind(lock, (struct sockaddr *)&address, size));
    }
    STEP(bound, "lock the instance (is another server running?)");
    return 0;
}

static int check_privilege(void) {
    static const struct {
        int capability;
        const char *name;
    } needed[] = {
        {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}, {CAP_SYS_CHROOT, "CAP_SYS_CHROOT"}, {CAP_SETUID, "CAP_SETUID"},
        {CAP_SETGID, "CAP_SETGID"}, {CAP_SETPCAP, "CAP_SETPCAP"}, {CAP_CHOWN, "CAP_CHOWN"}, {CAP_KILL, "CAP_KILL"},
        {CAP_MKNOD, "CAP_MKNOD"}, {CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
        {CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE"},
    };
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct have[2];
    STEP(sys(syscall(SYS_capget, &header, have)), "read the capabilities");
    uint64_t effective = have[0].effective | (uint64_t)have[1].effective << 32;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!(effective >> needed[i].capability & 1)) return failed(-EPERM, "have %s (run as root)", needed[i].name);
    return 0;
}

/* What the launcher does not need from here on, and what no child can get back. */
static int trim_privilege(void) {
    uint64_t keep = 1ull << CAP_SYS_ADMIN | 1ull << CAP_SYS_CHROOT | 1ull << CAP_SETUID | 1ull << CAP_SETGID |
                    1ull << CAP_SETPCAP | 1ull << CAP_CHOWN | 1ull << CAP_KILL | 1ull << CAP_NET_ADMIN |
                    1ull << CAP_DAC_OVERRIDE | 1ull << CAP_SYS_RESOURCE | 1ull << CAP_SYS_PTRACE;
    /* Without it the kernel lets no namespace below have the launcher's id. */
    if (userns_alone) keep |= 1ull << CAP_SETFCAP;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2];
    for (int capability = 0; prctl(PR_CAPBSET_DROP, capability) == 0; capability++) {}
    STEP(sys(syscall(SYS_capget, &header, sets)), "read the capabilities");
    for (int half = 0; half < 2; half++) {
        uint32_t mask = (uint32_t)(keep >> (32 * half));
        sets[half].permitted &= mask;
        sets[half].effective &= mask;
        sets[half].inheritable = 0;
    }
    STEP(sys(syscall(SYS_capset, &header, sets)), "trim the capabilities");
    STEP(sys(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)), "forbid new privileges");
    return 0;
}

/* Each environment costs the launcher no descriptor while it runs, each slot that waits about ten. */
static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int host_setup(const struct host_settings *settings) {
    if (ready) return failed(-EALREADY, "set up twice");
    TRY(userns_check());
    if (!good_instance(settings->instance)) return failed(-EINVAL, "check the instance's name");
    if (settings->init_uid < HOST_LOWEST_UID) return failed(-EINVAL, "check the init user");
    TRY(check_privilege());
    raise_descriptor_limit();
    launch_init_uid = userns_alone ? 0 : settings->init_uid;
    host_proc = sys(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
    STEP(host_proc, "open /proc");
    uint32_t tag = network_tag(settings->instance);
    TRY(take_lock(tag));
    cgroup_setup(settings->instance, settings->memory);
    TRY(network_setup(tag, settings->flags & APUS_WANT_NETWORK));
    probes_collect();
    TRY(root_build(settings->sources, settings->source_count, settings->targets, settings->target_count));
    TRY(trim_privilege());
    ready = true;
    return 0;
}

void host_describe(struct writer *writer) {
    write_u32(writer, (uint32_t)cgroup_version);
    probes_write(writer);
}

void host_teardown(void) {
    if (host_proc < 0) return;
    cgroup_teardown();
    network_teardown();
}
