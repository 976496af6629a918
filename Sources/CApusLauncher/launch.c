#include "launch.h"

#include "report.h"
#include "root.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

uint32_t launch_init_uid;

/*
 * Of /proc, what speaks of the host or of other environments. A function's uid may read little of it anyway.
 * The null device covers files, the empty /run directories.
 */
static const char *const masked_files[] = {
    "/proc/kcore", "/proc/keys", "/proc/key-users", "/proc/kmsg", "/proc/timer_list", "/proc/sysrq-trigger",
    "/proc/cmdline", "/proc/config.gz", "/proc/kallsyms", "/proc/modules",
};
static const char *const masked_directories[] = {"/proc/acpi", "/proc/bus", "/proc/fs", "/proc/scsi", "/proc/irq"};

static int cover(const char *source, const char *target) {
    int error = sys(mount(source, target, NULL, MS_BIND, NULL));
    return error == -ENOENT ? 0 : error;
}

static int mount_proc(void) {
    /* hidepid: other uids' processes do not exist, that is pid 1. */
    STEP(sys(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=2")), "mount /proc");
    for (size_t i = 0; i < sizeof masked_files / sizeof *masked_files; i++)
        STEP(cover("/dev/null", masked_files[i]), "mask %s", masked_files[i]);
    for (size_t i = 0; i < sizeof masked_directories / sizeof *masked_directories; i++)
        STEP(cover("/run", masked_directories[i]), "mask %s", masked_directories[i]);
    STEP(sys(mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL)), "bind /proc/sys");
    unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    STEP(sys(mount(NULL, "/proc/sys", NULL, flags, NULL)), "make /proc/sys read-only");
    return 0;
}

static int mount_temporary(const struct launch *launch) {
    char options[96];
    /* A size of 0 would mean no limit. */
    unsigned long long size = launch->temporary_bytes > 4096 ? launch->temporary_bytes : 4096;
    /* An inode costs about 1 KiB of kernel memory that the size does not count. */
    snprintf(options, sizeof options, "mode=1777,size=%llu,nr_inodes=%llu", size, 1024 + size / 16384);
    STEP(sys(mount("tmp", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, options)), "mount /tmp");
    STEP(sys(mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=64m,nr_inodes=1024")),
         "mount /dev/shm");
    return 0;
}

/* The view of the file system, in the fresh copy of the launcher's. */
static int build_view(const struct launch *launch) {
    for (size_t i = 0; i < launch->tree_count; i++)
        STEP(sys(move_mount(launch->trees[i], "", AT_FDCWD, launch->targets[i], MOVE_MOUNT_F_EMPTY_PATH)), "mount %s",
             launch->targets[i]);
    return mount_temporary(launch);
}

/* The view that an earlier process of the environment has left, but for its /proc, which shows a dead namespace. */
static int reuse_view(const struct launch *launch) {
    STEP(sys(setns(launch->mounts, CLONE_NEWNS)), "enter the mount namespace");
    STEP(sys(umount2("/proc", MNT_DETACH)), "unmount the old /proc");
    return 0;
}

static int arrange(const struct launch *launch) {
    STEP(sys(setns(launch->namespace, CLONE_NEWNET)), "enter the network namespace");
    TRY(launch->mounts < 0 ? build_view(launch) : reuse_view(launch));
    TRY(mount_proc());
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
            init_run(launch->slot, program);
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
