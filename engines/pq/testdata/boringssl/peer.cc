// A TLS 1.3 client and server on BoringSSL, a peer for the tests of the engine pq.
// They know Merkle Tree Certificates and trust anchor IDs, and their peers by keys.
//
//   peer client PORT CA.pem NAME [ID]...    connects to 127.0.0.1, verifies, says
//       what it saw, sends "ping\n" and prints the line that comes back
//   peer server CHAIN.pem KEY.pem [CHAIN.pem KEY.pem]...    prints its port, and
//       answers every client with the line that it sent; a chain with
//       CERTIFICATE PROPERTIES in it is for clients that ask for its anchor
//   peer client PORT raw KEY.pem PUBLIC.pem    shows a raw public key, and takes one
//   peer client PORT psk IDENTITY HEX          has an imported key
//   peer server raw KEY.pem PUBLIC.pem         the same of a server
//   peer server psk IDENTITY HEX
//
// Build it with BoringSSL's include folder and its libssl.a and libcrypto.a.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace {

[[noreturn]] void Die(const char *what) {
  printf("error %s\n", what);
  ERR_print_errors_fp(stdout);
  fflush(stdout);
  _exit(1);
}

// AddAnchor writes an ID in dotted decimal as its length and bytes.
void AddAnchor(std::string *list, const char *text) {
  bssl::ScopedCBB cbb;
  uint8_t *der;
  size_t len;
  if (!CBB_init(cbb.get(), 16) ||
      !CBB_add_asn1_relative_oid_from_text(cbb.get(), text, strlen(text)) ||
      !CBB_finish(cbb.get(), &der, &len)) {
    Die("trust anchor ID");
  }
  list->push_back(static_cast<char>(len));
  list->append(reinterpret_cast<char *>(der), len);
  OPENSSL_free(der);
}

// ReadLine reads up to a newline, which it keeps.
std::string ReadLine(SSL *ssl) {
  std::string line;
  char c;
  while (SSL_read(ssl, &c, 1) == 1) {
    line.push_back(c);
    if (c == '\n') {
      break;
    }
  }
  return line;
}

int Connect(const char *port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in addr = {};
  addr.sin_family = AF_INET;
  addr.sin_port = htons(static_cast<uint16_t>(atoi(port)));
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr *>(&addr), sizeof(addr)) != 0) {
    Die("connect");
  }
  return fd;
}

// Ping sends a line, and prints what comes back.
void Ping(SSL *ssl) {
  SSL_write(ssl, "ping\n", 5);
  printf("%s", ReadLine(ssl).c_str());
  SSL_shutdown(ssl);
}

// TakeSchemes has signatures taken that are not by default.
void TakeSchemes(SSL_CTX *ctx) {
  const uint16_t schemes[] = {SSL_SIGN_ML_DSA_44,
                              SSL_SIGN_ML_DSA_65,
                              SSL_SIGN_ML_DSA_87,
                              SSL_SIGN_ECDSA_SECP256R1_SHA256,
                              SSL_SIGN_ED25519,
                              SSL_SIGN_RSA_PSS_RSAE_SHA256};
  if (!SSL_CTX_set_verify_algorithm_prefs(ctx, schemes, sizeof(schemes) / 2)) {
    Die("signature algorithms");
  }
}

EVP_PKEY *peer_key;  // the one that is taken

ssl_verify_result_t VerifyRaw(SSL *ssl, uint8_t *alert) {
  EVP_PKEY *shown = SSL_get0_peer_rpk(ssl);
  return shown != nullptr && EVP_PKEY_cmp(shown, peer_key) == 1
             ? ssl_verify_ok
             : ssl_verify_invalid;
}

// AddKey gives a context a raw public key and the peer's, or an imported one.
void AddKey(SSL_CTX *ctx, const char *kind, const char *own, const char *other) {
  bssl::UniquePtr<SSL_CREDENTIAL> cred;
  if (strcmp(kind, "raw") == 0) {
    bssl::UniquePtr<BIO> bio(BIO_new_file(own, "r"));
    bssl::UniquePtr<BIO> other_bio(BIO_new_file(other, "r"));
    if (!bio || !other_bio) {
      Die("a file");
    }
    bssl::UniquePtr<EVP_PKEY> pkey(
        PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
    peer_key = PEM_read_bio_PUBKEY(other_bio.get(), nullptr, nullptr, nullptr);
    const uint8_t types[] = {TLSEXT_cert_type_rpk};
    if (!pkey || !peer_key ||
        !SSL_CTX_set1_accepted_peer_cert_types(ctx, types, 1)) {
      Die("a key");
    }
    cred.reset(SSL_CREDENTIAL_new_raw_public_key(pkey.get()));
    TakeSchemes(ctx);
    SSL_CTX_set_custom_verify(
        ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, VerifyRaw);
  } else {
    std::string key;
    for (const char *c = other; c[0] && c[1]; c += 2) {
      key.push_back(static_cast<char>(
          strtol(std::string(c, 2).c_str(), nullptr, 16)));
    }
    cred.reset(SSL_CREDENTIAL_new_pre_shared_key(
        reinterpret_cast<const uint8_t *>(key.data()), key.size(),
        reinterpret_cast<const uint8_t *>(own), strlen(own), EVP_sha256(),
        nullptr, 0));
  }
  if (!cred || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
      !SSL_CTX_add1_credential(ctx, cred.get())) {
    Die("a credential");
  }
}

int KeyClient(char **argv) {
  bssl::UniquePtr<SSL_CTX> ctx(SSL_CTX_new(TLS_method()));
  AddKey(ctx.get(), argv[3], argv[4], argv[5]);
  bssl::UniquePtr<SSL> ssl(SSL_new(ctx.get()));
  SSL_set_fd(ssl.get(), Connect(argv[2]));
  if (SSL_connect(ssl.get()) != 1) {
    Die("handshake");
  }
  Ping(ssl.get());
  return 0;
}

int Client(int argc, char **argv) {
  bssl::UniquePtr<SSL_CTX> ctx(SSL_CTX_new(TLS_method()));
  if (!SSL_CTX_set_min_proto_version(ctx.get(), TLS1_3_VERSION) ||
      !SSL_CTX_load_verify_locations(ctx.get(), argv[3], nullptr)) {
    Die("the CA's certificate");
  }
  SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER, nullptr);
  // The CA's certificate is unsigned, and so no root to a verifier that ends
  // only at what is self-signed.
  X509_VERIFY_PARAM_set_flags(
      SSL_CTX_get0_param(ctx.get()),
      X509_V_FLAG_USE_MTC_DRAFT_PLANTS_05 | X509_V_FLAG_PARTIAL_CHAIN);
  TakeSchemes(ctx.get());
  bssl::UniquePtr<SSL> ssl(SSL_new(ctx.get()));
  std::string anchors;
  for (int i = 5; i < argc; i++) {
    AddAnchor(&anchors, argv[i]);
  }
  if (!SSL_set_tlsext_host_name(ssl.get(), argv[4]) ||
      !SSL_set1_host(ssl.get(), argv[4]) ||
      !SSL_set1_requested_trust_anchors(
          ssl.get(), reinterpret_cast<const uint8_t *>(anchors.data()),
          anchors.size())) {
    Die("configuration");
  }
  SSL_set_fd(ssl.get(), Connect(argv[2]));
  SSL_set_verify(ssl.get(), SSL_VERIFY_PEER, [](int ok, X509_STORE_CTX *store) {
    SSL *s = static_cast<SSL *>(X509_STORE_CTX_get_ex_data(
        store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    if (X509_STORE_CTX_get_error_depth(store) == 0 || !ok) {
      const uint8_t *ids;
      size_t len;
      SSL_get0_peer_available_trust_anchors(s, &ids, &len);
      printf("matched %d\navailable %zu\n", SSL_peer_matched_trust_anchor(s),
             len);
      if (!ok) {
        printf("verify %s\n", X509_verify_cert_error_string(
                                  X509_STORE_CTX_get_error(store)));
      }
    }
    return ok;
  });
  if (SSL_connect(ssl.get()) != 1) {
    Die("handshake");
  }
  printf("verified %ld\ngroup %s\nsignature %s\n",
         SSL_get_verify_result(ssl.get()),
         SSL_get_group_name(SSL_get_group_id(ssl.get())),
         SSL_get_signature_algorithm_name(
             SSL_get_peer_signature_algorithm(ssl.get()), 0));
  Ping(ssl.get());
  return 0;
}

// AddCredential adds a chain with its key.
void AddCredential(SSL_CTX *ctx, const char *chain, const char *key) {
  bssl::UniquePtr<SSL_CREDENTIAL> cred(SSL_CREDENTIAL_new_x509());
  bssl::UniquePtr<BIO> bio(BIO_new_file(chain, "r"));
  bssl::UniquePtr<BIO> key_bio(BIO_new_file(key, "r"));
  if (!bio || !key_bio) {
    Die("a file");
  }
  bssl::UniquePtr<EVP_PKEY> pkey(
      PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
  std::vector<CRYPTO_BUFFER *> certs;
  char *name, *header;
  uint8_t *data;
  long len;
  while (PEM_read_bio(bio.get(), &name, &header, &data, &len)) {
    CRYPTO_BUFFER *buffer = CRYPTO_BUFFER_new(data, len, nullptr);
    if (strcmp(name, "CERTIFICATE PROPERTIES") == 0) {
      if (!SSL_CREDENTIAL_set1_certificate_properties(cred.get(), buffer)) {
        Die("certificate properties");
      }
      SSL_CREDENTIAL_set_must_match_issuer(cred.get(), 1);
    } else {
      certs.push_back(buffer);
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
  }
  ERR_clear_error();
  if (!pkey ||
      !SSL_CREDENTIAL_set1_cert_chain(cred.get(), certs.data(), certs.size()) ||
      !SSL_CREDENTIAL_set1_private_key(cred.get(), pkey.get()) ||
      !SSL_CTX_add1_credential(ctx, cred.get())) {
    Die("a credential");
  }
}

int Server(int argc, char **argv) {
  bssl::UniquePtr<SSL_CTX> ctx(SSL_CTX_new(TLS_method()));
  if (argc == 5) {
    AddKey(ctx.get(), argv[2], argv[3], argv[4]);
  }
  for (int i = 2; argc != 5 && i + 1 < argc; i += 2) {
    AddCredential(ctx.get(), argv[i], argv[i + 1]);
  }
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in addr = {};
  addr.sin_family = AF_INET;
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(addr);
  if (bind(listener, reinterpret_cast<sockaddr *>(&addr), size) != 0 ||
      listen(listener, 16) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr *>(&addr), &size) != 0) {
    Die("listen");
  }
  printf("port %d\n", ntohs(addr.sin_port));
  fflush(stdout);
  for (;;) {
    int fd = accept(listener, nullptr, nullptr);
    if (fd < 0) {
      Die("accept");
    }
    bssl::UniquePtr<SSL> ssl(SSL_new(ctx.get()));
    SSL_set_fd(ssl.get(), fd);
    if (SSL_accept(ssl.get()) == 1) {
      std::string line = ReadLine(ssl.get());
      SSL_write(ssl.get(), line.data(), static_cast<int>(line.size()));
      SSL_shutdown(ssl.get());
    }
    close(fd);
  }
}

}  // namespace

int main(int argc, char **argv) {
  if (argc == 6 && strcmp(argv[1], "client") == 0 &&
      (strcmp(argv[3], "raw") == 0 || strcmp(argv[3], "psk") == 0)) {
    return KeyClient(argv);
  }
  if (argc >= 5 && strcmp(argv[1], "client") == 0) {
    return Client(argc, argv);
  }
  if (argc >= 4 && strcmp(argv[1], "server") == 0) {
    return Server(argc, argv);
  }
  fprintf(stderr, "usage: peer client PORT CA.pem NAME [ID]... | peer server CHAIN.pem KEY.pem...\n");
  return 2;
}
