// OpenSSL, and those that have its functions: BoringSSL, LibreSSL, wolfSSL.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef PEER_WOLFSSL
#include <wolfssl/options.h>
#include <wolfssl/openssl/ssl.h>
#include <wolfssl/openssl/err.h>
#include <wolfssl/version.h>
#else
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#endif

#include "peer.h"

struct tls { SSL *ssl; char name[200]; };

static SSL_CTX *ctx;
static SSL_SESSION *session;
static const char *host; // NULL: we serve

const char *lib_cannot[] = {
#ifdef LIBRESSL_VERSION_NUMBER
	"KeyUpdate", "has no function that sends a KeyUpdate",
	"resumption", "does not resume under TLS 1.3",
#endif
	NULL};

#if defined PEER_WOLFSSL || defined TLSEXT_cert_type_rpk && !defined OPENSSL_IS_BORINGSSL
#define PEER_HAS_RAW
#endif

const char *lib_keys[] = {
#if !defined LIBRESSL_VERSION_NUMBER && !defined OPENSSL_IS_BORINGSSL
	"psk",
#endif
#ifdef PEER_HAS_RAW
	"raw",
#endif
	NULL};

#if defined PEER_WOLFSSL
static unsigned psk_client(WOLFSSL *ssl, const char *hint, char *identity, unsigned most, unsigned char *key, unsigned most_key, const char **suite) {
	(void)ssl; (void)hint; (void)most_key;
	const char *name;
	int len = psk(&name, key);
	snprintf(identity, most, "%s", name);
	*suite = "TLS13-AES128-GCM-SHA256";
	return len;
}

static unsigned psk_server(WOLFSSL *ssl, const char *identity, unsigned char *key, unsigned most_key, const char **suite) {
	(void)ssl; (void)most_key;
	const char *name;
	int len = psk(&name, key);
	*suite = "TLS13-AES128-GCM-SHA256";
	return strcmp(name, identity) == 0 ? len : 0;
}

static void use_psk(void) {
	wolfSSL_CTX_set_psk_client_tls13_callback(ctx, psk_client);
	wolfSSL_CTX_set_psk_server_tls13_callback(ctx, psk_server);
}

// It takes the file of a key for a certificate, and leaves the other's key to be judged.
static const char *taken;
static int take(int ok, WOLFSSL_X509_STORE_CTX *store) {
	(void)ok;
	taken = store->totalCerts == 1 ? same(store->certs[0].buffer, store->certs[0].length) : "no key";
	return 1;
}

static void use_raw(const char *key) {
	char types[] = {WOLFSSL_CERT_TYPE_RPK};
	if (wolfSSL_CTX_set_server_cert_type(ctx, types, 1) != WOLFSSL_SUCCESS || wolfSSL_CTX_set_client_cert_type(ctx, types, 1) != WOLFSSL_SUCCESS ||
	    wolfSSL_CTX_use_certificate_file(ctx, spki(), WOLFSSL_FILETYPE_ASN1) != WOLFSSL_SUCCESS ||
	    wolfSSL_CTX_use_PrivateKey_file(ctx, key, WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS) die("no raw key");
	wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_PEER, take);
}
#elif !defined LIBRESSL_VERSION_NUMBER && !defined OPENSSL_IS_BORINGSSL
static unsigned psk_client(SSL *ssl, const char *hint, char *identity, unsigned most, unsigned char *key, unsigned most_key) {
	(void)ssl; (void)hint; (void)most_key;
	const char *name;
	int len = psk(&name, key);
	snprintf(identity, most, "%s", name);
	return len;
}

static unsigned psk_server(SSL *ssl, const char *identity, unsigned char *key, unsigned most_key) {
	(void)ssl; (void)most_key;
	const char *name;
	int len = psk(&name, key);
	return strcmp(name, identity) == 0 ? len : 0;
}

static void use_psk(void) {
	SSL_CTX_set_psk_client_callback(ctx, psk_client);
	SSL_CTX_set_psk_server_callback(ctx, psk_server);
}

#ifdef PEER_HAS_RAW
static EVP_PKEY *other;

static void use_raw(const char *key) {
	const unsigned char types[] = {TLSEXT_cert_type_rpk};
	BIO *in = BIO_new_file(raw(), "rb");
	if (!in || SSL_CTX_dane_enable(ctx) != 1 || !(other = d2i_PUBKEY_bio(in, NULL)) || SSL_CTX_set1_server_cert_type(ctx, types, 1) != 1 || SSL_CTX_set1_client_cert_type(ctx, types, 1) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) die("no raw key");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}
#endif
#endif

const char *lib_name(void) {
#ifdef PEER_WOLFSSL
	return "wolfSSL " LIBWOLFSSL_VERSION_STRING;
#elif defined OPENSSL_IS_BORINGSSL
	return "BoringSSL";
#else
	static char name[50]; // OpenSSL 3.0.17 1 Jul 2025
	snprintf(name, sizeof name, "%s", OpenSSL_version(OPENSSL_VERSION));
	char *end = strchr(name, ' ');
	if (end && (end = strchr(end + 1, ' '))) *end = 0;
	return name;
#endif
}

static int keep(SSL *ssl, SSL_SESSION *s) {
	(void)ssl;
	if (session) SSL_SESSION_free(session);
	session = s;
	return 1;
}

static int any(int ok, X509_STORE_CTX *store) { (void)store; return ok; }

void lib_setup(int server, int tls13, const char *chain, const char *key, const char *roots, const char *name) {
	host = server ? NULL : name;
	ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	int version = tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	SSL_CTX_set_mode(ctx, SSL_MODE_AUTO_RETRY);
#if !defined LIBRESSL_VERSION_NUMBER && !defined OPENSSL_IS_BORINGSSL
	if (getenv("PEER_PSK")) {
		use_psk();
		return;
	}
#endif
#ifdef PEER_HAS_RAW
	if (raw()) {
		use_raw(key);
		return;
	}
#endif
	if (SSL_CTX_use_certificate_chain_file(ctx, chain) != 1 || SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_load_verify_locations(ctx, roots, NULL) != 1) die("no files");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, any);
	if (server) {
		SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"matrix", 6);
		SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(roots));
	} else {
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
		SSL_CTX_sess_set_new_cb(ctx, keep);
	}
}

struct tls *lib_handshake(int fd) {
	struct tls *t = calloc(1, sizeof *t);
	t->ssl = SSL_new(ctx);
	SSL_set_fd(t->ssl, fd);
	int n;
#if defined PEER_HAS_RAW && !defined PEER_WOLFSSL
	if (raw() && (SSL_dane_enable(t->ssl, NULL) <= 0 || SSL_add_expected_rpk(t->ssl, other) != 1)) die("no key to expect");
#endif
	if (!host) {
		n = SSL_accept(t->ssl);
	} else {
		SSL_set_tlsext_host_name(t->ssl, (char *)host);
		X509_VERIFY_PARAM_set1_host(SSL_get0_param(t->ssl), host, strlen(host));
		if (session) SSL_set_session(t->ssl, session);
		n = SSL_connect(t->ssl);
	}
	if (n == 1) return t;
	ERR_print_errors_fp(stderr);
	SSL_free(t->ssl);
	free(t);
	return NULL;
}

int lib_read(struct tls *t, char *buf, int len) {
	ERR_clear_error();
	int n = SSL_read(t->ssl, buf, len);
	if (n > 0) return n;
	return SSL_get_error(t->ssl, n) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

int lib_write(struct tls *t, const char *buf, int len) { return SSL_write(t->ssl, buf, len) == len ? len : -1; }

void lib_close_notify(struct tls *t) { SSL_shutdown(t->ssl); }

int lib_update(struct tls *t) {
#ifdef LIBRESSL_VERSION_NUMBER
	return -1;
#elif defined PEER_WOLFSSL
	return wolfSSL_update_keys(t->ssl) == WOLFSSL_SUCCESS ? 0 : -1;
#elif defined OPENSSL_IS_BORINGSSL
	return SSL_key_update(t->ssl, SSL_KEY_UPDATE_REQUESTED) == 1 ? 0 : -1;
#else
	return SSL_key_update(t->ssl, SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(t->ssl) == 1 ? 0 : -1;
#endif
}

int lib_resumed(struct tls *t) { return SSL_session_reused(t->ssl); }

const char *lib_peer(struct tls *t) {
	strcpy(t->name, "none");
#ifdef PEER_WOLFSSL
	if (raw() && taken) return taken;
#elif defined PEER_HAS_RAW
	if (raw()) {
		unsigned char *der = NULL;
		int n = i2d_PUBKEY(SSL_get0_peer_rpk(t->ssl), &der);
		return n > 0 ? same(der, n) : t->name;
	}
#endif
	X509 *cert = SSL_get_peer_certificate(t->ssl);
	if (cert) X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, t->name, sizeof t->name);
	X509_free(cert);
	return t->name;
}

void lib_free(struct tls *t) {
	SSL_free(t->ssl);
	free(t);
}
