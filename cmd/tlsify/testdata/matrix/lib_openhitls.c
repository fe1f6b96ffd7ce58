// openHiTLS.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <bsl_sal.h>
#include <bsl_types.h>
#include <bsl_uio.h>
#include <bsl_version.h>
#include <crypt_eal_init.h>
#include <hitls.h>
#include <hitls_cert.h>
#include <hitls_cert_init.h>
#include <hitls_config.h>
#include <hitls_crypt_init.h>
#include <hitls_error.h>
#include <hitls_pki_x509.h>
#include <hitls_psk.h>
#include <hitls_session.h>
#include <hitls_sni.h>

#include "peer.h"

struct tls { HITLS_Ctx *ctx; BSL_UIO *uio; int fd, ended; char name[200]; };

static HITLS_Config *config;
static HITLS_Session *session;
static const char *host; // NULL: we serve

const char *lib_cannot[] = {
	"half-close-as-client", "takes no data once it has sent its close_notify",
	NULL};

const char *lib_keys[] = {"psk", NULL};

const char *lib_name(void) {
	static char name[40]; // without the date behind it
	char version[20] = "";
	sscanf(OPENHITLS_VERSION_S, "openHiTLS %19s", version);
	snprintf(name, sizeof name, "openHiTLS %s", version);
	return name;
}

static uint32_t client_psk(HITLS_Ctx *ctx, const uint8_t *hint, uint8_t *identity, uint32_t max_identity, uint8_t *key, uint32_t max) {
	(void)ctx; (void)hint; (void)max;
	const char *name;
	unsigned char secret[64];
	int len = psk(&name, secret);
	snprintf((char *)identity, max_identity, "%s", name);
	memcpy(key, secret, len);
	return len;
}

static uint32_t server_psk(HITLS_Ctx *ctx, const uint8_t *identity, uint8_t *key, uint32_t max) {
	(void)ctx; (void)max;
	const char *name;
	unsigned char secret[64];
	int len = psk(&name, secret);
	if (strcmp(name, (const char *)identity) != 0) return 0;
	memcpy(key, secret, len);
	return len;
}

#define must(x) do { int32_t r_ = (x); if (r_ != 0) { fprintf(stderr, "%s: 0x%x\n", #x, r_); die("no setup"); } } while (0)

void lib_setup(int server, int tls13, const char *chain, const char *key, const char *roots, const char *name) {
	host = server ? NULL : name;
	must(CRYPT_EAL_Init(CRYPT_EAL_INIT_ALL));
	HITLS_CertMethodInit();
	HITLS_CryptMethodInit();
	config = tls13 ? HITLS_CFG_NewTLS13Config() : HITLS_CFG_NewTLS12Config();
	must(HITLS_CFG_UseCertificateChainFile(config, chain));
	must(HITLS_CFG_LoadKeyFile(config, key, TLS_PARSE_FORMAT_PEM));
	if (server) {
		must(HITLS_CFG_SetClientVerifySupport(config, true));
		must(HITLS_CFG_SetNoClientCertSupport(config, true));
	} else {
		must(HITLS_CFG_SetHost(config, (void *)name));
	}
	must(HITLS_CFG_SetSessionTicketSupport(config, true));
	const char *identity;
	unsigned char secret[64];
	if (psk(&identity, secret) == 0) {
		must(HITLS_CFG_LoadVerifyFile(config, roots));
	} else {
		must(HITLS_CFG_SetKeyExchMode(config, TLS13_KE_MODE_PSK_WITH_DHE));
		must(server ? HITLS_CFG_SetPskServerCallback(config, server_psk) : HITLS_CFG_SetPskClientCallback(config, client_psk));
	}
}

static void complain(const char *what, int32_t n) { fprintf(stderr, "%s: 0x%x\n", what, n); }

static int any_more(struct tls *t, int32_t n) {
	int e = n == 0 ? 0 : HITLS_GetError(t->ctx, n);
	return e == HITLS_WANT_READ || e == HITLS_WANT_WRITE;
}

struct tls *lib_handshake(int fd) {
	struct tls *t = calloc(1, sizeof *t);
	t->ctx = HITLS_New(config);
	t->uio = BSL_UIO_New(BSL_UIO_TcpMethod());
	t->fd = fd;
	BSL_UIO_Ctrl(t->uio, BSL_UIO_SET_FD, sizeof fd, &fd);
	HITLS_SetUio(t->ctx, t->uio);
	if (host) {
		HITLS_SetServerName(t->ctx, (uint8_t *)host, strlen(host));
		if (session) HITLS_SetSession(t->ctx, session);
	}
	int32_t n;
	while (any_more(t, n = host ? HITLS_Connect(t->ctx) : HITLS_Accept(t->ctx))) {}
	if (n == 0) return t;
	complain("handshake", n);
	lib_free(t);
	return NULL;
}

int lib_read(struct tls *t, char *buf, int len) {
	uint32_t have = 0;
	int32_t n;
	while (any_more(t, n = HITLS_Read(t->ctx, (uint8_t *)buf, len, &have))) {}
	if (n == 0) return have;
	complain("read", n);
	uint32_t state = 0;
	HITLS_GetShutdownState(t->ctx, &state);
	if (n == HITLS_CM_LINK_CLOSED && (state & HITLS_RECEIVED_SHUTDOWN)) return 0;
	// Behind its own close_notify it takes that of the other and nothing else. What comes
	// all the same is read, or the end of the connection would be a reset.
	while (t->ended && recv(t->fd, buf, len, 0) > 0) {}
	return -1;
}

int lib_write(struct tls *t, const char *buf, int len) {
	for (int done = 0; done < len;) {
		uint32_t put = 0;
		int32_t n = HITLS_Write(t->ctx, (const uint8_t *)buf + done, len - done > 16384 ? 16384 : len - done, &put);
		if (n == 0) done += put;
		else if (!any_more(t, n)) { complain("write", n); return -1; }
	}
	return len;
}

void lib_close_notify(struct tls *t) {
	HITLS_Close(t->ctx);
	t->ended = 1;
}

int lib_update(struct tls *t) {
	return HITLS_KeyUpdate(t->ctx, HITLS_UPDATE_REQUESTED);
}

int lib_resumed(struct tls *t) {
	bool reused = false;
	HITLS_IsSessionReused(t->ctx, &reused);
	return reused;
}

const char *lib_peer(struct tls *t) {
	HITLS_CERT_X509 *cert = HITLS_GetPeerCertificate(t->ctx);
	strcpy(t->name, "none");
	if (!cert) return t->name;
	BSL_Buffer cn = {0};
	if (HITLS_X509_CertCtrl(cert, HITLS_X509_GET_SUBJECT_CN_STR, &cn, sizeof cn) == 0 && cn.data) {
		snprintf(t->name, sizeof t->name, "%.*s", (int)cn.dataLen, cn.data);
		BSL_SAL_Free(cn.data);
	}
	HITLS_CFG_FreeCert(config, cert);
	return t->name;
}

void lib_free(struct tls *t) {
	if (host) {
		HITLS_Session *s = HITLS_GetDupSession(t->ctx);
		if (s) {
			HITLS_SESS_Free(session);
			session = s;
		}
	}
	HITLS_Free(t->ctx);
	BSL_UIO_Free(t->uio);
	free(t);
}
