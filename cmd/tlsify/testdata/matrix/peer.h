// What a TLS library has to do for peer.c. One of lib_*.c has it.
#include <stddef.h>

struct tls; // one connection

extern const char *lib_name(void);  // with its version
extern const char *lib_cannot[];    // words of the matrix with the reason, in turn; then NULL

// setup loads the identity and the roots, once; a server asks for a client's
// certificate, and goes on without one. It ends the process where it fails.
void lib_setup(int server, int tls13, const char *chain, const char *key, const char *roots, const char *host);
struct tls *lib_handshake(int fd); // NULL where it failed, which it has said on stderr
int lib_read(struct tls *, char *buf, int len); // 0: close_notify came; -1: cut off, or an error
int lib_write(struct tls *, const char *buf, int len); // all of it, or -1
void lib_close_notify(struct tls *);
int lib_update(struct tls *); // a KeyUpdate that asks for the other's
int lib_resumed(struct tls *);
const char *lib_peer(struct tls *); // the common name of the other's certificate, or "none"
void lib_free(struct tls *); // a client keeps its session for the next one
extern const char *lib_keys[]; // psk, raw: what it can have in place of certificates; then NULL

// psk gives the key in PEER_PSK, IDENTITY:HEX, that both know in place of certificates:
// its length, or 0.
int psk(const char **identity, unsigned char key[64]);
// raw gives PEER_RAW, the file of the other's key (SubjectPublicKeyInfo, DER), where both
// show keys in place of certificates, or NULL; spki is one's own. same says what lib_peer
// does of the other's.
const char *raw(void);
const char *spki(void);
const char *same(const unsigned char *der, size_t len);
_Noreturn void die(const char *what);
