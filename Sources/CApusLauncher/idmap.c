#include "idmap.h"

#include "host.h"
#include "launch.h"
#include "network.h"
#include "root.h"

#include <stdio.h>
#include <string.h>

static void add(struct idmap *map, uint32_t inside, uint32_t outside, uint32_t count) {
    if (count > 0 && map->count < IDMAP_EXTENTS_MAX)
        map->extents[map->count++] = (struct idmap_extent){inside, outside, count};
}

/* Maps a range to itself, but for one id: the kernel takes no id twice. */
static void add_others(struct idmap *map, uint32_t first, uint32_t count, uint32_t hole) {
    if (hole < first || hole - first >= count) return add(map, first, first, count);
    add(map, first, first, hole - first);
    add(map, hole + 1, hole + 1, count - (hole - first) - 1);
}

void idmap_first(struct idmap *map, uint32_t uid) {
    map->count = 0;
    add(map, INSIDE_UID, uid, 1);
    add_others(map, launch_uid(0), NETWORK_SLOTS, uid);
}

int idmap_fork(struct idmap *map, int proc, pid_t origin, uint32_t uid) {
    char path[32], text[4096];
    snprintf(path, sizeof path, "%d/uid_map", origin);
    TRY(read_text(proc, path, text, sizeof text));
    map->count = 0;
    add(map, 0, INSIDE_UID, 1);
    add(map, INSIDE_UID, uid, 1);
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        uint32_t inside, count;
        if (sscanf(line, "%u %*u %u", &inside, &count) == 2 && inside >= HOST_LOWEST_UID)
            add_others(map, inside, count, uid);
    }
    return 0;
}

/* The function's user has another number than its group; all else is the same. */
static uint32_t group_of(uint32_t id) { return id == INSIDE_UID ? INSIDE_GID : id; }

static int write_map(const struct idmap *map, int proc, pid_t process, bool groups) {
    char path[32], text[4096];
    size_t length = 0;
    for (size_t i = 0; i < map->count && length + 40 < sizeof text; i++) {
        struct idmap_extent extent = map->extents[i];
        if (groups) extent.inside = group_of(extent.inside), extent.outside = group_of(extent.outside);
        length += (size_t)sprintf(text + length, "%u %u %u\n", extent.inside, extent.outside, extent.count);
    }
    snprintf(path, sizeof path, "%d/%s", process, groups ? "gid_map" : "uid_map");
    return write_text(proc, path, text);
}

int idmap_write(const struct idmap *map, int proc, pid_t process) {
    char path[32];
    snprintf(path, sizeof path, "%d/setgroups", process);
    STEP(write_text(proc, path, "deny"), "forbid groups");
    STEP(write_map(map, proc, process, false), "map the users");
    STEP(write_map(map, proc, process, true), "map the groups");
    return 0;
}
