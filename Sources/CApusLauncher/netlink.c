#include "netlink.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

int netlink_open(int protocol) {
    int socket_ = sys(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
    if (socket_ < 0) return socket_;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    struct timeval patience = {.tv_sec = 10};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int error = sys(bind(socket_, (struct sockaddr *)&address, sizeof address));
    if (error < 0) {
        close(socket_);
        return error;
    }
    return socket_;
}

static void *extend(struct netlink_batch *batch, size_t length) {
    /* The batches are of fixed shape and far smaller than the buffer. */
    if (NLMSG_ALIGN(length) > sizeof batch->bytes - batch->length) __builtin_trap();
    void *place = batch->bytes + batch->length;
    memset(place, 0, NLMSG_ALIGN(length));
    batch->length += NLMSG_ALIGN(length);
    return place;
}

void netlink_begin(struct netlink_batch *batch, uint16_t type, uint16_t flags, const void *fixed, size_t length) {
    batch->current = extend(batch, NLMSG_HDRLEN);
    batch->current->nlmsg_type = type;
    batch->current->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags | (flags == NLM_F_DUMP ? 0 : NLM_F_ACK));
    batch->current->nlmsg_seq = ++batch->count;
    memcpy(extend(batch, length), fixed, length);
    batch->current->nlmsg_len = (uint32_t)(NLMSG_HDRLEN + NLMSG_ALIGN(length));
}

void netlink_put(struct netlink_batch *batch, uint16_t type, const void *data, size_t length) {
    struct nlattr *attribute = extend(batch, NLA_HDRLEN + length);
    attribute->nla_type = type;
    attribute->nla_len = (uint16_t)(NLA_HDRLEN + length);
    if (length > 0) memcpy((char *)attribute + NLA_HDRLEN, data, length);
    batch->current->nlmsg_len += NLMSG_ALIGN((uint32_t)(NLA_HDRLEN + length));
}

void netlink_put_text(struct netlink_batch *batch, uint16_t type, const char *text) {
    netlink_put(batch, type, text, strlen(text) + 1);
}

void netlink_put_u32(struct netlink_batch *batch, uint16_t type, uint32_t value) {
    netlink_put(batch, type, &value, sizeof value);
}

size_t netlink_nest(struct netlink_batch *batch, uint16_t type) {
    size_t start = batch->length;
    netlink_put(batch, type, NULL, 0);
    return start;
}

void netlink_nest_end(struct netlink_batch *batch, size_t start) {
    struct nlattr *attribute = (struct nlattr *)(batch->bytes + start);
    attribute->nla_len = (uint16_t)(batch->length - start);
}

int netlink_send(int socket, const struct netlink_batch *batch) {
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    return sys(sendto(socket, batch->bytes, batch->length, 0, (struct sockaddr *)&kernel, sizeof kernel));
}

int netlink_run(int socket, struct netlink_batch *batch) {
    TRY(netlink_send(socket, batch));
    int first = 0;
    for (unsigned answered = 0; answered < batch->count;) {
        char buffer[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
        int count = sys(recv(socket, buffer, sizeof buffer, 0));
        if (count == -EINTR) continue;
        TRY(count);
        size_t left = (size_t)count;
        for (struct nlmsghdr *m = (struct nlmsghdr *)buffer; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
            if (m->nlmsg_type != NLMSG_ERROR) continue;
            const struct nlmsgerr *answer = NLMSG_DATA(m);
            if (first == 0) first = answer->error;
            answered++;
        }
    }
    return first;
}

int netlink_dump(int socket, struct netlink_batch *batch, void (*each)(const struct nlmsghdr *, void *), void *context) {
    TRY(netlink_send(socket, batch));
    for (;;) {
        char buffer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
        int count = sys(recv(socket, buffer, sizeof buffer, 0));
        if (count == -EINTR) continue;
        TRY(count);
        size_t left = (size_t)count;
        for (struct nlmsghdr *m = (struct nlmsghdr *)buffer; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
            if (m->nlmsg_type == NLMSG_DONE) return 0;
            if (m->nlmsg_type == NLMSG_ERROR) return ((const struct nlmsgerr *)NLMSG_DATA(m))->error;
            each(m, context);
        }
    }
}
