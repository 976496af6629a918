#include "cgroup.h"

#include "protocol.h"
#include "root.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int cgroup_version;

enum { MEMORY, CPU, PIDS, FREEZER };

static const char *const controller_names[CGROUP_CONTROLLERS] = {"memory", "cpu", "pids", "freezer"};

const struct cgroup_limits cgroup_cell_limits = {.memory = 256ull << 20, .quota = -1, .processes = 1024};

/* `apus-INSTANCE` of each v1 hierarchy; of v2 in the first place. */
static int instance_directories[CGROUP_CONTROLLERS] = {-1, -1, -1, -1};
static int parent_directories[CGROUP_CONTROLLERS] = {-1, -1, -1, -1};
static char instance_name[80];
static unsigned found;

unsigned cgroup_found(void) { return found; }
bool cgroup_limits_processes(void) { return found >> PIDS & 1; }

static size_t directory_count(void) { return cgroup_version == 2 ? 1 : CGROUP_CONTROLLERS; }

static int instance_directory(size_t controller) { return instance_directories[cgroup_version == 2 ? 0 : controller]; }

static bool has_word(const char *list, const char *word, const char *separators) {
    char copy[512];
    snprintf(copy, sizeof copy, "%s", list);
    char *rest = copy;
    for (char *item; (item = strsep(&rest, separators));)
        if (strcmp(item, word) == 0) return true;
    return false;
}

/* ---- Finding the own group ---- */

/* The own path in the hierarchy of `controller` ("" names v2), from lines such as `4:memory:/a/b`. */
static bool own_path(const char *text, const char *controller, char *path, size_t capacity) {
    char line[PATH_MAX + 128];
    for (const char *start = text; *start;) {
        size_t length = strcspn(start, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, start);
        start += length + (start[length] == '\n');
        char *names = strchr(line, ':');
        char *group = names ? strchr(++names, ':') : NULL;
        if (!group) continue;
        *group++ = 0;
        if (*controller ? !has_word(names, controller, ",") : *names != 0) continue;
        snprintf(path, capacity, "%s", group);
        return true;
    }
    return false;
}

/* One line of mountinfo: `ID PARENT DEVICE ROOT POINT OPTIONS... - TYPE SOURCE SUPER`. */
struct mount_line {
    char *root, *point, *type, *options;
};

static bool parse_mount(char *line, struct mount_line *mount) {
    char *separator = strstr(line, " - ");
    if (!separator) return false;
    *separator = 0;
    char *rest = separator + 3;
    mount->type = strsep(&rest, " ");
    strsep(&rest, " ");
    mount->options = rest ? rest : "";
    rest = line;
    for (int i = 0; i < 3; i++) strsep(&rest, " ");
    mount->root = strsep(&rest, " ");
    mount->point = strsep(&rest, " ");
    return mount->root && mount->point && mount->type;
}

/* Opens the launcher's own group in the hierarchy of `controller` ("" for v2). */
static int open_own_group(char *mounts, const char *groups, const char *controller) {
    char path[PATH_MAX], full[2 * PATH_MAX];
    if (!own_path(groups, controller, path, sizeof path)) return -ENOENT;
    char *rest = mounts;
    for (char *line; (line = strsep(&rest, "\n"));) {
        struct mount_line mount;
        if (!parse_mount(line, &mount)) continue;
        if (*controller ? strcmp(mount.type, "cgroup") != 0 || !has_word(mount.options, controller, ",")
                        : strcmp(mount.type, "cgroup2") != 0)
            continue;
        /* In a container the mount shows only a part of the hierarchy. */
        size_t length = strcmp(mount.root, "/") == 0 ? 0 : strlen(mount.root);
        bool below = strncmp(path, mount.root, length) == 0 && (path[length] == '/' || path[length] == 0);
        snprintf(full, sizeof full, "%s%s", mount.point, below ? path + length : "");
        int directory = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return directory < 0 ? -errno : directory;
    }
    return -ENOENT;
}

static int find_group(const char *controller) {
    static char mounts[256 * 1024], groups[16 * 1024];
    if (read_text(host_proc, "self/mountinfo", mounts, sizeof mounts) < 0) return -ENOENT;
    if (read_text(host_proc, "self/cgroup", groups, sizeof groups) < 0) return -ENOENT;
    return open_own_group(mounts, groups, controller);
}

/* ---- v2: handing controllers down ---- */

/* A group that hands controllers down may hold no process, but for the root: the own processes go to a leaf. */
static int move_to_leaf(int group) {
    char text[16 * 1024];
    TRY(read_text(group, "cgroup.procs", text, sizeof text));
    if (mkdirat(group, "apus-server", 0755) < 0 && errno != EEXIST) return -errno;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line) TRY(write_text(group, "apus-server/cgroup.procs", line));
    return 0;
}

static int enable_controllers(int group) {
    char all[32] = "";
    for (size_t i = 0, length = 0; i < FREEZER; i++)
        if (found >> i & 1) length += (size_t)snprintf(all + length, sizeof all - length, "+%s ", controller_names[i]);
    if (write_text(group, "cgroup.subtree_control", all) == 0) return 0;
    TRY(move_to_leaf(group));
    return write_text(group, "cgroup.subtree_control", all);
}

static bool setup_v2(void) {
    int group = find_group("");
    if (group < 0) return false;
    char text[512] = "";
    read_text(group, "cgroup.controllers", text, sizeof text);
    text[strcspn(text, "\n")] = 0;
    /* Ordinary users are often given memory and pids only. */
    for (size_t i = 0; i < FREEZER; i++)
        if (has_word(text, controller_names[i], " ")) found |= 1u << i;
    if (found == 0 || enable_controllers(group) < 0) {
        found = 0;
        close(group);
        return false;
    }
    parent_directories[0] = group;
    cgroup_version = 2;
    return true;
}

static void setup_v1(void) {
    for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) {
        parent_directories[i] = find_group(controller_names[i]);
        if (parent_directories[i] < 0) continue;
        found |= 1u << i;
        cgroup_version = 1;
    }
}

/* ---- The instance's directory ---- */

static void kill_members(int directory) {
    static char text[64 * 1024];
    if (read_text(directory, "cgroup.procs", text, sizeof text) <= 0) return;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        pid_t pid = (pid_t)strtol(line, NULL, 10);
        if (pid > 1) kill(pid, SIGKILL);
    }
}

/* Calls `act` for every group below `directory`. */
static void each_child(int directory, void (*act)(int directory, const char *name)) {
    int copy = sys(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    if (!list) return;
    for (struct dirent *entry; (entry = readdir(list));)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.') act(directory, entry->d_name);
    closedir(list);
}

static void kill_child(int directory, const char *name) {
    int child = openat(directory, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (child < 0) return;
    kill_members(child);
    close(child);
}

static void thaw_child(int directory, const char *name) {
    char path[NAME_MAX + 32];
    snprintf(path, sizeof path, "%s/freezer.state", name);
    write_text(directory, path, "THAWED");
}

static void remove_child(int directory, const char *name) {
    for (int attempt = 0; unlinkat(directory, name, AT_REMOVEDIR) < 0 && errno == EBUSY && attempt < 100; attempt++) {
        kill_child(directory, name);
        usleep(5000);
    }
}

/* Ends every process and removes every group of the instance. */
static void clear_instance(void) {
    int freezers = cgroup_version == 1 ? instance_directories[FREEZER] : -1;
    for (size_t i = 0; i < directory_count(); i++)
        if (instance_directories[i] >= 0) each_child(instance_directories[i], kill_child);
    if (freezers >= 0) each_child(freezers, thaw_child);
    for (size_t i = 0; i < directory_count(); i++)
        if (instance_directories[i] >= 0) each_child(instance_directories[i], remove_child);
}

static int open_instance(int parent) {
    if (mkdirat(parent, instance_name, 0755) < 0 && errno != EEXIST) return -errno;
    return sys(openat(parent, instance_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static unsigned long kernel_number(const char *path) {
    char text[32];
    return read_text(host_proc, path, text, sizeof text) > 0 ? strtoul(text, NULL, 10) : 0;
}

/* Each environment is bounded, but a thousand of them are not: a quarter of the host's processes stays for the host. */
static void limit_all_processes(void) {
    int directory = instance_directory(PIDS);
    unsigned long numbers = kernel_number("sys/kernel/pid_max"), threads = kernel_number("sys/kernel/threads-max");
    unsigned long most = numbers < threads || threads == 0 ? numbers : threads;
    if (directory >= 0 && most >= 4) write_format(directory, "pids.max", "%lu", most / 4 * 3);
}

/* The same for memory: what the environments use together must not bring the host down. */
static void limit_all_memory(uint64_t memory) {
    int directory = instance_directory(MEMORY);
    if (directory < 0) return;
    /* Before Linux 5.11 children counted only where this is set, which works while there are none. */
    if (cgroup_version == 1) write_text(directory, "memory.use_hierarchy", "1");
    if (memory == 0) return;
    write_format(directory, cgroup_version == 2 ? "memory.max" : "memory.limit_in_bytes", "%llu", (unsigned long long)memory);
}

void cgroup_setup(const char *instance, uint64_t memory) {
    snprintf(instance_name, sizeof instance_name, "apus-%s", instance);
    if (!setup_v2()) setup_v1();
    for (size_t i = 0; i < directory_count(); i++) {
        if (parent_directories[i] < 0) continue;
        instance_directories[i] = open_instance(parent_directories[i]);
        if (instance_directories[i] < 0) found &= ~(1u << i);
    }
    clear_instance();
    if (cgroup_version == 2 && (instance_directories[0] < 0 || enable_controllers(instance_directories[0]) < 0)) found = 0;
    /* No controller of its own; since Linux 5.2. */
    if (cgroup_version == 2 && found && faccessat(instance_directories[0], "cgroup.freeze", F_OK, 0) == 0)
        found |= 1u << FREEZER;
    if (found == 0) cgroup_version = 0;
    limit_all_processes();
    limit_all_memory(memory);
}

/* ---- One environment ---- */

static int open_at(const char *name, size_t controller, const char *file, int flags) {
    char path[64];
    snprintf(path, sizeof path, "%s/%s", name, file);
    return sys(openat(instance_directory(controller), path, flags | O_CLOEXEC));
}

PRINTF(4, 5) static int set(const char *name, size_t controller, const char *file, const char *format, ...) {
    char path[64], text[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(path, sizeof path, "%s/%s", name, file);
    return write_text(instance_directory(controller), path, text);
}

static int make_v1(struct cgroup *group, const char *name, struct cgroup_files *files) {
    for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) {
        if (instance_directories[i] < 0) continue;
        STEP(sys(mkdirat(instance_directories[i], name, 0755)), "make the %s group", controller_names[i]);
        group->entries[i] = open_at(name, i, "tasks", O_WRONLY);
        STEP(group->entries[i], "open tasks of the %s group", controller_names[i]);
    }
    if (instance_directories[MEMORY] >= 0) {
        files->peak = open_at(name, MEMORY, "memory.max_usage_in_bytes", O_RDONLY);
        files->oom = open_at(name, MEMORY, "memory.oom_control", O_RDONLY);
        files->usage = open_at(name, MEMORY, "memory.usage_in_bytes", O_RDONLY);
        files->limit = open_at(name, MEMORY, "memory.limit_in_bytes", O_WRONLY);
        files->notice = open_at(name, MEMORY, "cgroup.event_control", O_WRONLY);
    }
    if (instance_directories[CPU] >= 0) {
        STEP(set(name, CPU, "cpu.cfs_period_us", "%d", APUS_PERIOD_MICROSECONDS), "set the CPU period");
        files->cpu = open_at(name, CPU, "cpu.cfs_quota_us", O_WRONLY);
    }
    if (instance_directories[FREEZER] >= 0) files->freeze = open_at(name, FREEZER, "freezer.state", O_WRONLY);
    return 0;
}

static int make_v2(struct cgroup *group, const char *name, struct cgroup_files *files) {
    STEP(sys(mkdirat(instance_directories[0], name, 0755)), "make the group");
    group->entries[0] = sys(openat(instance_directories[0], name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    STEP(group->entries[0], "open the group");
    files->peak = open_at(name, MEMORY, "memory.peak", O_RDONLY);
    if (files->peak < 0) files->peak = open_at(name, MEMORY, "memory.current", O_RDONLY);
    files->oom = open_at(name, MEMORY, "memory.events", O_RDONLY);
    files->usage = open_at(name, MEMORY, "memory.current", O_RDONLY);
    files->limit = open_at(name, MEMORY, "memory.max", O_WRONLY);
    files->notice = open_at(name, MEMORY, "memory.high", O_WRONLY);
    files->cpu = open_at(name, CPU, "cpu.max", O_WRONLY);
    files->freeze = open_at(name, FREEZER, "cgroup.freeze", O_WRONLY);
    return 0;
}

void cgroup_close_files(struct cgroup_files *files) {
    close_descriptor(&files->peak);
    close_descriptor(&files->cpu);
    close_descriptor(&files->oom);
    close_descriptor(&files->freeze);
    close_descriptor(&files->usage);
    close_descriptor(&files->limit);
    close_descriptor(&files->notice);
}

int cgroup_make(struct cgroup *group, const char *name, struct cgroup_files *files) {
    snprintf(group->name, sizeof group->name, "%s", name);
    for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) group->entries[i] = -1;
    *files = (struct cgroup_files){-1, -1, -1, -1, -1, -1, -1};
    if (cgroup_version == 0) return 0;
    int error = cgroup_version == 2 ? make_v2(group, name, files) : make_v1(group, name, files);
    if (error == 0) return 0;
    cgroup_close_files(files);
    cgroup_close(group);
    cgroup_remove(name);
    return error;
}

int cgroup_reopen(struct cgroup *group) {
    if (cgroup_version == 2) {
        group->entries[0] = sys(openat(instance_directories[0], group->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        STEP(group->entries[0], "open the group");
        return 0;
    }
    for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) {
        if (instance_directories[i] < 0) continue;
        group->entries[i] = open_at(group->name, i, "tasks", O_WRONLY);
        STEP(group->entries[i], "open tasks of the %s group", controller_names[i]);
    }
    return 0;
}

static int limit_v1(const char *name, const struct cgroup_limits *limits) {
    unsigned long long memory = limits->memory, most = limits->memory + limits->temporary;
    if (instance_directories[MEMORY] >= 0) {
        /* Memory and swap together, never less than the limit of memory, which the supervisor moves. Absent without swap
           accounting; then there is nothing to limit. */
        set(name, MEMORY, "memory.memsw.limit_in_bytes", "-1");
        STEP(set(name, MEMORY, "memory.limit_in_bytes", "%llu", memory), "limit memory");
        set(name, MEMORY, "memory.memsw.limit_in_bytes", "%llu", most);
    }
    if (instance_directories[CPU] >= 0 && limits->quota > 0)
        STEP(set(name, CPU, "cpu.cfs_quota_us", "%lld", (long long)limits->quota), "limit the CPU");
    if (instance_directories[PIDS] >= 0) STEP(set(name, PIDS, "pids.max", "%u", limits->processes), "limit processes");
    return 0;
}

static int limit_v2(const char *name, const struct cgroup_limits *limits) {
    if (found >> MEMORY & 1) {
        STEP(set(name, MEMORY, "memory.max", "%llu", (unsigned long long)limits->memory), "limit memory");
        set(name, MEMORY, "memory.swap.max", "0");
        set(name, MEMORY, "memory.oom.group", "1");
    }
    if (found >> CPU & 1 && limits->quota > 0)
        STEP(set(name, CPU, "cpu.max", "%lld %d", (long long)limits->quota, APUS_PERIOD_MICROSECONDS), "limit the CPU");
    if (found >> PIDS & 1) STEP(set(name, PIDS, "pids.max", "%u", limits->processes), "limit processes");
    return 0;
}

int cgroup_limit(const struct cgroup *group, const struct cgroup_limits *limits) {
    if (cgroup_version == 0) return 0;
    return cgroup_version == 2 ? limit_v2(group->name, limits) : limit_v1(group->name, limits);
}

void cgroup_stand_back(const struct cgroup *group, bool back) {
    if (cgroup_version == 2) set(group->name, CPU, "cpu.weight", back ? "1" : "100");
    else if (instance_directories[CPU] >= 0) set(group->name, CPU, "cpu.shares", back ? "10" : "1024");
}

int cgroup_enter(const struct cgroup *group) {
    if (cgroup_version != 1) return 0;
    for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
        if (group->entries[i] >= 0 && write(group->entries[i], "0", 1) < 0) return -errno;
    return 0;
}

int cgroup_open_entries(const struct cgroup *group, int entries[CGROUP_CONTROLLERS]) {
    int count = 0;
    for (size_t i = 0; cgroup_version != 0 && i < directory_count(); i++) {
        if (instance_directories[i] < 0) continue;
        int entry = open_at(group->name, i, cgroup_version == 2 ? "cgroup.procs" : "tasks", O_WRONLY);
        if (entry >= 0) {
            entries[count++] = entry;
            continue;
        }
        while (count > 0) close(entries[--count]);
        return failed(entry, "open the entry of the %s group", controller_names[i]);
    }
    return count;
}

int cgroup_clone_directory(const struct cgroup *group) { return cgroup_version == 2 ? group->entries[0] : -1; }

void cgroup_close(struct cgroup *group) {
    for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) close_descriptor(&group->entries[i]);
}

/* ---- Removal ---- */

void cgroup_thaw(const char *name) {
    if (cgroup_version == 1 && instance_directories[FREEZER] >= 0) thaw_child(instance_directories[FREEZER], name);
}

bool cgroup_is_frozen(const char *name) {
    char path[64], text[16];
    if (cgroup_version != 1 || instance_directories[FREEZER] < 0) return false;
    snprintf(path, sizeof path, "%s/freezer.state", name);
    return read_text(instance_directories[FREEZER], path, text, sizeof text) > 0 && strncmp(text, "THAWED", 6) != 0;
}

void cgroup_freeze(const char *name) {
    if (cgroup_version == 1 && instance_directories[FREEZER] >= 0) set(name, FREEZER, "freezer.state", "FROZEN");
}

static bool remove_now(const char *name) {
    bool gone = true;
    for (size_t i = 0; i < directory_count(); i++)
        if (instance_directories[i] >= 0 && unlinkat(instance_directories[i], name, AT_REMOVEDIR) < 0 && errno != ENOENT)
            gone = false;
    return gone;
}

static char (*leftovers)[16];
static size_t leftover_count, leftover_capacity;

void cgroup_remove(const char *name) {
    if (cgroup_version == 0 || remove_now(name)) return;
    if (leftover_count == leftover_capacity) {
        size_t capacity = leftover_capacity ? 2 * leftover_capacity : 64;
        void *grown = realloc(leftovers, capacity * sizeof *leftovers);
        if (!grown) return; /* The teardown finds it in the directory. */
        leftovers = grown;
        leftover_capacity = capacity;
    }
    snprintf(leftovers[leftover_count++], sizeof *leftovers, "%s", name);
}

size_t cgroup_sweep(void) {
    size_t kept = 0;
    for (size_t i = 0; i < leftover_count; i++)
        if (!remove_now(leftovers[i])) memmove(leftovers[kept++], leftovers[i], sizeof *leftovers);
    return leftover_count = kept;
}

void cgroup_teardown(void) {
    clear_instance();
    for (size_t i = 0; i < directory_count(); i++)
        if (instance_directories[i] >= 0) unlinkat(parent_directories[i], instance_name, AT_REMOVEDIR);
}
