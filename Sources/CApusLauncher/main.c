/*
 * apus-launcher: the part of Apus that keeps privilege. One thread, no listener, one peer: the supervisor, on descriptor 3.
 * It ends, with every environment, when the supervisor's end of that socket closes, and when its keeper is killed.
 */
#include "host.h"
#include "inside.h"
#include "keeper.h"
#include "programs.h"
#include "report.h"
#include "requests.h"
#include "slots.h"
#include "userns.h"

#include "cgroup.h"
#include "network.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
    SUPERVISOR = KEEPER_SOCKET,
    /* Ids of slots have 18 bits for their generation; a launcher that was killed has hardly used up these. */
    GENERATIONS = 1024,
};

/* The supervisor decides about the end, by closing the socket; a terminal's or a service manager's signal must not. */
static void ignore_signals(void) {
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
}

static int open_signals(void) {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    STEP(sys(sigprocmask(SIG_BLOCK, &children, NULL)), "block SIGCHLD");
    int signals = sys(signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
    STEP(signals, "open a signalfd");
    return signals;
}

static void drain_reports(int reports) {
    struct report report;
    while (report_take(reports, &report)) slots_report(&report);
}

/* A child that has ended, and is not reaped by this; 0 when there is none. */
static pid_t ended_child(void) {
    siginfo_t information = {0};
    return waitid(P_ALL, 0, &information, WEXITED | WNOHANG | WNOWAIT) == 0 ? information.si_pid : 0;
}

/* One by one: what pid 1 or a midwife has told before its end is heard before it is reaped. */
static void drain_children(int signals, int reports) {
    struct signalfd_siginfo information;
    while (read(signals, &information, sizeof information) == sizeof information) {}
    for (pid_t pid; (pid = ended_child()) > 0;) {
        drain_reports(reports);
        forks_serve();
        slots_reap(pid);
    }
}

static void serve(int signals, int reports, int forks, int lifeline) {
    struct pollfd waiting[] = {
        {SUPERVISOR, POLLIN, 0}, {reports, POLLIN, 0}, {signals, POLLIN, 0}, {forks, POLLIN, 0}, {lifeline, POLLIN, 0}};
    size_t leftovers = 0;
    for (;;) {
        int count = poll(waiting, 5, leftovers > 0 ? 20 : -1);
        if (count < 0 && errno != EINTR) return;
        if (count < 0) continue;
        if (waiting[1].revents) drain_reports(reports);
        if (waiting[3].revents) forks_serve();
        if (waiting[2].revents) drain_children(signals, reports);
        if (waiting[0].revents && !requests_serve(SUPERVISOR)) return;
        if (waiting[4].revents) return;
        leftovers = cgroup_sweep();
    }
}

static int start(int *signals, int *reports, int *forks) {
    prctl(PR_SET_NAME, "apus-launcher");
    umask(0);
    *reports = report_open();
    TRY(*reports);
    *signals = open_signals();
    TRY(*signals);
    *forks = forks_open();
    return *forks;
}

int main(int count, char **arguments) {
    if (inside_called(count, arguments)) inside_run(arguments[1]);
    if (programs_called(count, arguments)) programs_run(arguments);
    userns_start(count, arguments);
    int signals = -1, reports = -1, forks = -1, lifeline = -1;
    setsid();
    ignore_signals();
    int predecessors = keeper_run(&lifeline);
    int error = predecessors < 0 ? predecessors : start(&signals, &reports, &forks);
    if (error < 0) {
        fprintf(stderr, "apus-launcher: %s: %s\n", failed_step(), strerror(-error));
        return 1;
    }
    slots_socket = SUPERVISOR;
    slots_first_generation = (uint32_t)predecessors * GENERATIONS;
    serve(signals, reports, forks, lifeline);
    slots_end();
    host_teardown();
    return 0;
}
