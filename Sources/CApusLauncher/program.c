#include "idmap.h"
#include "launch.h"
#include "report.h"
#include "root.h"
#include "seccomp_tables.h"
#include "userns.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

int drop_capabilities(void) {
    for (int capability = 0; prctl(PR_CAPBSET_DROP, capability) == 0; capability++) {}
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    TRY(sys(syscall(SYS_capset, &header, none)));
    return sys(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

int install_filter(const struct sock_filter *filter, size_t count) {
    struct sock_fprog program = {.len = (unsigned short)count, .filter = (struct sock_filter *)filter};
    return sys(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static int limit(int resource, rlim_t soft, rlim_t hard) {
    struct rlimit now, wanted = {soft, hard};
    TRY(sys(getrlimit(resource, &now)));
    /* Without CAP_SYS_RESOURCE a hard limit only goes down. */
    if (now.rlim_max != RLIM_INFINITY && (hard == RLIM_INFINITY || hard > now.rlim_max)) wanted.rlim_max = now.rlim_max;
    if (wanted.rlim_cur > wanted.rlim_max) wanted.rlim_cur = wanted.rlim_max;
    return sys(setrlimit(resource, &wanted));
}

static int set_limits(const struct launch *launch) {
    STEP(limit(RLIMIT_NOFILE, launch->descriptors, launch->descriptors), "limit descriptors");
    /* 1, not 0: 0 still feeds a core_pattern that is a pipe, a root process of the host. The filter keeps it so. */
    STEP(limit(RLIMIT_CORE, 1, 1), "limit core dumps");
    STEP(limit(RLIMIT_RTPRIO, 0, 0), "limit real-time scheduling");
    STEP(limit(RLIMIT_NICE, 0, 0), "limit priorities");
    STEP(limit(RLIMIT_STACK, 8 << 20, RLIM_INFINITY), "limit the stack");
    STEP(limit(RLIMIT_MEMLOCK, 64 << 10, 64 << 10), "limit locked memory");
    STEP(limit(RLIMIT_MSGQUEUE, 0, 0), "limit message queues");
    return 0;
}

static int enter_groups(const struct launch *launch) {
    STEP(cgroup_enter(launch->group), "enter the control groups");
    STEP(sys(unshare(CLONE_NEWCGROUP)), "unshare the control group namespace");
    /* When the host runs out of memory, a function goes before anything else. Failing that is no reason to stop. */
    write_text(AT_FDCWD, "/proc/self/oom_score_adj", "500");
    return 0;
}

/* Standard streams and the log channel at their numbers, everything else closed on exec at the latest. */
static int arrange_descriptors(const struct launch *launch) {
    int null = sys(open("/dev/null", O_RDONLY | O_CLOEXEC));
    STEP(null, "open /dev/null");
    STEP(sys(dup3(null, 0, 0)), "set standard input");
    STEP(sys(dup3(launch->output, 1, 0)), "set standard output");
    STEP(sys(dup3(launch->output, 2, 0)), "set standard error");
    STEP(sys(dup3(launch->telemetry, 3, 0)), "set the log channel");
    if (launch->control == CONTROL_DESCRIPTOR) STEP(sys(fcntl(launch->control, F_SETFD, 0)), "set the control channel");
    else if (launch->control >= 0) STEP(sys(dup3(launch->control, CONTROL_DESCRIPTOR, 0)), "set the control channel");
    /* An earlier program of the environment may have made them non-blocking. */
    STEP(sys(fcntl(1, F_SETFL, 0)), "set standard output");
    STEP(sys(fcntl(3, F_SETFL, 0)), "set the log channel");
    STEP(sys(syscall(SYS_close_range, (unsigned)REPORT_DESCRIPTOR + 1, ~0u, 0u)), "close descriptors");
    return 0;
}

/* The map of an environment without forks: it needs no privilege. */
static int map_self(const struct launch *launch) {
    /* Otherwise /proc/self belongs to root, and the maps cannot be written. */
    STEP(sys(prctl(PR_SET_DUMPABLE, 1)), "become dumpable");
    STEP(write_text(AT_FDCWD, "/proc/self/setgroups", "deny"), "forbid groups");
    STEP(write_format(AT_FDCWD, "/proc/self/uid_map", "%d %u 1", INSIDE_UID, launch->uid), "map the user");
    STEP(write_format(AT_FDCWD, "/proc/self/gid_map", "%d %u 1", INSIDE_GID, launch->uid), "map the group");
    return 0;
}

/* A child that has stayed outside and privileged, to write the map of an environment that may be forked. */
struct mapper {
    int process;
    int go;
};

static _Noreturn void mapper_run(int go, uint32_t uid) {
    struct idmap map;
    char byte;
    idmap_first(&map, uid);
    int proc = sys(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
    int error = read(go, &byte, 1) == 1 ? idmap_write(&map, proc, getppid()) : 0;
    _exit(-error);
}

static int mapper_start(struct mapper *mapper, const struct launch *launch) {
    int ends[2];
    STEP(sys(pipe2(ends, O_CLOEXEC)), "open a pipe");
    struct clone_args arguments = {.exit_signal = SIGCHLD};
    mapper->process = sys(syscall(SYS_clone3, &arguments, sizeof arguments));
    STEP(mapper->process, "make a process for the id maps");
    if (mapper->process == 0) {
        close(ends[1]);
        mapper_run(ends[0], launch->uid);
    }
    close(ends[0]);
    mapper->go = ends[1];
    return 0;
}

static int mapper_end(struct mapper *mapper, bool wanted) {
    int status = 0;
    if (wanted && write(mapper->go, "m", 1) != 1) return -EPIPE;
    close(mapper->go);
    while (wait4(mapper->process, &status, 0, NULL) < 0)
        if (errno != EINTR) return -errno;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

/* A user namespace of its own: should a hole give out capabilities, they count for nothing that exists. */
static int enter_user_namespace(const struct launch *launch, struct mapper *mapper) {
    int error = sys(unshare(CLONE_NEWUSER));
    bool lacking = error == -EPERM || error == -ENOSPC || error == -EUSERS || error == -EINVAL;
    if (launch->control >= 0) STEP(mapper_end(mapper, error == 0), "map the ids");
    if (lacking) return 0; /* The probe says so. */
    STEP(error, "unshare the user namespace");
    return launch->control >= 0 ? 0 : map_self(launch);
}

/*
 * In a user namespace of its own an environment is counted by itself. From within only: a namespace also holds what was above it to
 * the limit that it was made under. One that may be forked would hold all its forks together to the one limit.
 */
static int limit_processes(const struct launch *launch) {
    if (!userns_alone || cgroup_limits_processes()) return 0;
    STEP(limit(RLIMIT_NPROC, launch->processes, launch->processes), "limit processes");
    return 0;
}

static int give_up(const struct launch *launch) {
    struct mapper mapper;
    if (launch->control >= 0) TRY(mapper_start(&mapper, launch));
    TRY(launch_become(launch->uid));
    TRY(enter_user_namespace(launch, &mapper));
    TRY(limit_processes(launch));
    /* In the new user namespace the process may set these once more, and nobody after it. */
    unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
                         SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    prctl(PR_SET_SECUREBITS, bits);
    STEP(drop_capabilities(), "drop the capabilities");
    STEP(install_filter(environment_filter, sizeof environment_filter / sizeof *environment_filter), "install the filter");
    return 0;
}

static int reset_signals(void) {
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    return sys(sigprocmask(SIG_SETMASK, &none, NULL));
}

/* The own pid as the host sees it; 0 when it cannot be told, and then there are no forks. */
static int host_pid(void) {
    char text[16] = "";
    return readlinkat(host_proc, "self", text, sizeof text - 1) > 0 ? (int)strtol(text, NULL, 10) : 0;
}

static int prepare(const struct launch *launch) {
    TRY(enter_groups(launch));
    TRY(set_limits(launch));
    TRY(arrange_descriptors(launch));
    STEP(sys(setsid()), "make a session");
    STEP(reset_signals(), "reset the signals");
    umask(022);
    TRY(give_up(launch));
    return 0;
}

static const char *variable(const struct launch *launch, const char *name) {
    size_t length = strlen(name);
    for (const char *const *variable = launch->variables; *variable; variable++)
        if (strncmp(*variable, name, length) == 0 && (*variable)[length] == '=') return *variable + length + 1;
    return NULL;
}

static int execute_at(const struct launch *launch, const char *path) {
    return sys(execve(path, (char *const *)launch->arguments, (char *const *)launch->variables));
}

/* Executes the program, or returns why that cannot be. A name without a slash is looked for along PATH. */
static int execute(const struct launch *launch) {
    const char *name = launch->arguments[0];
    const char *folder = variable(launch, "PATH");
    if (strchr(name, '/') || !*name || !folder) return execute_at(launch, name);
    int error = -ENOENT;
    char path[PATH_MAX];
    for (; *folder; folder += *folder == ':') {
        int length = (int)strcspn(folder, ":");
        if (snprintf(path, sizeof path, "%.*s/%s", length, folder, name) < (int)sizeof path) {
            int attempt = execute_at(launch, path);
            if (attempt != -ENOENT && attempt != -ENOTDIR) error = attempt;
        }
        folder += length;
    }
    return error;
}

_Noreturn void program_run(const struct launch *launch) {
    int self = host_pid();
    int error = prepare(launch);
    if (error < 0) {
        report_send(launch->slot, REPORT_FAILED, error);
        _exit(1);
    }
    report_send(launch->slot, REPORT_RUNNING, self);
    if (chdir(launch->directory) < 0) report_send(launch->slot, REPORT_NO_DIRECTORY, errno);
    else report_send(launch->slot, REPORT_NOT_EXECUTABLE, -execute(launch));
    _exit(127);
}
