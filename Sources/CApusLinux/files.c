#define _GNU_SOURCE
#include "CApusLinux.h"

#include <errno.h>
#include <unistd.h>

int capus_sync_file_system(int fd) { return syncfs(fd) < 0 ? -errno : 0; }
