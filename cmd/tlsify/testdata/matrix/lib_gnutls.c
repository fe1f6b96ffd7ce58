// GnuTLS.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "peer.h"

struct tls { gnutls_session_t s; char name[200]; };

static gnutls_certificate_credentials_t cred;
static gnutls_priority_t priority;
static gnutls_datum_t ticket_key, session;
static const char *host; // NULL: we serve

const char *lib_cannot[] = {NULL};
const char *lib_keys[] = {"psk", "raw", NULL};

static gnutls_psk_client_credentials_t psk_client;
static gnutls_psk_server_credentials_t psk_server;

static int psk_of(gnutls_session_t s, const char *name, gnutls_datum_t *key) {
	(void)s;
	const char *identity;
	unsigned char secret[64];
	int len = psk(&identity, secret);
	if (strcmp(name, identity) != 0) return -1;
	key->data = gnutls_malloc(len);
	key->size = len;
	memcpy(key->data, secret, len);
	return 0;
}

// keys has keys in place of certificates, and returns the priority for it.
static const char *keys(const char *key) {
	const char *identity;
	unsigned char secret[64];
	gnutls_datum_t datum = {secret, 0};
	if ((datum.size = psk(&identity, secret)) > 0) {
		gnutls_psk_allocate_client_credentials(&psk_client);
		gnutls_psk_set_client_credentials(psk_client, identity, &datum, GNUTLS_PSK_KEY_RAW);
		gnutls_psk_allocate_server_credentials(&psk_server);
		gnutls_psk_set_server_credentials_function(psk_server, psk_of);
		return "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK";
	}
	char own[520]; // it takes one encoding for both
	snprintf(own, sizeof own, "%s.pem", spki());
	if (gnutls_certificate_set_rawpk_key_file(cred, own, key, GNUTLS_X509_FMT_PEM, NULL, 0, NULL, 0, 0, 0) < 0) die("no raw key");
	return "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CTYPE-ALL:+CTYPE-RAWPK";
}

const char *lib_name(void) {
	static char name[50];
	snprintf(name, sizeof name, "GnuTLS %s", gnutls_check_version(NULL));
	return name;
}

void lib_setup(int server, int tls13, const char *chain, const char *key, const char *roots, const char *name) {
	host = server ? NULL : name;
	gnutls_certificate_allocate_credentials(&cred);
	gnutls_session_ticket_key_generate(&ticket_key);
	if (getenv("PEER_PSK") || raw()) {
		gnutls_priority_init(&priority, keys(key), NULL);
		return;
	}
	if (gnutls_certificate_set_x509_trust_file(cred, roots, GNUTLS_X509_FMT_PEM) < 1 ||
	    gnutls_certificate_set_x509_key_file(cred, chain, key, GNUTLS_X509_FMT_PEM) < 0) die("no files");
	gnutls_priority_init(&priority, tls13 ? "NORMAL:-VERS-ALL:+VERS-TLS1.3" : "NORMAL:-VERS-ALL:+VERS-TLS1.2", NULL);
}

struct tls *lib_handshake(int fd) {
	struct tls *t = calloc(1, sizeof *t);
	gnutls_init(&t->s, (host ? GNUTLS_CLIENT : GNUTLS_SERVER) | (raw() ? GNUTLS_ENABLE_RAWPK : 0));
	gnutls_priority_set(t->s, priority);
	if (psk_client) gnutls_credentials_set(t->s, GNUTLS_CRD_PSK, host ? (void *)psk_client : (void *)psk_server);
	else gnutls_credentials_set(t->s, GNUTLS_CRD_CERTIFICATE, cred);
	if (host) {
		gnutls_server_name_set(t->s, GNUTLS_NAME_DNS, host, strlen(host));
		if (!psk_client && !raw()) gnutls_session_set_verify_cert(t->s, host, 0);
		if (session.data) gnutls_session_set_data(t->s, session.data, session.size);
	} else {
		gnutls_certificate_server_set_request(t->s, GNUTLS_CERT_REQUEST);
		gnutls_session_ticket_enable_server(t->s, &ticket_key);
	}
	gnutls_transport_set_int(t->s, fd);
	int n;
	while ((n = gnutls_handshake(t->s)) < 0 && !gnutls_error_is_fatal(n)) {}
	if (n == 0) return t;
	fprintf(stderr, "%s\n", gnutls_strerror(n));
	gnutls_deinit(t->s);
	free(t);
	return NULL;
}

// A session comes after the handshake, and is there when content has been read. What
// 3.8 gives after a KeyUpdate is not resumed.
static void keep(struct tls *t) {
	if (!host) return;
	gnutls_datum_t s;
	if (gnutls_session_get_data2(t->s, &s) == 0) session = s;
}

int lib_read(struct tls *t, char *buf, int len) {
	ssize_t n;
	time_t start = time(NULL); // it asks for another try for a record without content, too
	while ((n = gnutls_record_recv(t->s, buf, len)) < 0 && !gnutls_error_is_fatal(n) && time(NULL) - start < 20) {}
	if (n < 0) fprintf(stderr, "read: %s\n", gnutls_strerror(n));
	if (n > 0 && !session.data) keep(t);
	return n < 0 ? -1 : n;
}

int lib_write(struct tls *t, const char *buf, int len) {
	for (int done = 0; done < len;) {
		ssize_t n = gnutls_record_send(t->s, buf + done, len - done);
		if (n < 0 && gnutls_error_is_fatal(n)) {
			fprintf(stderr, "write: %s\n", gnutls_strerror(n));
			return -1;
		}
		if (n > 0) done += n;
	}
	return len;
}

void lib_close_notify(struct tls *t) { gnutls_bye(t->s, GNUTLS_SHUT_WR); }
int lib_update(struct tls *t) { return gnutls_session_key_update(t->s, GNUTLS_KU_PEER); }
int lib_resumed(struct tls *t) { return gnutls_session_is_resumed(t->s); }

const char *lib_peer(struct tls *t) {
	unsigned n = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(t->s, &n);
	strcpy(t->name, "none");
	if (n > 0 && raw()) return same(list[0].data, list[0].size);
	gnutls_x509_crt_t cert;
	size_t size = sizeof t->name;
	if (n > 0 && gnutls_x509_crt_init(&cert) == 0) {
		if (gnutls_x509_crt_import(cert, list, GNUTLS_X509_FMT_DER) == 0)
			gnutls_x509_crt_get_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, 0, t->name, &size);
		gnutls_x509_crt_deinit(cert);
	}
	return t->name;
}

void lib_free(struct tls *t) {
	gnutls_deinit(t->s);
	free(t);
}
