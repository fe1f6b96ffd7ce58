/* client HOST:PORT [OPTION...]: what a program does with tlsify, in C, with no
   library. It sends a line, ends its half, prints the answer, and says what
   went wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads the control channel up to `ready` (and returns -1) or its end (and
   returns the status). */
static int hear(FILE *control, const char *what)
{
    static char line[70000];
    char code[40], text[1000];
    int status;
    while (fgets(line, sizeof line, control)) {
        if (!strcmp(line, "ready\n"))
            return -1;
        if (sscanf(line, "end %d", &status) == 1)
            return status;
        if (sscanf(line, "error %39s %999[^\n]", code, text) == 2)
            fprintf(stderr, "%s: %s (%s)\n", what, text, code);
        if (!strncmp(line, "protocol ", 9) || !strncmp(line, "verified ", 9))
            fprintf(stderr, "%s", line);
    }
    fprintf(stderr, "tlsify died\n");
    return 2;
}

int main(int argc, char **argv)
{
    int plain[2], says[2], status;
    char *args[100] = {"tlsify", "connect", "--control-fd", "3"}, buf[65536];
    if (argc < 2 || argc > 90 || socketpair(AF_UNIX, SOCK_STREAM, 0, plain) || pipe(says))
        return 1;
    memcpy(args + 4, argv + 2, (argc - 2) * sizeof *argv);
    args[argc + 2] = argv[1];
    if (!fork()) { /* the plaintext is one socket, the control channel a pipe */
        dup2(plain[1], 0), dup2(plain[1], 1), dup2(says[1], 3);
        /* what else is open here tlsify closes */
        execvp(getenv("TLSIFY") ? getenv("TLSIFY") : "tlsify", args);
        _exit(127);
    }
    close(plain[1]), close(says[1]);
    FILE *control = fdopen(says[0], "r");
    /* Before `ready` there is nothing to say to anyone; a bad certificate never gets there. */
    if ((status = hear(control, "not connected")) >= 0)
        return status;
    send(plain[0], "hello from C\n", 13, MSG_NOSIGNAL); /* if it fails the control channel tells why */
    shutdown(plain[0], SHUT_WR); /* the end of what we say: the server can still answer */
    for (ssize_t n; (n = read(plain[0], buf, sizeof buf)) > 0;)
        fwrite(buf, 1, n, stdout);
    return hear(control, "it did not end well");
}
