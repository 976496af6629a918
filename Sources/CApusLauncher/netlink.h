/* Requests to rtnetlink: several messages in one packet, each acknowledged. */
#ifndef APUS_NETLINK_H
#define APUS_NETLINK_H

#include "base.h"

#include <linux/netlink.h>

struct netlink_batch {
    size_t length;
    unsigned count;
    struct nlmsghdr *current;
    char bytes[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
};

/* A socket in the network namespace that the caller is in now. */
int netlink_open(int protocol);

/* Begins a message with a fixed part; attributes follow. */
void netlink_begin(struct netlink_batch *batch, uint16_t type, uint16_t flags, const void *fixed, size_t length);
void netlink_put(struct netlink_batch *batch, uint16_t type, const void *data, size_t length);
void netlink_put_text(struct netlink_batch *batch, uint16_t type, const char *text);
void netlink_put_u32(struct netlink_batch *batch, uint16_t type, uint32_t value);

/* Opens an attribute that holds others; give the result to netlink_nest_end. */
size_t netlink_nest(struct netlink_batch *batch, uint16_t type);
void netlink_nest_end(struct netlink_batch *batch, size_t start);

/* Sends the batch and reads no answer. */
int netlink_send(int socket, const struct netlink_batch *batch);

/* Sends the batch and reads all answers. Returns the first error. */
int netlink_run(int socket, struct netlink_batch *batch);

/* Sends a dump request and calls `each` for every message. */
int netlink_dump(int socket, struct netlink_batch *batch, void (*each)(const struct nlmsghdr *, void *), void *context);

#endif
