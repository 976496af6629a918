#include "report.h"

#include <fcntl.h>
#include <stdio.h>

int report_open(void) {
    int ends[2];
    STEP(sys(pipe2(ends, O_CLOEXEC)), "open the report pipe");
    /* The read end first, should it have got the number. */
    int reading = sys(fcntl(ends[0], F_DUPFD_CLOEXEC, REPORT_DESCRIPTOR + 1));
    STEP(reading, "move the report pipe");
    if (ends[1] != REPORT_DESCRIPTOR) {
        STEP(sys(dup3(ends[1], REPORT_DESCRIPTOR, O_CLOEXEC)), "move the report pipe");
        close(ends[1]);
    }
    if (ends[0] != REPORT_DESCRIPTOR) close(ends[0]);
    STEP(sys(fcntl(reading, F_SETFL, O_NONBLOCK)), "set the report pipe");
    return reading;
}

void report_send(uint32_t slot, enum report_kind kind, int value) {
    struct report report = {.slot = slot, .kind = kind, .value = value};
    snprintf(report.step, sizeof report.step, "%s", kind == REPORT_FAILED ? failed_step() : "");
    /* Smaller than PIPE_BUF, so it is written whole or, should the launcher be gone, not at all. */
    if (write(REPORT_DESCRIPTOR, &report, sizeof report) < 0) return;
}

bool report_take(int pipe, struct report *report) {
    ssize_t count;
    do {
        count = read(pipe, report, sizeof *report);
    } while (count < 0 && errno == EINTR);
    return count == (ssize_t)sizeof *report;
}
