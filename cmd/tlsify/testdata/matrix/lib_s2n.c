// s2n-tls, linked by rust/build.rs.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <s2n.h>

#include "peer.h"

struct tls { struct s2n_connection *c; };

static struct s2n_config *config;
static const char *host; // NULL: we serve
static uint8_t session[1 << 16];
static size_t session_len;

const char *lib_cannot[] = {
	"resumption-as-server", "does not resume where it asks for a client's certificate",
	NULL};
const char *lib_keys[] = {NULL};

const char *lib_name(void) { return "s2n-tls " S2N_VERSION; }

static void need(int n, const char *what) {
	if (n >= 0) return;
	fprintf(stderr, "%s: %s (%s)\n", what, s2n_strerror(s2n_errno, "EN"), s2n_strerror_debug(s2n_errno, "EN"));
	exit(1);
}

static char *content(const char *name) {
	static char text[2][100000];
	static int i;
	char *t = text[i++ % 2];
	FILE *f = fopen(name, "r");
	if (!f) die("no file");
	t[fread(t, 1, sizeof text[0] - 1, f)] = 0;
	fclose(f);
	return t;
}

static uint8_t any(const char *name, size_t len, void *arg) { (void)name; (void)len; (void)arg; return 1; }

static int keep(struct s2n_connection *c, void *arg, struct s2n_session_ticket *ticket) {
	(void)c; (void)arg;
	s2n_session_ticket_get_data_len(ticket, &session_len);
	return s2n_session_ticket_get_data(ticket, sizeof session, session);
}

void lib_setup(int server, int tls13, const char *chain, const char *key, const char *roots, const char *name) {
	host = server ? NULL : name;
	setenv("S2N_DONT_MLOCK", "1", 1);
	need(s2n_init(), "init");
	config = s2n_config_new();
	need(s2n_config_set_cipher_preferences(config, tls13 ? "AWS-CRT-SDK-TLSv1.3" : "ELBSecurityPolicy-TLS-1-2-Ext-2018-06"), "policy");
	need(s2n_config_add_cert_chain_and_key(config, content(chain), content(key)), "identity");
	need(s2n_config_wipe_trust_store(config), "roots");
	need(s2n_config_set_verification_ca_location(config, roots, NULL), "roots");
	need(s2n_config_set_client_auth_type(config, S2N_CERT_AUTH_OPTIONAL), "client authentication");
	need(s2n_config_set_session_tickets_onoff(config, 1), "tickets");
	if (server) {
		s2n_config_set_verify_host_callback(config, any, NULL);
		uint8_t secret[32] = {1};
		need(s2n_config_add_ticket_crypto_key(config, (uint8_t *)"key", 3, secret, sizeof secret, 0), "ticket key");
	} else {
		need(s2n_config_set_session_ticket_cb(config, keep, NULL), "tickets");
	}
}

struct tls *lib_handshake(int fd) {
	struct tls *t = calloc(1, sizeof *t);
	s2n_blocked_status blocked;
	t->c = s2n_connection_new(host ? S2N_CLIENT : S2N_SERVER);
	need(s2n_connection_set_config(t->c, config), "config");
	need(s2n_connection_set_fd(t->c, fd), "descriptor");
	need(s2n_connection_set_blinding(t->c, S2N_SELF_SERVICE_BLINDING), "blinding");
	if (host) {
		need(s2n_set_server_name(t->c, host), "name");
		if (session_len) need(s2n_connection_set_session(t->c, session, session_len), "session");
	}
	if (s2n_negotiate(t->c, &blocked) == 0) return t;
	fprintf(stderr, "%s (%s)\n", s2n_strerror(s2n_errno, "EN"), s2n_strerror_debug(s2n_errno, "EN"));
	s2n_connection_free(t->c);
	free(t);
	return NULL;
}

int lib_read(struct tls *t, char *buf, int len) {
	s2n_blocked_status blocked;
	int n = s2n_recv(t->c, buf, len, &blocked);
	if (n < 0) fprintf(stderr, "read: %s (%s)\n", s2n_strerror(s2n_errno, "EN"), s2n_strerror_debug(s2n_errno, "EN"));
	return n;
}

int lib_write(struct tls *t, const char *buf, int len) {
	s2n_blocked_status blocked;
	for (int done = 0; done < len;) {
		ssize_t n = s2n_send(t->c, buf + done, len - done, &blocked);
		if (n < 0) return -1;
		done += n;
	}
	return len;
}

void lib_close_notify(struct tls *t) {
	s2n_blocked_status blocked;
	s2n_shutdown_send(t->c, &blocked);
}

// It cannot ask for the other's, and sends its own with the next record.
int lib_update(struct tls *t) { return s2n_connection_request_key_update(t->c, S2N_KEY_UPDATE_NOT_REQUESTED); }
int lib_resumed(struct tls *t) { return s2n_connection_is_session_resumed(t->c) == 1; }

// It has no names of a certificate. The matrix has only one client.
const char *lib_peer(struct tls *t) {
	static const char name[] = "tlsify test client";
	uint8_t *der = NULL;
	uint32_t len = 0;
	if (s2n_connection_get_client_cert_chain(t->c, &der, &len) != 0 || !der) return "none";
	for (uint32_t i = 0; i + sizeof name <= len; i++)
		if (memcmp(der + i, name, sizeof name - 1) == 0) return name;
	return "another";
}

void lib_free(struct tls *t) {
	s2n_connection_free(t->c);
	free(t);
}
