#include "launch.h"

#include "network.h"
#include "report.h"
#include "userns.h"
#include "view.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>

uint32_t launch_init_uid;

uint32_t launch_uid(uint32_t slot) {
    return userns_alone ? launch_init_uid : launch_init_uid + 1 + slot % NETWORK_SLOTS;
}

int launch_become(uint32_t uid) {
    /* Nor may groups be changed. */
    if (userns_alone) return 0;
    STEP(sys(syscall(SYS_setgroups, 0, NULL)), "clear the groups");
    STEP(sys(syscall(SYS_setresgid, uid, uid, uid)), "set the group");
    STEP(sys(syscall(SYS_setresuid, uid, uid, uid)), "set the user");
    return 0;
}

/* The view of the file system, in the fresh copy of the launcher's. */
static int build_view(const struct launch *launch) {
    TRY(view_attach_trees(launch->trees, launch->targets, launch->tree_count));
    return view_attach_temporary(launch->temporary);
}

/* The view that an earlier process of the environment has left, but for its /proc, which shows a dead namespace. */
static int reuse_view(const struct launch *launch) {
    STEP(sys(setns(launch->mounts, CLONE_NEWNS)), "enter the mount namespace");
    STEP(sys(umount2("/proc", MNT_DETACH)), "unmount the old /proc");
    return 0;
}

static int arrange(const struct launch *launch) {
    STEP(sys(setns(launch->namespace, CLONE_NEWNET)), "enter the network namespace");
    int proc = view_open_proc();
    TRY(proc);
    TRY(launch->mounts < 0 ? build_view(launch) : reuse_view(launch));
    TRY(view_attach_proc(proc));
    STEP(sys(sethostname("sandbox", 7)), "set the host name");
    return 0;
}

static int clone_program(const struct cgroup *group) {
    struct clone_args arguments = {.exit_signal = SIGCHLD};
    int directory = cgroup_clone_directory(group);
    if (directory >= 0) {
        arguments.flags = CLONE_INTO_CGROUP;
        arguments.cgroup = (uint64_t)directory;
    }
    return sys(syscall(SYS_clone3, &arguments, sizeof arguments));
}

static _Noreturn void first_process(const struct launch *launch) {
    int error = arrange(launch);
    if (error == 0) {
        int program = clone_program(launch->group);
        if (program == 0) program_run(launch);
        if (program > 0) {
            explicit_bzero(launch->message, launch->message_length);
            init_run(launch->slot, program, launch->control >= 0);
        }
        error = failed(program, "make the runtime process");
    }
    report_send(launch->slot, REPORT_FAILED, error);
    _exit(1);
}

int launch_start(const struct launch *launch) {
    /*
     * NEWCGROUP is missing: the namespace's root would be the launcher's own group. pid 2 unshares it inside its group.
     * NEWNET is missing: the namespaces are made ahead. NEWUSER is pid 2's last step.
     */
    struct clone_args arguments = {.flags = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS, .exit_signal = SIGCHLD};
    if (launch->mounts < 0) arguments.flags |= CLONE_NEWNS;
    int pid = sys(syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid == 0) first_process(launch);
    STEP(pid, "clone the environment");
    return pid;
}
