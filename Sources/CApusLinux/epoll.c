#define _GNU_SOURCE
#include "CApusLinux.h"

#include <errno.h>
#include <sys/epoll.h>

int capus_open_epoll(void) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    return epoll < 0 ? -errno : epoll;
}

int capus_epoll_add(int epoll, int descriptor, int urgent, uint64_t number) {
    struct epoll_event event = {.events = urgent ? EPOLLPRI : EPOLLIN, .data.u64 = number};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) < 0 ? -errno : 0;
}

int capus_epoll_remove(int epoll, int descriptor) {
    return epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, NULL) < 0 ? -errno : 0;
}

int capus_epoll_wait(int epoll, uint64_t *numbers, int capacity, int milliseconds) {
    struct epoll_event events[64];
    int count = epoll_wait(epoll, events, capacity < 64 ? capacity : 64, milliseconds);
    for (int i = 0; i < count; i++) numbers[i] = events[i].data.u64;
    return count < 0 ? -errno : count;
}
