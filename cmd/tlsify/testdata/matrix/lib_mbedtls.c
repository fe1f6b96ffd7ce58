// Mbed TLS: 2.28, which has TLS 1.2 alone; 3.6; and 4, which draws its random numbers itself.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <mbedtls/version.h>
#if MBEDTLS_VERSION_MAJOR < 4
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#endif
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/oid.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <psa/crypto.h>

#include "peer.h"

struct tls { mbedtls_ssl_context ssl; mbedtls_net_context net; char name[200]; int resumed; };

static mbedtls_ssl_config conf;
#if MBEDTLS_VERSION_MAJOR < 4
static mbedtls_ctr_drbg_context rng;
static mbedtls_entropy_context entropy;
#endif
static mbedtls_x509_crt own, ca;
static mbedtls_pk_context own_key;
static mbedtls_ssl_session session;
static mbedtls_ssl_ticket_context tickets;
static const char *host; // NULL: we serve
static int have_session, redeemed;

#ifdef MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET
enum { NEW_TICKET = MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET };
#else
enum { NEW_TICKET = -0x7fffffff }; // no result is that
#endif

const char *lib_cannot[] = {
	"KeyUpdate", "has no KeyUpdate",
	"20-kB-chain", "neither takes nor sends a handshake message above 16 kB",
#if MBEDTLS_VERSION_MAJOR < 3
	"TLSv1.3", "has no TLS 1.3",
#endif
	NULL};

#if MBEDTLS_VERSION_MAJOR < 3
const char *lib_keys[] = {NULL}; // they are for TLS 1.3
#else
const char *lib_keys[] = {"psk", NULL};
#endif

const char *lib_name(void) {
	return "Mbed TLS " MBEDTLS_VERSION_STRING;
}

// parse_ticket notes that a ticket was taken.
static int parse_ticket(void *p, mbedtls_ssl_session *s, unsigned char *buf, size_t len) {
	int n = mbedtls_ssl_ticket_parse(p, s, buf, len);
	redeemed |= n == 0;
	return n;
}

void lib_setup(int server, int tls13, const char *chain, const char *key, const char *roots, const char *name) {
	host = server ? NULL : name;
#if MBEDTLS_VERSION_MAJOR >= 3
	psa_crypto_init();
#endif
#if MBEDTLS_VERSION_MAJOR < 4
	mbedtls_entropy_init(&entropy);
	mbedtls_ctr_drbg_init(&rng);
	mbedtls_ctr_drbg_seed(&rng, mbedtls_entropy_func, &entropy, NULL, 0);
#endif
	mbedtls_x509_crt_init(&own);
	mbedtls_x509_crt_init(&ca);
	mbedtls_pk_init(&own_key);
	mbedtls_ssl_session_init(&session);
	mbedtls_ssl_config_init(&conf);
#if MBEDTLS_VERSION_MAJOR == 3
	int no_key = mbedtls_pk_parse_keyfile(&own_key, key, NULL, mbedtls_ctr_drbg_random, &rng);
#else
	int no_key = mbedtls_pk_parse_keyfile(&own_key, key, NULL);
#endif
	if (no_key || mbedtls_x509_crt_parse_file(&own, chain) != 0 || mbedtls_x509_crt_parse_file(&ca, roots) != 0) die("no files");
	mbedtls_ssl_config_defaults(&conf, server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
#if MBEDTLS_VERSION_MAJOR < 4
	mbedtls_ssl_conf_rng(&conf, mbedtls_ctr_drbg_random, &rng);
#endif
	mbedtls_ssl_conf_authmode(&conf, server ? MBEDTLS_SSL_VERIFY_OPTIONAL : MBEDTLS_SSL_VERIFY_REQUIRED);
	mbedtls_ssl_conf_ca_chain(&conf, &ca, NULL);
	mbedtls_ssl_conf_own_cert(&conf, &own, &own_key);
#if MBEDTLS_VERSION_MAJOR < 3
	if (tls13) die("no TLS 1.3");
	mbedtls_ssl_conf_min_version(&conf, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
#else
	const char *identity;
	unsigned char secret[64];
	int len = psk(&identity, secret);
	if (len > 0) {
		mbedtls_ssl_conf_tls13_key_exchange_modes(&conf, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL);
		if (mbedtls_ssl_conf_psk(&conf, secret, len, (const unsigned char *)identity, strlen(identity)) != 0) die("no pre-shared key");
	}
	mbedtls_ssl_protocol_version version = tls13 ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2;
	mbedtls_ssl_conf_min_tls_version(&conf, version);
	mbedtls_ssl_conf_max_tls_version(&conf, version);
#endif
	if (server) {
		mbedtls_ssl_ticket_init(&tickets);
#if MBEDTLS_VERSION_MAJOR < 4
		mbedtls_ssl_ticket_setup(&tickets, mbedtls_ctr_drbg_random, &rng, MBEDTLS_CIPHER_AES_256_GCM, 86400);
#else
		mbedtls_ssl_ticket_setup(&tickets, PSA_ALG_GCM, PSA_KEY_TYPE_AES, 256, 86400);
#endif
		mbedtls_ssl_conf_session_tickets_cb(&conf, mbedtls_ssl_ticket_write, parse_ticket, &tickets);
	} else {
#ifdef MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED
		mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(&conf, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#endif
	}
}

static void complain(int n) {
	char text[200];
	mbedtls_strerror(n, text, sizeof text);
	fprintf(stderr, "%s (-0x%x)\n", text, -n);
}

static int any_more(int n) {
	return n == MBEDTLS_ERR_SSL_WANT_READ || n == MBEDTLS_ERR_SSL_WANT_WRITE || n == NEW_TICKET;
}

static void keep(struct tls *t) {
	mbedtls_ssl_session_free(&session);
	mbedtls_ssl_session_init(&session);
	have_session = mbedtls_ssl_get_session(&t->ssl, &session) == 0;
}

// A client that asks for an old session and gets it sees no certificate.
static int seen_certificate;
static int note_certificate(void *p, mbedtls_x509_crt *crt, int depth, uint32_t *flags) {
	(void)p; (void)crt; (void)depth; (void)flags;
	seen_certificate = 1;
	return 0;
}

struct tls *lib_handshake(int fd) {
	struct tls *t = calloc(1, sizeof *t);
	t->net.fd = fd;
	redeemed = seen_certificate = 0;
	mbedtls_ssl_init(&t->ssl);
	mbedtls_ssl_conf_verify(&conf, note_certificate, NULL);
	if (mbedtls_ssl_setup(&t->ssl, &conf) != 0) die("no connection");
	if (host) {
		mbedtls_ssl_set_hostname(&t->ssl, host);
		if (have_session) mbedtls_ssl_set_session(&t->ssl, &session);
	}
	mbedtls_ssl_set_bio(&t->ssl, &t->net, mbedtls_net_send, mbedtls_net_recv, NULL);
	int n;
	while (any_more(n = mbedtls_ssl_handshake(&t->ssl))) {}
	t->resumed = host ? !seen_certificate : redeemed;
	if (n == 0) {
		if (host && strcmp(mbedtls_ssl_get_version(&t->ssl), "TLSv1.2") == 0) keep(t);
		return t;
	}
	complain(n);
	mbedtls_ssl_free(&t->ssl);
	free(t);
	return NULL;
}

int lib_read(struct tls *t, char *buf, int len) {
	int n;
	while (any_more(n = mbedtls_ssl_read(&t->ssl, (unsigned char *)buf, len)))
		if (n == NEW_TICKET) keep(t);
	if (n > 0) return n;
	complain(n);
	return n == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ? 0 : -1;
}

int lib_write(struct tls *t, const char *buf, int len) {
	for (int done = 0; done < len;) {
		int n = mbedtls_ssl_write(&t->ssl, (const unsigned char *)buf + done, len - done);
		if (n > 0) done += n;
		else if (!any_more(n)) return -1;
	}
	return len;
}

void lib_close_notify(struct tls *t) { mbedtls_ssl_close_notify(&t->ssl); }
int lib_update(struct tls *t) { (void)t; return -1; }
int lib_resumed(struct tls *t) { return t->resumed; }

const char *lib_peer(struct tls *t) {
	const mbedtls_x509_crt *cert = mbedtls_ssl_get_peer_cert(&t->ssl);
	strcpy(t->name, "none");
	if (!cert) return t->name;
	for (const mbedtls_x509_name *n = &cert->subject; n; n = n->next)
		if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &n->oid) == 0) snprintf(t->name, sizeof t->name, "%.*s", (int)n->val.len, n->val.p);
	return t->name;
}

void lib_free(struct tls *t) {
	mbedtls_ssl_free(&t->ssl);
	free(t);
}
