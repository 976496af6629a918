#include "view.h"

#include "root.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

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

static int configure_proc(int context) {
    /* hidepid: other uids' processes and undumpable ones, that is pid 1, do not exist. */
    TRY(sys(fsconfig(context, FSCONFIG_SET_STRING, "hidepid", "2", 0)));
    TRY(sys(fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)));
    return sys(fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
}

int view_open_proc(void) {
    int context = sys(fsopen("proc", FSOPEN_CLOEXEC));
    STEP(context, "open a proc file system");
    int proc = configure_proc(context);
    close(context);
    STEP(proc, "make /proc");
    return proc;
}

int view_attach_proc(int proc) {
    int error = sys(move_mount(proc, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH));
    close(proc);
    STEP(error, "mount /proc");
    for (size_t i = 0; i < sizeof masked_files / sizeof *masked_files; i++)
        STEP(cover("/dev/null", masked_files[i]), "mask %s", masked_files[i]);
    for (size_t i = 0; i < sizeof masked_directories / sizeof *masked_directories; i++)
        STEP(cover("/run", masked_directories[i]), "mask %s", masked_directories[i]);
    STEP(sys(mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL)), "bind /proc/sys");
    unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    STEP(sys(mount(NULL, "/proc/sys", NULL, flags, NULL)), "make /proc/sys read-only");
    return 0;
}

/* The size of /tmp as the kernel takes it. */
struct size {
    /* 0 would mean no limit. */
    char bytes[24];
    /* An inode costs about 1 KiB of kernel memory that the size does not count. */
    char inodes[24];
};

static struct size size_of(uint64_t bytes) {
    struct size size;
    unsigned long long least = bytes > 4096 ? bytes : 4096;
    snprintf(size.bytes, sizeof size.bytes, "%llu", least);
    snprintf(size.inodes, sizeof size.inodes, "%llu", 1024 + least / 16384);
    return size;
}

static int configure_temporary(int context, const struct size *size) {
    TRY(sys(fsconfig(context, FSCONFIG_SET_STRING, "mode", "1777", 0)));
    TRY(sys(fsconfig(context, FSCONFIG_SET_STRING, "size", size->bytes, 0)));
    TRY(sys(fsconfig(context, FSCONFIG_SET_STRING, "nr_inodes", size->inodes, 0)));
    TRY(sys(fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)));
    return sys(fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
}

int view_open_temporary(uint64_t bytes) {
    struct size size = size_of(bytes);
    int context = sys(fsopen("tmpfs", FSOPEN_CLOEXEC));
    STEP(context, "open a tmpfs");
    int temporary = configure_temporary(context, &size);
    close(context);
    STEP(temporary, "make /tmp");
    return temporary;
}

int view_attach_temporary(int temporary) {
    STEP(sys(move_mount(temporary, "", AT_FDCWD, "/tmp", MOVE_MOUNT_F_EMPTY_PATH)), "mount /tmp");
    STEP(sys(mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=64m,nr_inodes=1024")),
         "mount /dev/shm");
    return 0;
}

int view_resize_temporary(uint64_t bytes) {
    struct size size = size_of(bytes);
    char options[80];
    snprintf(options, sizeof options, "size=%s,nr_inodes=%s", size.bytes, size.inodes);
    STEP(sys(mount(NULL, "/tmp", NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV, options)), "resize /tmp");
    return 0;
}

enum { LENT_COUNT = 5 };

static const char *const lent[LENT_COUNT] = {"/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/var/rapid"};

/* They are cloned while the usual root is there, and attached when nothing else is: an image's links lead nowhere else then. */
static int enter_image(int tree) {
    int trees[LENT_COUNT];
    for (size_t i = 0; i < LENT_COUNT; i++) {
        trees[i] = sys(open_tree(AT_FDCWD, lent[i], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
        STEP(trees[i], "clone %s", lent[i]);
    }
    STEP(sys(move_mount(tree, "", AT_FDCWD, "/mnt", MOVE_MOUNT_F_EMPTY_PATH)), "mount the image");
    TRY(root_become("/mnt"));
    for (size_t i = 0; i < LENT_COUNT; i++) {
        STEP(sys(move_mount(trees[i], "", AT_FDCWD, lent[i], MOVE_MOUNT_F_EMPTY_PATH)), "lend %s", lent[i]);
        close(trees[i]);
    }
    return 0;
}

int view_attach_trees(const int *trees, const char *const *targets, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(targets[i], "/") == 0) TRY(enter_image(trees[i]));
        else STEP(sys(move_mount(trees[i], "", AT_FDCWD, targets[i], MOVE_MOUNT_F_EMPTY_PATH)), "mount %s", targets[i]);
    }
    return 0;
}
