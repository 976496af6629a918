#include "base.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char step_text[64];

int failed(int error, const char *step, ...) {
    va_list arguments;
    va_start(arguments, step);
    vsnprintf(step_text, sizeof step_text, step, arguments);
    va_end(arguments);
    return error;
}

const char *failed_step(void) { return step_text; }

int read_text(int directory, const char *path, char *text, size_t capacity) {
    int file = openat(directory, path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -errno;
    size_t length = 0;
    ssize_t count;
    while (length + 1 < capacity && (count = read(file, text + length, capacity - 1 - length)) != 0) {
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            int error = -errno;
            close(file);
            return error;
        }
        length += (size_t)count;
    }
    close(file);
    text[length] = 0;
    return (int)length;
}

int write_text(int directory, const char *path, const char *text) {
    int file = openat(directory, path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -errno;
    size_t length = strlen(text);
    ssize_t count = write(file, text, length);
    int error = count < 0 ? -errno : (size_t)count == length ? 0 : -EIO;
    close(file);
    return error;
}

int write_format(int directory, const char *path, const char *format, ...) {
    char text[128];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof text) return -EOVERFLOW;
    return write_text(directory, path, text);
}
