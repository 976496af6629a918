#include "wire.h"

#include <string.h>
#include <sys/socket.h>

static const char *take(struct reader *reader, size_t count) {
    if (reader->broken || count > reader->left) {
        reader->broken = true;
        return NULL;
    }
    const char *bytes = reader->bytes;
    reader->bytes += count;
    reader->left -= count;
    return bytes;
}

uint32_t read_u32(struct reader *reader) {
    uint32_t value = 0;
    const char *bytes = take(reader, sizeof value);
    if (bytes) memcpy(&value, bytes, sizeof value);
    return value;
}

uint64_t read_u64(struct reader *reader) {
    uint64_t value = 0;
    const char *bytes = take(reader, sizeof value);
    if (bytes) memcpy(&value, bytes, sizeof value);
    return value;
}

const char *read_string(struct reader *reader) {
    uint32_t length = read_u32(reader);
    const char *text = take(reader, (size_t)length + 1);
    if (!text) return "";
    if (strnlen(text, (size_t)length + 1) != length) {
        reader->broken = true;
        return "";
    }
    return text;
}

size_t read_strings(struct reader *reader, const char **strings, size_t capacity) {
    size_t count = read_u32(reader);
    if (count > capacity) {
        reader->broken = true;
        count = 0;
    }
    for (size_t i = 0; i < count; i++) strings[i] = read_string(reader);
    strings[count] = NULL;
    return count;
}

bool read_ended(const struct reader *reader) { return !reader->broken && reader->left == 0; }

static void append(struct writer *writer, const void *bytes, size_t count) {
    if (count > sizeof writer->bytes - writer->length) return;
    memcpy(writer->bytes + writer->length, bytes, count);
    writer->length += count;
}

void write_u32(struct writer *writer, uint32_t value) { append(writer, &value, sizeof value); }

void write_string(struct writer *writer, const char *text) {
    uint32_t length = (uint32_t)strnlen(text, 1024);
    write_u32(writer, length);
    append(writer, text, length);
    append(writer, "", 1);
}

void write_u32_at(struct writer *writer, size_t position, uint32_t value) {
    memcpy(writer->bytes + position, &value, sizeof value);
}

/* Takes what there is room for and closes the rest. Returns how many were taken. */
static size_t take_descriptors(struct msghdr *header, int *descriptors, size_t room) {
    size_t taken = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(c) + i * sizeof descriptor, sizeof descriptor);
            if (taken < room) descriptors[taken++] = descriptor;
            else close(descriptor);
        }
    }
    return taken;
}

int receive_message(int socket, char *buffer, size_t capacity, int *descriptors, size_t *count) {
    char control[CMSG_SPACE(sizeof(int) * APUS_DESCRIPTORS_MAX)] __attribute__((aligned(sizeof(size_t))));
    struct iovec piece = {buffer, capacity};
    struct msghdr header = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length;
    do {
        length = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (length < 0 && errno == EINTR);
    if (length < 0) return -errno;
    *count = take_descriptors(&header, descriptors, *count);
    return header.msg_flags & MSG_TRUNC ? -EMSGSIZE : (int)length;
}

int send_message(int socket, const struct writer *writer, const int *descriptors, size_t count) {
    char control[CMSG_SPACE(sizeof(int) * APUS_DESCRIPTORS_MAX)] __attribute__((aligned(sizeof(size_t)))) = {0};
    struct iovec piece = {(void *)writer->bytes, writer->length};
    struct msghdr header = {.msg_iov = &piece, .msg_iovlen = 1};
    if (count > 0) {
        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(c), descriptors, sizeof(int) * count);
    }
    ssize_t sent;
    do {
        sent = sendmsg(socket, &header, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}
