#include "root.h"

#include "etc.h"
#include "userns.h"
#include "view.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

int host_proc = -1;

static int base_namespace = -1;
static int sources_namespace = -1;

static struct source_root {
    char path[PATH_MAX];
    int directory;
} source_roots[SOURCE_ROOTS_MAX];
static size_t source_root_count;

static char extra_targets[EXTRA_TARGETS_MAX][128];
static size_t extra_target_count;

/* Any directory that exists on every host will do: the tree is assembled on it and then becomes the root. */
static const char *const assembly = "/proc";

static int clone_tree(int directory, const char *path) {
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE;
    return sys(open_tree(directory, path, flags));
}

static int restrict_tree(int tree) {
    struct mount_attr attributes = {
        .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, .propagation = MS_PRIVATE};
    return sys(mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes));
}

int root_become(const char *directory) {
    STEP(sys(chdir(directory)), "enter the new root");
    STEP(sys(syscall(SYS_pivot_root, ".", ".")), "pivot into the new root");
    STEP(sys(umount2(".", MNT_DETACH)), "detach the host's root");
    STEP(sys(chdir("/")), "enter the new root");
    return 0;
}

static int put_directory(int root, const char *path, mode_t mode) {
    if (mkdirat(root, path, mode) < 0 && errno != EEXIST) return -errno;
    return 0;
}

/* Makes `path` (absolute) with its parents below `root`. */
static int put_directories(int root, const char *path) {
    char part[PATH_MAX];
    for (const char *end = path; *end;) {
        end += strcspn(end + 1, "/") + 1;
        snprintf(part, sizeof part, "%.*s", (int)(end - path) - 1, path + 1);
        TRY(put_directory(root, part, 0755));
    }
    return 0;
}

/* /usr, and what the host keeps beside it (/bin, /lib64...): a link where the host has a link, the directory otherwise. */
static int put_system(int root) {
    static const char *const names[] = {"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[16], link[64];
        snprintf(path, sizeof path, "/%s", names[i]);
        ssize_t length = readlink(path, link, sizeof link - 1);
        if (length > 0) {
            link[length] = 0;
            STEP(sys(symlinkat(link, root, names[i])), "link %s", path);
            continue;
        }
        int tree = clone_tree(AT_FDCWD, path);
        if (tree == -ENOENT) continue;
        STEP(tree, "clone %s", path);
        int error = restrict_tree(tree);
        if (error == 0) error = put_directory(root, names[i], 0755);
        if (error == 0) error = sys(move_mount(tree, "", root, names[i], MOVE_MOUNT_F_EMPTY_PATH));
        close(tree);
        STEP(error, "bind %s", path);
    }
    return 0;
}

/* In a user namespace a device cannot be made, but the host's can be lent. */
static int lend_device(int root, const char *path) {
    char source[40];
    struct mount_attr attributes = {
        .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, .propagation = MS_PRIVATE};
    snprintf(source, sizeof source, "/%s", path);
    TRY(sys(mknodat(root, path, S_IFREG | 0444, 0)));
    int tree = clone_tree(AT_FDCWD, source);
    TRY(tree);
    int error = sys(mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes));
    if (error == 0) error = sys(move_mount(tree, "", root, path, MOVE_MOUNT_F_EMPTY_PATH));
    close(tree);
    return error;
}

static int put_device(int root, const char *path, unsigned minor) {
    if (userns_entered) return lend_device(root, path);
    return sys(mknodat(root, path, S_IFCHR | 0666, makedev(1, minor)));
}

static int put_devices(int root) {
    static const struct {
        const char *name;
        unsigned minor;
    } devices[] = {{"null", 3}, {"zero", 5}, {"full", 7}, {"random", 8}, {"urandom", 9}};
    static const char *const links[][2] = {
        {"dev/fd", "/proc/self/fd"},
        {"dev/stdin", "/proc/self/fd/0"},
        {"dev/stdout", "/proc/self/fd/1"},
        {"dev/stderr", "/proc/self/fd/2"},
    };
    TRY(put_directory(root, "dev/shm", 0755));
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        char path[32];
        snprintf(path, sizeof path, "dev/%s", devices[i].name);
        STEP(put_device(root, path, devices[i].minor), "make /%s", path);
    }
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        STEP(sys(symlinkat(links[i][1], root, links[i][0])), "link %s", links[i][0]);
    return 0;
}

static const char *const usual_targets[] = {"/var/task", "/var/runtime", "/var/lang", "/opt", "/mnt"};

bool root_allows_target(const char *target) {
    if (strcmp(target, "/") == 0) return true;
    for (size_t i = 0; i < sizeof usual_targets / sizeof *usual_targets; i++)
        if (strcmp(target, usual_targets[i]) == 0) return true;
    for (size_t i = 0; i < extra_target_count; i++)
        if (strcmp(target, extra_targets[i]) == 0) return true;
    return false;
}

/* The pid 1 of forked environments is this executable, by another name (see inside.h). */
static int put_init(int root) {
    int program = sys(openat(host_proc, "self/exe", O_RDONLY | O_CLOEXEC));
    STEP(program, "open the own executable");
    int copy = sys(openat(root, "var/rapid/init", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0555));
    STEP(copy, "make /var/rapid/init");
    ssize_t count;
    while ((count = sendfile(copy, program, NULL, 1 << 20)) > 0) {}
    close(copy);
    close(program);
    STEP(sys(count), "copy /var/rapid/init");
    return 0;
}

static int put_targets(int root, const char *const *targets, size_t count) {
    static const char *const directories[] = {
        "/proc", "/tmp", "/run", "/home", "/dev", "/etc", "/var/lib", "/var/rapid",
        /* Of the library path: the dynamic linker of a cell forgets a folder for ever that was not there when it started. */
        "/var/task/lib", "/opt/lib",
    };
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
        STEP(put_directories(root, directories[i]), "make %s", directories[i]);
    for (size_t i = 0; i < sizeof usual_targets / sizeof *usual_targets; i++)
        STEP(put_directories(root, usual_targets[i]), "make %s", usual_targets[i]);
    STEP(sys(symlinkat("/tmp", root, "var/tmp")), "link /var/tmp");
    for (size_t i = 0; i < count; i++) {
        if (targets[i][0] != '/' || strstr(targets[i], "/..") || strlen(targets[i]) >= sizeof *extra_targets)
            return failed(-EINVAL, "mount point %s", targets[i]);
        STEP(put_directories(root, targets[i]), "make %s", targets[i]);
        strcpy(extra_targets[extra_target_count++], targets[i]);
    }
    return 0;
}

/*
 * In a user namespace the kernel makes a /proc only where a whole one is in sight. That of a pid namespace in which nothing lives
 * any more is one that shows nothing. An environment's own covers it.
 */
static int put_empty_proc(int root) {
    struct clone_args arguments = {.flags = CLONE_NEWPID, .exit_signal = SIGCHLD};
    int pid = sys(syscall(SYS_clone3, &arguments, sizeof arguments));
    STEP(pid, "make a pid namespace");
    if (pid == 0) {
        int proc = view_open_proc();
        if (proc >= 0) proc = sys(move_mount(proc, "", root, "proc", MOVE_MOUNT_F_EMPTY_PATH));
        _exit(-proc);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return failed(-errno, "wait for /proc");
    if (!WIFEXITED(status)) return failed(-ECHILD, "make /proc");
    return failed(-WEXITSTATUS(status), "make /proc (does a container hide parts of it?)");
}

static int mount_assembly(void) {
    STEP(sys(mount("apus", assembly, "tmpfs", MS_NOSUID, "mode=755,size=64m")), "mount a root");
    int root = sys(open(assembly, O_PATH | O_DIRECTORY | O_CLOEXEC));
    STEP(root, "open the new root");
    return root;
}

static int freeze_root(void) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, .propagation = MS_PRIVATE};
    STEP(sys(mount_setattr(AT_FDCWD, "/", 0, &attributes, sizeof attributes)), "make the root read-only");
    return 0;
}

static int build_base(const char *const *targets, size_t target_count) {
    int root = mount_assembly();
    TRY(root);
    TRY(put_targets(root, targets, target_count));
    TRY(put_system(root));
    TRY(put_devices(root));
    TRY(etc_build(root));
    TRY(put_init(root));
    if (userns_entered) TRY(put_empty_proc(root));
    close(root);
    TRY(root_become(assembly));
    return freeze_root();
}

static int build_sources(const char *const *sources, size_t count) {
    int trees[SOURCE_ROOTS_MAX];
    /* Cloned before the assembly, which may cover a part of the host's tree. */
    for (size_t i = 0; i < count; i++) {
        if (sources[i][0] != '/' || strlen(sources[i]) >= PATH_MAX) return failed(-EINVAL, "source root %s", sources[i]);
        trees[i] = clone_tree(AT_FDCWD, sources[i]);
        STEP(trees[i], "open source root %s", sources[i]);
        STEP(restrict_tree(trees[i]), "restrict source root %s", sources[i]);
    }
    int root = mount_assembly();
    TRY(root);
    char name[16];
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%zu", i);
        STEP(put_directory(root, name, 0700), "make a place for %s", sources[i]);
        STEP(sys(move_mount(trees[i], "", root, name, MOVE_MOUNT_F_EMPTY_PATH)), "bind %s", sources[i]);
        close(trees[i]);
    }
    close(root);
    TRY(root_become(assembly));
    TRY(freeze_root());
    for (size_t i = 0; i < count; i++) {
        struct source_root *source = &source_roots[i];
        snprintf(name, sizeof name, "/%zu", i);
        source->directory = sys(open(name, O_PATH | O_DIRECTORY | O_CLOEXEC));
        STEP(source->directory, "open source root %s", sources[i]);
        size_t length = strlen(sources[i]);
        while (length > 1 && sources[i][length - 1] == '/') length--;
        memcpy(source->path, sources[i], length);
        source->path[length] = 0;
    }
    source_root_count = count;
    return 0;
}

static int own_namespace(void) {
    int namespace = sys(openat(host_proc, "self/ns/mnt", O_RDONLY | O_CLOEXEC));
    STEP(namespace, "open the mount namespace");
    return namespace;
}

int root_build(const char *const *sources, size_t source_count, const char *const *targets, size_t target_count) {
    STEP(sys(unshare(CLONE_NEWNS)), "unshare the mount namespace");
    STEP(sys(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)), "make the mounts private");
    sources_namespace = own_namespace();
    TRY(sources_namespace);
    STEP(sys(unshare(CLONE_NEWNS)), "unshare the mount namespace");
    base_namespace = own_namespace();
    TRY(base_namespace);
    TRY(build_base(targets, target_count));
    STEP(sys(setns(sources_namespace, CLONE_NEWNS)), "enter the sources' namespace");
    TRY(build_sources(sources, source_count));
    STEP(sys(setns(base_namespace, CLONE_NEWNS)), "enter the base's namespace");
    return 0;
}

static int open_source(const char *path) {
    for (size_t i = 0; i < source_root_count; i++) {
        size_t length = strlen(source_roots[i].path);
        if (strncmp(path, source_roots[i].path, length) != 0) continue;
        const char *rest = path + length;
        if (*rest != '/' && *rest != 0 && length != 1) continue;
        while (*rest == '/') rest++;
        struct open_how how = {
            .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
            .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
        return sys(syscall(SYS_openat2, source_roots[i].directory, *rest ? rest : ".", &how, sizeof how));
    }
    return -EACCES;
}

static int clone_source(const char *path) {
    int directory = open_source(path);
    STEP(directory, "open %s", path);
    int tree = clone_tree(directory, "");
    close(directory);
    STEP(tree, "clone %s", path);
    int error = restrict_tree(tree);
    if (error < 0) close(tree);
    STEP(error, "restrict %s", path);
    return tree;
}

int root_clone_trees(const char *const *paths, size_t count, int *trees) {
    /* The kernel clones only mounts of the caller's namespace; a detached clone can then be moved anywhere. */
    STEP(sys(setns(sources_namespace, CLONE_NEWNS)), "enter the sources' namespace");
    int error = 0;
    size_t done = 0;
    while (done < count && error == 0) {
        trees[done] = clone_source(paths[done]);
        if (trees[done] < 0) error = trees[done];
        else done++;
    }
    int back = sys(setns(base_namespace, CLONE_NEWNS));
    if (back < 0) _exit(1); /* An environment made from here would see the sources. */
    if (error < 0)
        while (done > 0) close(trees[--done]);
    return error;
}

int root_visit(int mounts, int (*work)(void *), void *context) {
    STEP(sys(setns(mounts, CLONE_NEWNS)), "enter the mount namespace");
    int error = work(context);
    if (setns(base_namespace, CLONE_NEWNS) < 0) _exit(1);
    return error;
}
