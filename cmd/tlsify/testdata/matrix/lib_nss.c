// NSS. Its keys live in a database, which is made anew in a temporary folder.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cert.h>
#include <nssb64.h>
#include <keyhi.h>
#include <nss.h>
#include <pk11pub.h>
#include <private/pprio.h>
#include <prerror.h>
#include <prio.h>
#include <secerr.h>
#include <ssl.h>
#include <sslexp.h>
#include <sslproto.h>

#include "peer.h"

struct tls { PRFileDesc *fd; int closed; char name[200]; };

static const char *host; // NULL: we serve
static SSLVersionRange range;
static CERTCertificate *own;
static SECKEYPrivateKey *own_key;

const char *lib_cannot[] = {NULL};

const char *lib_keys[] = {NULL};

const char *lib_name(void) {
	static char name[50];
	snprintf(name, sizeof name, "NSS %s", NSS_GetVersion());
	return name;
}

static void need(int ok, const char *what) {
	if (ok) return;
	fprintf(stderr, "%s: %s: %d\n", lib_name(), what, PR_GetError());
	exit(1);
}

// next_block reads the next PEM block of the file as DER.
static int next_block(FILE *f, SECItem *der) {
	char line[200], text[60000] = "";
	memset(der, 0, sizeof *der);
	int in = 0;
	while (fgets(line, sizeof line, f)) {
		if (strncmp(line, "-----BEGIN", 10) == 0) in = 1;
		else if (strncmp(line, "-----END", 8) == 0) return NSSBase64_DecodeBuffer(NULL, der, text, strlen(text)) != NULL;
		else if (in) strcat(text, line);
	}
	return 0;
}

static CERTCertificate *import(SECItem *der, const char *nickname) {
	CERTCertificate *cert = CERT_NewTempCertificate(CERT_GetDefaultCertDB(), der, NULL, PR_FALSE, PR_TRUE);
	need(cert != NULL, "certificate");
	need(PK11_ImportCert(PK11_GetInternalKeySlot(), cert, CK_INVALID_HANDLE, nickname, PR_FALSE) == SECSuccess, "import");
	return cert;
}

void lib_setup(int server, int tls13, const char *chain, const char *key, const char *roots, const char *name) {
	host = server ? NULL : name;
	char dir[] = "/tmp/nss-peer-XXXXXX", db[100];
	if (!mkdtemp(dir)) die("no temporary folder");
	snprintf(db, sizeof db, "sql:%s", dir);
	need(NSS_InitReadWrite(db) == SECSuccess, "init");
	PK11SlotInfo *slot = PK11_GetInternalKeySlot();
	if (PK11_NeedUserInit(slot)) need(PK11_InitPin(slot, NULL, "") == SECSuccess, "pin");
	FILE *f = fopen(chain, "r");
	SECItem der;
	need(f && next_block(f, &der), "chain");
	own = import(&der, "own");
	for (int i = 0; next_block(f, &der); i++) import(&der, i ? "issuer 1" : "issuer 0");
	fclose(f);
	f = fopen(key, "r");
	need(f && next_block(f, &der), "key file");
	SECKEYPublicKey *public = CERT_ExtractPublicKey(own);
	SECItem *value = public->keyType == ecKey ? &public->u.ec.publicValue : &public->u.rsa.modulus;
	need(PK11_ImportDERPrivateKeyInfoAndReturnKey(slot, &der, NULL, value, PR_TRUE, PR_TRUE, KU_ALL, &own_key, NULL) == SECSuccess, "key");
	fclose(f);
	f = fopen(roots, "r");
	need(f && next_block(f, &der), "roots");
	CERTCertTrust trust;
	CERT_DecodeTrustString(&trust, "CT,C,C");
	need(CERT_ChangeCertTrust(CERT_GetDefaultCertDB(), import(&der, "root"), &trust) == SECSuccess, "trust");
	fclose(f);
	for (const char **file = (const char *[]){"cert9.db", "key4.db", "pkcs11.txt", NULL}; *file; file++) {
		snprintf(db, sizeof db, "%s/%s", dir, *file);
		unlink(db);
	}
	rmdir(dir); // what is open stays readable
	range.min = range.max = tls13 ? SSL_LIBRARY_VERSION_TLS_1_3 : SSL_LIBRARY_VERSION_TLS_1_2;
	NSS_SetDomesticPolicy();
	if (server) need(SSL_ConfigServerSessionIDCache(100, 0, 0, NULL) == SECSuccess, "cache");
}

static void note_alert(const PRFileDesc *fd, void *arg, const SSLAlert *alert) {
	(void)fd;
	if (alert->description == 0) ((struct tls *)arg)->closed = 1;
}

static SECStatus any(void *arg, PRFileDesc *fd, PRBool check, PRBool server) {
	(void)arg; (void)fd; (void)check; (void)server;
	return SECSuccess;
}

static SECStatus identity(void *arg, PRFileDesc *fd, CERTDistNames *names, CERTCertificate **cert, SECKEYPrivateKey **key) {
	(void)arg; (void)fd; (void)names;
	*cert = CERT_DupCertificate(own);
	*key = SECKEY_CopyPrivateKey(own_key);
	return SECSuccess;
}

struct tls *lib_handshake(int fd) {
	struct tls *t = calloc(1, sizeof *t);
	t->fd = SSL_ImportFD(NULL, PR_ImportTCPSocket(fd));
	need(t->fd != NULL, "import");
	SSL_VersionRangeSet(t->fd, &range);
	SSL_OptionSet(t->fd, SSL_ENABLE_SESSION_TICKETS, PR_TRUE);
	SSL_AlertReceivedCallback(t->fd, note_alert, t);
	if (host) {
		SSL_SetURL(t->fd, host);
		SSL_GetClientAuthDataHook(t->fd, identity, NULL);
	} else {
		need(SSL_ConfigServerCert(t->fd, own, own_key, NULL, 0) == SECSuccess, "identity");
		SSL_OptionSet(t->fd, SSL_REQUEST_CERTIFICATE, PR_TRUE);
		SSL_OptionSet(t->fd, SSL_REQUIRE_CERTIFICATE, SSL_REQUIRE_NEVER);
		SSL_AuthCertificateHook(t->fd, any, NULL);
	}
	SSL_ResetHandshake(t->fd, !host);
	if (SSL_ForceHandshakeWithTimeout(t->fd, PR_SecondsToInterval(20)) == SECSuccess) return t;
	fprintf(stderr, "%s\n", PR_ErrorToName(PR_GetError()));
	free(t); // the descriptor is closed by its owner
	return NULL;
}

int lib_read(struct tls *t, char *buf, int len) {
	int n = PR_Recv(t->fd, buf, len, 0, PR_SecondsToInterval(20));
	if (n > 0) return n;
	return n == 0 && t->closed ? 0 : -1;
}

int lib_write(struct tls *t, const char *buf, int len) { return PR_Send(t->fd, buf, len, 0, PR_SecondsToInterval(20)) == len ? len : -1; }
void lib_close_notify(struct tls *t) { PR_Shutdown(t->fd, PR_SHUTDOWN_SEND); }
int lib_update(struct tls *t) { return SSL_KeyUpdate(t->fd, PR_TRUE) == SECSuccess ? 0 : -1; }

int lib_resumed(struct tls *t) {
	SSLChannelInfo info;
	return SSL_GetChannelInfo(t->fd, &info, sizeof info) == SECSuccess && info.resumed;
}

const char *lib_peer(struct tls *t) {
	CERTCertificate *cert = SSL_PeerCertificate(t->fd);
	char *name = cert ? CERT_GetCommonName(&cert->subject) : NULL;
	snprintf(t->name, sizeof t->name, "%s", name ? name : "none");
	return t->name;
}

void lib_free(struct tls *t) { free(t); }
