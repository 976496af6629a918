/* What every file of the launcher uses. Functions return 0 (or a descriptor) and -errno unless they say otherwise. */
#ifndef APUS_BASE_H
#define APUS_BASE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PRINTF(text, first) __attribute__((format(printf, text, first)))

/* The result of a libc call or of syscall(), as -errno. */
static inline int sys(long result) { return result < 0 ? -errno : (int)result; }

/* Names the step that failed, for the reply. Returns `error` (negative) so that it can stand in a return statement. */
int failed(int error, const char *step, ...) PRINTF(2, 3);

/* The step named last. */
const char *failed_step(void);

#define TRY(expression)                                                                                                \
    do {                                                                                                               \
        int tried = (expression);                                                                                      \
        if (tried < 0) return tried;                                                                                   \
    } while (0)

/* As TRY, with the name of the step. */
#define STEP(expression, ...)                                                                                          \
    do {                                                                                                               \
        int tried = (expression);                                                                                      \
        if (tried < 0) return failed(tried, __VA_ARGS__);                                                              \
    } while (0)

static inline void close_descriptor(int *descriptor) {
    if (*descriptor >= 0) close(*descriptor);
    *descriptor = -1;
}

/* Reads a small file below a directory into `text`, NUL-terminated. Returns its length. */
int read_text(int directory, const char *path, char *text, size_t capacity);

/* Writes the whole of `text` in one write, as kernel control files want it. */
int write_text(int directory, const char *path, const char *text);
int write_format(int directory, const char *path, const char *format, ...) PRINTF(3, 4);

#endif
