/*
 * Speak TLS on a descriptor that tlsify hands over: standard input goes to the
 * peer, what it says to standard output.
 *
 *     cc -o handoff handoff.c && ./handoff auto example.org:443 <request
 *
 * The first argument is the KIND of --handoff. What comes is an end of a
 * socketpair, which needs nothing special, or the connection itself, whose TLS
 * the kernel does. The latter is read by recvmsg(2): a record that is not
 * application data would fail read(2).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOL_TLS 282
#define TLS_SET_RECORD_TYPE 1
#define TLS_GET_RECORD_TYPE 2
enum { ALERT = 21, HANDSHAKE = 22, DATA = 23 };

static void die(const char *what) { perror(what); exit(1); }

/* The next bytes of the peer's; 0 is its close_notify, -1 any other end. */
static ssize_t ktls_read(int fd, char *buf, size_t size) {
    for (;;) {
        union { struct cmsghdr align; char space[CMSG_SPACE(1)]; } control;
        struct iovec iov = { buf, size };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
                              .msg_control = &control, .msg_controllen = sizeof control };
        ssize_t n = recvmsg(fd, &msg, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
        if (!cmsg || cmsg->cmsg_level != SOL_TLS || cmsg->cmsg_type != TLS_GET_RECORD_TYPE)
            return -1; /* the connection was cut: no close_notify came */
        switch (*CMSG_DATA(cmsg)) {
        case DATA:
            if (n > 0) return n;
            continue; /* an empty record */
        case HANDSHAKE:
            continue; /* a part of a session ticket, or a KeyUpdate: behind that recvmsg fails */
        case ALERT:
            if (n == 2 && buf[1] == 0) return 0; /* close_notify */
            if (n == 2 && buf[1] == 90) continue; /* user_canceled: close_notify follows */
        }
        errno = EPROTO;
        return -1;
    }
}

/* Our close_notify: the peer knows then that it has got all. */
static void ktls_end(int fd) {
    union { struct cmsghdr align; char space[CMSG_SPACE(1)]; } control;
    char close_notify[2] = { 1, 0 };
    struct iovec iov = { close_notify, 2 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
                          .msg_control = &control, .msg_controllen = sizeof control };
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
    cmsg->cmsg_level = SOL_TLS;
    cmsg->cmsg_type = TLS_SET_RECORD_TYPE;
    cmsg->cmsg_len = CMSG_LEN(1);
    *CMSG_DATA(cmsg) = ALERT;
    if (sendmsg(fd, &msg, 0) != 2) die("close_notify");
}

/* The next byte of the control channel, and with one of them the descriptor. */
static int control_byte(int control, int *fd) {
    char byte;
    union { struct cmsghdr align; char space[CMSG_SPACE(sizeof(int))]; } space;
    struct iovec iov = { &byte, 1 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
                          .msg_control = &space, .msg_controllen = sizeof space };
    if (recvmsg(control, &msg, MSG_CMSG_CLOEXEC) != 1) return EOF;
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
    if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS)
        memcpy(fd, CMSG_DATA(cmsg), sizeof *fd);
    return (unsigned char)byte;
}

/* The next line of the control channel, without its end; 0 is its end. */
static int control_line(int control, char *line, size_t size, int *fd) {
    size_t n = 0;
    for (int c; (c = control_byte(control, fd)) != EOF; ) {
        if (c == '\n') { line[n] = 0; return 1; }
        if (n + 1 < size) line[n++] = c;
    }
    return 0;
}

static void send_all(int fd, const char *p, size_t n) {
    while (n > 0) {
        ssize_t m = write(fd, p, n);
        if (m < 0) die("write");
        p += m, n -= m;
    }
}

int main(int argc, char **argv) {
    static char line[65536], buf[65536];
    int ends[2], fd = -1, ktls = 0, ready = 0;
    if (argc < 3) { fprintf(stderr, "usage: handoff KIND HOST:PORT [OPTION]...\n"); return 2; }
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) die("socketpair");
    pid_t tlsify = fork();
    if (tlsify == 0) {
        const char *args[64] = { "tlsify", "--control-fd=3", "--handoff", argv[1] };
        for (int i = 2; i < argc && i < 60; i++) args[i + 2] = argv[i];
        close(ends[0]);
        if (ends[1] != 3) { dup2(ends[1], 3); close(ends[1]); }
        execvp("tlsify", (char **)args);
        _exit(127);
    }
    close(ends[1]);
    while (!ready && control_line(ends[0], line, sizeof line, &fd)) {
        if (!strcmp(line, "handoff ktls")) ktls = 1;
        ready = !strcmp(line, "ready");
    }
    if (ready && fd >= 0) {
        pid_t writer = fork();
        if (writer == 0) {
            ssize_t n;
            while ((n = read(0, buf, sizeof buf)) > 0) send_all(fd, buf, n);
            if (ktls) ktls_end(fd); else shutdown(fd, SHUT_WR);
            _exit(0);
        }
        ssize_t n;
        while ((n = ktls ? ktls_read(fd, buf, sizeof buf) : read(fd, buf, sizeof buf)) > 0) send_all(1, buf, n);
        if (n < 0) fprintf(stderr, "handoff: the connection was cut\n");
        waitpid(writer, NULL, 0);
        close(fd);
        if (ktls && n < 0) return 6;
    }
    /* Until its end the control channel says how a socketpair's stream ended. */
    while (control_line(ends[0], line, sizeof line, &fd))
        if (!strncmp(line, "error ", 6)) fprintf(stderr, "handoff: %s\n", line);
    int status;
    waitpid(tlsify, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
