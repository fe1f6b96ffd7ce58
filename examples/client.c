/* client HOST:PORT [OPTION...]: what a program does with tlsify, in C, with no
   library. It asks an HTTP server for a page, prints the answer, and says what
   went wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Prints a line. A space is %20, and % is %25; what a terminal would obey stays. */
static void show(const char *what, const char *text)
{
    for (fputs(what, stderr); *text; text++)
        if (strncmp(text, "%20", 3) && strncmp(text, "%25", 3))
            fputc(*text, stderr);
        else
            fputc(text[2] == '0' ? ' ' : '%', stderr), text += 2;
}

/* Reads the control channel up to `ready`, for -1, or its end, for the status. */
static int hear(FILE *control, const char *what)
{
    static char line[350000]; /* the longest there is */
    for (int status; fgets(line, sizeof line, control);) {
        if (!strcmp(line, "ready\n"))
            return -1;
        if (sscanf(line, "end %d", &status) == 1)
            return status;
        if (!strncmp(line, "error ", 6)) /* error CODE TEXT */
            show(what, line + 6);
        if (!strncmp(line, "protocol ", 9) || !strncmp(line, "verified ", 9))
            show("", line);
    }
    return show("tlsify died\n", ""), 2;
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
        execvp(getenv("TLSIFY") ? getenv("TLSIFY") : "tlsify", args); /* it closes what else is open */
        _exit(127);
    }
    close(plain[1]), close(says[1]);
    FILE *control = fdopen(says[0], "r");
    if ((status = hear(control, "not connected: ")) >= 0) /* a bad certificate gets nothing of ours */
        return status;
    send(plain[0], "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL); /* if it fails the control channel tells why */
    for (ssize_t n; (n = read(plain[0], buf, sizeof buf)) > 0;)
        fwrite(buf, 1, n, stdout);
    close(plain[0]); /* the end of what we say: before the answer many servers take it for our leaving */
    return hear(control, "it did not end well: ");
}
