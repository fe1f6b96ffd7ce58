package pq

import (
	"context"
	"net"
	"os/exec"
	"strings"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
	"tlsify/engines/brotli"
)

// Certificate compression with OpenSSL and rustls, in both roles. That it was used
// shows in the number of bytes that came.

var compressionNames = map[string]uint16{"zlib": 1, "brotli": 2, "zstd": 3}

// withBrotli has what a build with utls gives the engine.
var withBrotli = []Compression{{brotli.ID, brotli.Compress, brotli.Decompress}}

// reading counts what is read.
type reading struct {
	net.Conn
	n int
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.n += n
	return n, err
}

// receives makes a handshake as the client, and tells how many bytes came.
func receives(t *testing.T, port string, id *engine.Identity, algorithm uint16) int {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	counted := &reading{Conn: conn}
	e := newEngine(preferences{compressions: []uint16{algorithm}, more: withBrotli})
	c := &engine.ClientConfig{Config: engine.Config{Verify: expectPeer(id)}, ServerName: testName, Identities: []*engine.Identity{id}}
	s, err := e.Client(ctx, counted, c)
	if err != nil {
		t.Fatalf("algorithm %d: %v", algorithm, err)
	}
	s.CloseWrite()
	return counted.n
}

// serves makes a handshake as the server of a client that shows id, and tells how
// many bytes came.
func serves(t *testing.T, id *engine.Identity, algorithm uint16, client func(port string)) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	client(port)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	counted := &reading{Conn: conn}
	e := newEngine(preferences{compressions: []uint16{algorithm}, more: withBrotli})
	s := &engine.ServerConfig{Config: engine.Config{Verify: expectPeer(id)}, Identities: []*engine.Identity{id}, ClientAuth: engine.ClientAuthRequire}
	session, err := e.Server(ctx, counted, s)
	if err != nil {
		t.Fatalf("algorithm %d: %v", algorithm, err)
	}
	n := counted.n
	session.CloseWrite()
	return n
}

// rustls compresses whatever the other side takes, as it was built: with zlib.
func TestCertificateCompressionWithRustls(t *testing.T) {
	rustls := needRustls(t)
	made := manyNamesOf(t, enginetest.PKI(t).Root)
	id := enginetest.Identity(made)
	ca, cert, key, _, _ := rustlsPKI(t, made, made)
	port := start(t, rustls, "server", cert, key, ca, "x25519").expect(t, "PORT ")
	for name, algorithm := range map[string]uint16{"zlib": 1} {
		whole, n := receives(t, port, id, 0x7777), receives(t, port, id, algorithm)
		if whole == n {
			t.Skip("no rustls (TLSIFY_TEST_RUSTLS) with certificate compression")
		}
		if whole-n < 2000 {
			t.Errorf("%s: %d bytes from the server, and %d without", name, n, whole)
		}
		client := func(port string) { start(t, rustls, "client", cert, key, ca, "x25519", port, testName) }
		if whole, n := serves(t, id, 0x7777, client), serves(t, id, algorithm, client); whole-n < 1000 {
			t.Errorf("%s: %d bytes from the client, and %d without", name, n, whole)
		}
	}
}

func TestCertificateCompressionWithOpenSSL(t *testing.T) {
	openssl := needNewOpenSSL(t)
	if out, _ := exec.Command(openssl, "s_server", "-help").CombinedOutput(); !strings.Contains(string(out), "-cert_comp") {
		t.Skip("no OpenSSL 3.5 or later (TLSIFY_TEST_OPENSSL) with certificate compression")
	}
	id := manyNames(t)
	cert, key := writeIdentity(t, id)
	port := enginetest.FreePort(t)
	start(t, openssl, "s_server", "-accept", port, "-cert", cert, "-key", key, "-cert_comp", "-quiet")
	enginetest.AwaitPort(t, port)
	for name, algorithm := range compressionNames {
		if whole, n := receives(t, port, id, 0x7777), receives(t, port, id, algorithm); whole-n < 2000 {
			t.Errorf("%s: %d bytes from the server, and %d without", name, n, whole)
		}
		client := func(options ...string) func(string) {
			return func(port string) {
				start(t, openssl, append([]string{"s_client", "-connect", "127.0.0.1:" + port, "-cert", cert, "-key", key, "-CAfile", cert}, options...)...)
			}
		}
		if whole, n := serves(t, id, algorithm, client("-no_tx_cert_comp")), serves(t, id, algorithm, client()); whole-n < 1000 {
			t.Errorf("%s: %d bytes from the client, and %d without", name, n, whole)
		}
	}
}
