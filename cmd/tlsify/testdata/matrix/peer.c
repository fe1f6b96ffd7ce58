// A peer for the matrix, on the TLS library that is linked with it. The others
// here, in other languages, do the same:
//
//   peer about                                           its name, and what it cannot do; the kinds of keys in place of certificates
//   peer server PORT VERSION IDENTITY ROOTS HOST         serves one connection after the other
//   peer client PORT VERSION IDENTITY ROOTS HOST TASK... a connection for each task
//
// VERSION is TLSv1.2 or TLSv1.3, IDENTITY.pem a chain and IDENTITY.key its key.
// A server's first line says what it is to do:
//
//   late      reads to the client's close_notify, then sends all of it back
//   echo N    sends N bytes back as they come, with KeyUpdates on the way
//   cut       sends a line and leaves without close_notify
//   gone      says on stdout how the client has ended: closed or truncated
//
// The first two answers end with a line about the client. A client's tasks are
// late and echo, as above; cut, to be told of a connection that was cut off; and
// drop, to leave without close_notify. It says on stdout how each went.
//
// A library whose KeyUpdates come by themselves, and are to be had only for a whole
// process, has them where PEER_UPDATES is in the environment; "cannot count" says so.
//
// With PEER_PSK or PEER_RAW in the environment (peer.h) there are keys in place of
// certificates, under TLS 1.3.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "peer.h"

enum { PIECE = 16000, PIECES = 14, UPDATE_EVERY = 4 };

void die(const char *what) {
	fprintf(stderr, "%s: %s\n", lib_name(), what);
	exit(1);
}

int psk(const char **identity, unsigned char key[64]) {
	static char name[300];
	const char *given = getenv("PEER_PSK"), *hex = given ? strrchr(given, ':') : NULL;
	int n = 0;
	if (!hex || hex - given >= (int)sizeof name) return 0;
	snprintf(name, sizeof name, "%.*s", (int)(hex - given), given);
	*identity = name;
	for (hex++; n < 64 && sscanf(hex, "%2hhx", &key[n]) == 1; hex += 2) n++;
	return n;
}

const char *raw(void) { return getenv("PEER_RAW"); }

static char own_spki[500];
const char *spki(void) { return own_spki; }

const char *same(const unsigned char *der, size_t len) {
	unsigned char want[5000];
	FILE *f = fopen(raw(), "rb");
	size_t n = f ? fread(want, 1, sizeof want, f) : 0;
	if (f) fclose(f);
	return n > 0 && n == len && memcmp(want, der, n) == 0 ? "the same key" : "another key";
}

static int tls13;

static int can(const char *what) {
	for (const char **c = lib_cannot; *c; c += 2)
		if (strcmp(*c, what) == 0) return 0;
	return 1;
}

// update sends a KeyUpdate where there is one to be sent.
static int update(struct tls *t) {
	if (!tls13 || !can("KeyUpdate")) return 0;
	if (lib_update(t) != 0) die("no KeyUpdate");
	return 1;
}

static void trailer(struct tls *t, int updates) {
	char line[300];
	snprintf(line, sizeof line, "client CN=%s resumed %d updates %d\n", lib_peer(t), lib_resumed(t), updates);
	lib_write(t, line, strlen(line));
}

// drain reads to the end and says how that was.
static const char *drain(struct tls *t) {
	char buf[PIECE];
	int n;
	while ((n = lib_read(t, buf, sizeof buf)) > 0) {}
	return n == 0 ? "closed" : "truncated";
}

static void serve(struct tls *t, int fd) {
	static char all[1 << 20];
	int len = 0, n, updates = 0;
	char *line = NULL;
	while (!line && (n = lib_read(t, all + len, sizeof all - len)) > 0) {
		len += n;
		line = memchr(all, '\n', len);
	}
	if (!line) return;
	*line++ = 0;
	char *body = line;
	int have = len - (body - all);
	if (strcmp(all, "late") == 0) {
		while ((n = lib_read(t, body + have, sizeof all - (body - all) - have)) > 0) have += n;
		if (n < 0) { fprintf(stderr, "late: cut off\n"); return; }
		lib_write(t, body, have);
		trailer(t, 0);
		lib_close_notify(t);
	} else if (strncmp(all, "echo ", 5) == 0) {
		int want = atoi(all + 5), seen = have;
		if (have > 0) lib_write(t, body, have);
		while (seen < want && (n = lib_read(t, body, PIECE)) > 0) {
			if ((seen + n) / (PIECE * UPDATE_EVERY) != seen / (PIECE * UPDATE_EVERY)) updates += update(t);
			seen += n;
			if (lib_write(t, body, n) < 0) { fprintf(stderr, "echo: not written\n"); return; }
		}
		trailer(t, updates);
		lib_close_notify(t);
		drain(t);
	} else if (strcmp(all, "cut") == 0) {
		lib_write(t, "partial\n", 8);
		shutdown(fd, SHUT_WR); // what libraries send when they are freed does not pass
		usleep(200000);
	} else if (strcmp(all, "gone") == 0) {
		printf("gone %s\n", drain(t));
		fflush(stdout);
	}
}

static char pattern(int i) { return (i >> 5) * 7 + i; }

static void ask(struct tls *t, int fd, const char *task) {
	static char sent[PIECE * PIECES], back[sizeof sent + 1000];
	int updates = 0, n, have = 0;
	for (int i = 0; i < (int)sizeof sent; i++) sent[i] = pattern(i);
	if (strcmp(task, "cut") == 0) {
		printf("cut %s\n", drain(t));
		return;
	}
	if (strcmp(task, "drop") == 0) {
		lib_write(t, sent, 1000);
		while (have < 1000 && (n = lib_read(t, back + have, 1000 - have)) > 0) have += n;
		shutdown(fd, SHUT_WR);
		printf("drop done\n");
		usleep(200000);
		return;
	}
	if (strcmp(task, "late") == 0) {
		lib_write(t, sent, sizeof sent);
		lib_close_notify(t);
	} else {
		for (int i = 0; i < PIECES; i++) {
			if (i % UPDATE_EVERY == UPDATE_EVERY - 1) updates += update(t);
			if (lib_write(t, sent + i * PIECE, PIECE) < 0) break;
			while (have < (i + 1) * PIECE && (n = lib_read(t, back + have, (i + 1) * PIECE - have)) > 0) have += n;
		}
		lib_close_notify(t);
	}
	// Under TLS 1.2 our close_notify has ended both directions.
	for (n = 0; tls13 && (n = lib_read(t, back + have, sizeof back - have)) > 0;) have += n;
	printf("%s %s %s resumed %d updates %d\n", task, have == sizeof sent && memcmp(back, sent, have) == 0 ? "same" : "other",
		n == 0 ? "closed" : "truncated", lib_resumed(t), updates);
}

int peer_main(int argc, char **argv) {
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && strcmp(argv[1], "about") == 0) {
		printf("name %s\n", lib_name());
		for (const char **c = lib_cannot; *c; c += 2) printf("cannot %s %s\n", c[0], c[1]);
		for (const char **c = lib_keys; *c; c++) printf("keys %s\n", *c);
		return 0;
	}
	if (argc < 7) die("usage: about | server|client PORT VERSION IDENTITY ROOTS HOST [TASK]...");
	int server = strcmp(argv[1], "server") == 0;
	char chain[500], key[500];
	snprintf(chain, sizeof chain, "%s.pem", argv[4]);
	snprintf(key, sizeof key, "%s.key", argv[4]);
	snprintf(own_spki, sizeof own_spki, "%s.spki", argv[4]);
	tls13 = strcmp(argv[3], "TLSv1.3") == 0;
	lib_setup(server, tls13, chain, key, argv[5], argv[6]);
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2])), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (server && (bind(listener, (struct sockaddr *)&addr, sizeof addr) || listen(listener, 8))) die("cannot listen");
	for (int i = 7; server || i < argc; i++) {
		int fd = server ? accept(listener, NULL, NULL) : socket(AF_INET, SOCK_STREAM, 0);
		if (fd < 0 || (!server && connect(fd, (struct sockaddr *)&addr, sizeof addr))) die("no connection");
		struct timeval limit = {20, 0};
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
		struct tls *t = lib_handshake(fd);
		if (t) {
			if (server) serve(t, fd);
			else ask(t, fd, argv[i]);
			lib_free(t);
		} else if (!server) {
			printf("%s NO handshake\n", argv[i]);
		}
		close(fd);
	}
	return 0;
}

#ifndef PEER_NO_MAIN
int main(int argc, char **argv) { return peer_main(argc, argv); }
#endif
