/* Reading and writing the messages of protocol.h. */
#ifndef APUS_WIRE_H
#define APUS_WIRE_H

#include "base.h"
#include "protocol.h"

/* A cursor over a received message. After the first field that does not fit, `broken` is set and all reads give zero. */
struct reader {
    const char *bytes;
    size_t left;
    bool broken;
};

uint32_t read_u32(struct reader *reader);
uint64_t read_u64(struct reader *reader);

/* The text within the message, NUL-terminated; an empty one when the message is broken. Valid as long as the message. */
const char *read_string(struct reader *reader);

/* Reads a count and then that many texts, at most `capacity`; appends a null pointer. Returns the count. */
size_t read_strings(struct reader *reader, const char **strings, size_t capacity);

/* True when all was read and nothing is left. */
bool read_ended(const struct reader *reader);

/* A message under construction. Too long a text is cut, since only probe details and steps are written. */
struct writer {
    size_t length;
    char bytes[16 * 1024];
};

void write_u32(struct writer *writer, uint32_t value);
void write_string(struct writer *writer, const char *text);

/* Overwrites the u32 at `position`. */
void write_u32_at(struct writer *writer, size_t position, uint32_t value);

/*
 * Receives one packet, without waiting, and the descriptors that came with it; `count` holds the room for them and then
 * their number. Returns the packet's length, 0 at the end.
 */
int receive_message(int socket, char *buffer, size_t capacity, int *descriptors, size_t *count);

/* Sends the message with descriptors, which stay open here. Waits while the peer's buffer is full. */
int send_message(int socket, const struct writer *writer, const int *descriptors, size_t count);

#endif
