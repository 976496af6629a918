#include "etc.h"

#include "root.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool root_resolver_is_loopback;

static int put_file(int etc, const char *name, const char *text) {
    int file = openat(etc, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) return -errno;
    size_t length = strlen(text);
    ssize_t count = write(file, text, length);
    close(file);
    return count == (ssize_t)length ? 0 : -EIO;
}

static int copy_bytes(int from, int to) {
    char buffer[64 * 1024];
    ssize_t count;
    while ((count = read(from, buffer, sizeof buffer)) > 0)
        if (write(to, buffer, (size_t)count) != count) return -EIO;
    return count < 0 ? -errno : 0;
}

static int copy_file(int from, int to, const char *name) {
    int source = openat(from, name, O_RDONLY | O_CLOEXEC);
    if (source < 0) return -errno;
    int target = openat(to, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int error = target < 0 ? -errno : copy_bytes(source, target);
    if (target >= 0) close(target);
    close(source);
    return error;
}

static int copy_link(int from, int to, const char *name) {
    char link[PATH_MAX];
    ssize_t length = readlinkat(from, name, link, sizeof link - 1);
    if (length < 0) return -errno;
    link[length] = 0;
    return symlinkat(link, to, name) < 0 && errno != EEXIST ? -errno : 0;
}

static int copy_directory(int from, int to, const char *name, int depth);

/* Copies what everyone may read; the rest of the host's /etc is none of a function's business. */
static int copy_entry(int from, int to, const char *name, int depth) {
    struct stat status;
    if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
    if (S_ISLNK(status.st_mode)) return copy_link(from, to, name);
    if (!(status.st_mode & S_IROTH)) return 0;
    if (S_ISREG(status.st_mode)) return copy_file(from, to, name);
    if (S_ISDIR(status.st_mode) && depth > 0) return copy_directory(from, to, name, depth - 1);
    return 0;
}

static int copy_directory(int from, int to, const char *name, int depth) {
    if (mkdirat(to, name, 0755) < 0 && errno != EEXIST) return -errno;
    int target = openat(to, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = source < 0 ? NULL : fdopendir(source);
    if (target < 0 || !list) {
        close_descriptor(&target);
        if (!list) close_descriptor(&source);
        return -EIO;
    }
    int error = 0;
    for (struct dirent *entry; error == 0 && (entry = readdir(list));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            error = copy_entry(dirfd(list), target, entry->d_name, depth);
    closedir(list);
    close(target);
    return error;
}

/* Copies a file or directory of the host, given as a path below /etc, with the directories above it. Absent is fine. */
static int copy_path(int host, int etc, const char *path) {
    char parent[PATH_MAX];
    const char *slash = strchr(path, '/');
    if (!slash) {
        int error = copy_entry(host, etc, path, 4);
        return error == -ENOENT ? 0 : error;
    }
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
    int source = openat(host, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (source < 0) return 0;
    if (mkdirat(etc, parent, 0755) < 0 && errno != EEXIST) return -errno;
    int target = openat(etc, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int error = target < 0 ? -errno : copy_path(source, target, slash + 1);
    close(source);
    close_descriptor(&target);
    return error;
}

/* A resolver on the host's loopback (systemd-resolved's stub) cannot be reached from inside; its upstream list can. */
static bool only_loopback(const char *text) {
    bool found = false;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += strspn(line, "\n");
        if (strncmp(line, "nameserver", 10) != 0) continue;
        const char *address = line + 10 + strspn(line + 10, " \t");
        if (strncmp(address, "127.", 4) != 0 && strncmp(address, "::1", 3) != 0) return false;
        found = true;
    }
    return found;
}

static int put_resolver(int etc) {
    char text[4096];
    int length = read_text(AT_FDCWD, "/etc/resolv.conf", text, sizeof text);
    if (length < 0) text[0] = 0;
    if (only_loopback(text)) {
        root_resolver_is_loopback = read_text(AT_FDCWD, "/run/systemd/resolve/resolv.conf", text, sizeof text) < 0;
        if (root_resolver_is_loopback) text[0] = 0;
    }
    return put_file(etc, "resolv.conf", text);
}

static int put_java(int host, int etc) {
    /* A JDK of the distribution keeps its configuration in /etc/java-N-openjdk. */
    int copy = dup(host);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    if (!list) return -errno;
    rewinddir(list);
    int error = 0;
    for (struct dirent *entry; error == 0 && (entry = readdir(list));)
        if (fnmatch("java*", entry->d_name, 0) == 0) error = copy_entry(host, etc, entry->d_name, 4);
    closedir(list);
    return error;
}

static int fill(int host, int etc) {
    static const char *const copies[] = {
        "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives",  "mime.types",       "services",
        "protocols",   "ssl/certs",  "ssl/openssl.cnf", "ca-certificates", "ca-certificates.conf", "pki/tls/certs",
        "pki/tls/cert.pem", "pki/ca-trust/extracted", "gai.conf", "os-release", "fonts",
    };
    static const char *const files[][2] = {
        {"passwd", "root:x:0:0:root:/root:/sbin/nologin\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n"
                   "nobody:x:65534:65534:nobody:/:/sbin/nologin\n"},
        {"group", "root:x:0:\nsbx_user1051:x:990:\nnobody:x:65534:\n"},
        {"hosts", "127.0.0.1 localhost sandbox.localdomain sandbox\n"},
        {"hostname", "sandbox\n"},
        {"nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"},
        {"host.conf", "multi on\n"},
    };
    for (size_t i = 0; i < sizeof copies / sizeof *copies; i++)
        STEP(copy_path(host, etc, copies[i]), "copy /etc/%s", copies[i]);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        STEP(put_file(etc, files[i][0], files[i][1]), "write /etc/%s", files[i][0]);
    STEP(put_java(host, etc), "copy /etc/java*");
    STEP(put_resolver(etc), "write /etc/resolv.conf");
    /* Lambda runs in UTC; TZ is the way to another zone. */
    STEP(sys(symlinkat("/usr/share/zoneinfo/Etc/UTC", etc, "localtime")), "link /etc/localtime");
    return 0;
}

int etc_build(int root) {
    int etc = sys(openat(root, "etc", O_PATH | O_DIRECTORY | O_CLOEXEC));
    STEP(etc, "open /etc");
    int host = sys(open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (host < 0) close(etc);
    STEP(host, "open the host's /etc");
    int error = fill(host, etc);
    close(host);
    close(etc);
    return error;
}
