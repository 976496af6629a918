#include "keeper.h"
#include "report.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Hands the far end of a launcher's socket to the supervisor. */
static int hand_over(int socket, pid_t process) {
    struct keeper_packet packet = {.process = process};
    struct iovec piece = {&packet, sizeof packet};
    char control[CMSG_SPACE(sizeof socket)] __attribute__((aligned(sizeof(size_t)))) = {0};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof socket);
    memcpy(CMSG_DATA(header), &socket, sizeof socket);
    return sys(sendmsg(KEEPER_SOCKET, &message, MSG_NOSIGNAL));
}

/* In the child: only the launcher's end of `ends` stays, at the control socket's number, and the read end of `life`. */
static int become_launcher(const int ends[2], const int life[2], int *lifeline) {
    close(ends[0]);
    close(life[1]);
    STEP(sys(dup3(ends[1], KEEPER_SOCKET, O_CLOEXEC)), "take the socket");
    close(ends[1]);
    /* Out of the way of what has a number of its own. */
    *lifeline = sys(fcntl(life[0], F_DUPFD_CLOEXEC, REPORT_DESCRIPTOR + 1));
    STEP(*lifeline, "keep the lifeline");
    close(life[0]);
    return 0;
}

static pid_t wait_for(pid_t launcher, int *status) {
    pid_t ended;
    do {
        ended = waitpid(launcher, status, 0);
    } while (ended < 0 && errno == EINTR);
    return ended;
}

int keeper_run(int *lifeline) {
    prctl(PR_SET_NAME, "apus-keeper");
    STEP(sys(prctl(PR_SET_DUMPABLE, 0)), "become undumpable");
    STEP(sys(fcntl(KEEPER_SOCKET, F_SETFD, FD_CLOEXEC)), "keep the socket from other programs");
    int life[2];
    STEP(sys(pipe2(life, O_CLOEXEC)), "open the lifeline");
    for (int number = 0;; number++) {
        int ends[2];
        STEP(sys(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)), "open a socket");
        pid_t launcher = fork();
        STEP(sys(launcher), "fork the launcher");
        if (launcher == 0) {
            TRY(become_launcher(ends, life, lifeline));
            return number;
        }
        int handed = hand_over(ends[0], launcher), status = 0;
        close(ends[0]);
        close(ends[1]);
        STEP(sys(wait_for(launcher, &status)), "wait for the launcher");
        if (!WIFSIGNALED(status)) _exit(WEXITSTATUS(status));
        /* A supervisor that is gone needs none. */
        if (handed < 0) _exit(1);
        fprintf(stderr, "apus-keeper: the launcher was ended by signal %d; starting another\n", WTERMSIG(status));
        /* One that cannot live at all must not keep the host busy. */
        poll(NULL, 0, 50);
    }
}
