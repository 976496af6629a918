/*
 * System calls that Swift cannot spell: variadic ones, macros, and what must happen between fork and exec.
 * Wrappers only. Functions return 0, a descriptor or a count, and -errno on failure.
 */
#ifndef CAPUS_LINUX_H
#define CAPUS_LINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Empties every capability set of the calling thread, the bounding set included, and forbids new privileges.
 * Capabilities belong to threads: call it while the process has one.
 */
int capus_drop_capabilities(void);

/*
 * Starts the launcher's keeper with one end of a new SOCK_SEQPACKET pair as descriptor 3. Returns the other end. `mode`: its argument,
 * or NULL.
 */
int capus_spawn_launcher(const char *path, const char *mode, pid_t *pid);

/* Sends one packet with at most 16 descriptors, which stay open here. -EAGAIN when the peer's buffer is full. */
int capus_send(int socket, const void *bytes, size_t length, const int *descriptors, size_t count);

/*
 * Receives one packet and the descriptors that came with it (close-on-exec); `count` holds the room for descriptors and
 * then their number. Waits. Returns the packet's length, 0 at the end, -EMSGSIZE for one that does not fit.
 */
int capus_receive(int socket, void *bytes, size_t capacity, int *descriptors, size_t *count);

/* A program that shares everything with the caller but its descriptors, group and limits. */
struct capus_process {
    const char *path;
    char **arguments;
    char **variables;
    const char *directory;
    /* Become 1 and 2, and 3. */
    int output;
    int telemetry;
    uint64_t descriptors;
};

/* Starts the program as the leader of a new process group. Returns its pid. */
int capus_spawn_process(const struct capus_process *process);

/* A descriptor that becomes readable when the process ends. */
int capus_open_process(pid_t pid);

/* A pipe whose read end (the first) does not block. Both are close-on-exec. */
int capus_open_pipe(int ends[2]);

/* An eventfd, non-blocking: 8-byte writes add to a counter, a read empties it. */
int capus_open_event(void);

int capus_open_epoll(void);

/* Has the descriptor reported by its number when it is readable or, `urgent`, when a kernel file has changed (POLLPRI). */
int capus_epoll_add(int epoll, int descriptor, int urgent, uint64_t number);
int capus_epoll_remove(int epoll, int descriptor);

/* Waits, -1: without end. Returns how many `numbers` were written, at most 64. */
int capus_epoll_wait(int epoll, uint64_t *numbers, int capacity, int milliseconds);

/* Names the calling thread, up to 15 bytes. */
void capus_name_thread(const char *name);

/* A listening, non-blocking IPv4 socket on loopback; port 0 lets the kernel choose. `port` receives the number. */
int capus_listen_loopback(uint16_t *port);

/* Returns when everything that was written to the file system of a descriptor has reached the disk. */
int capus_sync_file_system(int fd);

#endif
