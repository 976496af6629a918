#include "probes.h"

#include "cgroup.h"
#include "launch.h"
#include "network.h"
#include "nft.h"
#include "root.h"
#include "userns.h"

#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { PROBES_MAX = 20 };

static struct {
    enum apus_probe_result result;
    const char *feature;
    char detail[256];
} probes[PROBES_MAX];
static size_t probe_count;

PRINTF(3, 4) static void add(const char *feature, enum apus_probe_result result, const char *format, ...) {
    if (probe_count == PROBES_MAX) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(probes[probe_count].detail, sizeof probes->detail, format, arguments);
    va_end(arguments);
    probes[probe_count].feature = feature;
    probes[probe_count++].result = result;
}

/* Tries a clone with the flags; the child ends at once. */
static int try_clone(uint64_t flags) {
    struct clone_args arguments = {.flags = flags, .exit_signal = SIGCHLD};
    int pid = sys(syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid == 0) _exit(0);
    if (pid > 0) waitpid(pid, NULL, 0);
    return pid < 0 ? pid : 0;
}

/* A function's uid must be allowed to make the namespace, so the trial gives up privilege first. */
static int try_user_namespace(void) {
    struct clone_args arguments = {.exit_signal = SIGCHLD};
    int pid = sys(syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid == 0) {
        if (syscall(SYS_setresuid, launch_init_uid, launch_init_uid, launch_init_uid) < 0) _exit(EPERM);
        _exit(unshare(CLONE_NEWUSER) < 0 ? errno : 0);
    }
    int status = 0;
    if (pid > 0) waitpid(pid, &status, 0);
    return pid < 0 ? pid : -WEXITSTATUS(status);
}

static void probe_namespaces(void) {
    int error = try_clone(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWNET);
    if (error == 0) add("namespaces", APUS_PRESENT, "mount, pid, ipc, uts, cgroup, net");
    else add("namespaces", APUS_MISSING, "clone3: %s; the kernel needs CONFIG_NAMESPACES", strerror(-error));
    error = try_user_namespace();
    if (error == 0) add("user namespaces", APUS_PRESENT, "one for each environment");
    else
        add("user namespaces", APUS_DEGRADED,
            "unshare: %s; environments run without one. See user.max_user_namespaces, kernel.unprivileged_userns_clone and "
            "kernel.apparmor_restrict_unprivileged_userns",
            strerror(-error));
}

/* What a launcher that is not root on the host does without. */
static void probe_users(void) {
    if (!userns_entered) return;
    if (!userns_alone) add("users", APUS_PRESENT, "one for each environment, of the subordinate ids");
    else
        add("users", APUS_DEGRADED,
            "environments have the server's own user and groups, and are kept apart by namespaces only. Install uidmap, and give the "
            "user 16,385 ids in /etc/subuid and in /etc/subgid");
    /* A fork enters its groups by itself, and version 1 lets in only who has the user that opened the door. */
    if (userns_alone) add("cells", APUS_DEGRADED, "none, so every start is a direct one, and SnapStart has no effect: they need users");
    else if (cgroup_version == 1 && !userns_of_root)
        add("cells", APUS_DEGRADED, "none, so every start is a direct one, and SnapStart has no effect: they need cgroup v2");
}

static void probe_seccomp(void) {
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    int error = sys(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action));
    if (error == 0) add("seccomp", APUS_PRESENT, "filters");
    else add("seccomp", APUS_MISSING, "%s; the kernel needs CONFIG_SECCOMP_FILTER", strerror(-error));
}

static void probe_cgroups(void) {
    static const char *const names[] = {"memory limit", "CPU limit", "process limit"};
    static const char *const controllers[] = {"memory", "cpu", "pids"};
    static const char *const remarks[] = {"; /tmp lies beside it", "", ""};
    const char *advice =
        userns_entered ? ". With systemd: systemd-run --user --scope --property=Delegate=yes apus serve" : "";
    for (unsigned i = 0; i < 3; i++) {
        if (cgroup_found() >> i & 1) add(names[i], APUS_PRESENT, "cgroup v%d%s", cgroup_version, remarks[i]);
        else if (i == 2 && userns_alone) add(names[i], APUS_PRESENT, "RLIMIT_NPROC in a user namespace (Linux 5.14)");
        else
            add(names[i], APUS_DEGRADED, "no writable cgroup with the %s controller; environments are not limited in it%s",
                controllers[i], advice);
    }
    if (cgroup_found() >> 3 & 1) add("freezing", APUS_PRESENT, "cgroup v%d", cgroup_version);
    else
        add("freezing", APUS_DEGRADED, "no writable %s; what a function left running goes on between invocations",
            cgroup_version == 2 ? "cgroup.freeze (Linux 5.2)" : "cgroup with the freezer controller");
}

static void probe_forwarding(void) {
    const char *table = network_available ? nft_forward_dropped() : NULL;
    if (!table) return;
    add("forwarding", APUS_DEGRADED,
        "the firewall's table `%s` drops what is forwarded unless a rule of it accepts: let it accept in-interface ap+, and "
        "established connections to out-interface ap+ (with Docker, in the chain DOCKER-USER)",
        table);
}

static void probe_network(void) {
    const char *way = userns_entered ? " and slirp4netns in the user's name; host and environments apart" : " behind the host's address";
    if (network_available) add("network", APUS_PRESENT, "veth and nftables, %s%s", network_block(), way);
    else add("network", APUS_DEGRADED, "environments have loopback only: %s", network_reason());
}

void probes_collect(void) {
    probe_namespaces();
    probe_users();
    probe_seccomp();
    probe_cgroups();
    probe_network();
    probe_forwarding();
}

void probes_write(struct writer *writer) {
    size_t count = probe_count + (root_resolver_is_loopback ? 1 : 0);
    write_u32(writer, (uint32_t)count);
    for (size_t i = 0; i < probe_count; i++) {
        write_u32(writer, probes[i].result);
        write_string(writer, probes[i].feature);
        write_string(writer, probes[i].detail);
    }
    if (!root_resolver_is_loopback) return;
    write_u32(writer, APUS_DEGRADED);
    write_string(writer, "name server");
    write_string(writer, "/etc/resolv.conf names only loopback addresses; environments cannot resolve names");
}
