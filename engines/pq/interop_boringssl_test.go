package pq

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tlsify/engine"
	"tlsify/engine/trustanchor"
	"tlsify/verify"
	"tlsify/verify/mtc"
)

// BoringSSL as the peer, for what it alone has, Merkle Tree Certificates and trust
// anchor IDs, and for keys in place of certificates. It is a program of ours on its library, which the tests do
// not build:
//
//	cmake -GNinja -B BUILD -DCMAKE_BUILD_TYPE=Release SOURCE && ninja -C BUILD ssl crypto
//	g++ -std=c++17 -I SOURCE/include engines/pq/testdata/boringssl/peer.cc BUILD/libssl.a BUILD/libcrypto.a -lpthread -o PEER
//
// and TLSIFY_TEST_BORINGSSL=PEER.

// merkleFiles are a CA's, and the certificates of a server at localhost: with
// ML-DSA throughout.
type merkleFiles struct {
	t     *testing.T
	dir   string
	trust *mtc.Trust // with the landmarks
}

func (f *merkleFiles) path(name string) string { return filepath.Join(f.dir, name) }

func newMerkleFiles(t *testing.T) *merkleFiles {
	t.Helper()
	f := &merkleFiles{t: t, dir: t.TempDir(), trust: &mtc.Trust{}}
	tool := f.path("tlsify-mtc")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", tool, "../../cmd/tlsify-mtc").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var out []byte
	for _, line := range []string{
		"init ca --id 32473.1", "cosigner ca --id 32473.2.1 --kind mldsa65", "fill ca 600", "key server.key --kind mldsa44",
		"issue ca --name localhost --key server.key --out standalone.pem --cosigners 1", "landmark ca",
		"relative ca --cert standalone.pem --out relative.pem", "landmarks ca/log/1 --ca ca/ca.pem",
	} {
		cmd := exec.Command(tool, strings.Fields(line)...)
		cmd.Dir = f.dir
		var err error
		if out, err = cmd.Output(); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	logs := must(mtc.ParseLandmarks(out))
	if err := f.trust.AddLandmarks(logs...); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *merkleFiles) identity(name string) *engine.Identity {
	f.t.Helper()
	id := &engine.Identity{}
	for rest := must(os.ReadFile(f.path(name))); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == trustanchor.PEMType {
			id.Anchors = must(trustanchor.ParseProperties(block.Bytes))
		} else {
			id.Chain = append(id.Chain, block.Bytes)
		}
	}
	id.Leaf = must(x509.ParseCertificate(id.Chain[0]))
	id.Small = mtc.IsRelative(id.Leaf)
	block, _ := pem.Decode(must(os.ReadFile(f.path("server.key"))))
	id.Key = must(parseSigner(block.Bytes))
	return id
}

// verifier judges by the CA, with or without the landmarks, and tells which
// certificate came and which there are.
func (f *merkleFiles) verifier(landmarks bool, relative *bool, anchors *[]trustanchor.ID) func(*engine.Peer) error {
	store := must(verify.LoadStore(f.path("ca/ca.pem")))
	policy := &verify.Policy{Names: []verify.Name{must(verify.ParseName("localhost"))}, Trust: []*verify.Store{store}, PostQuantum: true}
	if landmarks {
		policy.MTC = f.trust
	}
	return func(p *engine.Peer) error {
		*relative, *anchors = mtc.IsRelative(p.Certificates[0]), p.Anchors
		_, err := policy.Check(verify.Evidence{Certificates: p.Certificates})
		return err
	}
}

func needBoringSSL(t *testing.T) string {
	t.Helper()
	peer := os.Getenv("TLSIFY_TEST_BORINGSSL")
	if peer == "" {
		t.Skip("no peer on BoringSSL (TLSIFY_TEST_BORINGSSL)")
	}
	return peer
}

// BoringSSL's client takes a standalone certificate of ours; it has no landmarks
// and says so, and what it could have had instead it is told.
func TestServerWithBoringSSL(t *testing.T) {
	peer := needBoringSSL(t)
	f := newMerkleFiles(t)
	for _, tt := range []struct {
		name    string
		anchors []string
		want    []string
	}{
		{"by the CA", []string{"32473.1"}, []string{"verified 0", "matched 1", "group X25519MLKEM768", "signature mldsa44", "ping"}},
		{"by nothing", nil, []string{"verified 0", "matched 0", "ping"}},
		{"by another", []string{"32473.9"}, []string{"verified 0", "matched 0", "ping"}},
		{"by a landmark that it has not", []string{"32473.1.2.1.1"}, []string{"matched 1", "available 13", "verify certificate signature failure", "error handshake"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
				defer cancel()
				s, err := New().Server(ctx, conn, &engine.ServerConfig{Config: engine.Config{Verify: expectPeer(nil)},
					Identities: []*engine.Identity{f.identity("relative.pem"), f.identity("standalone.pem")}})
				if err != nil {
					return
				}
				line := make([]byte, 5)
				if n, err := s.Read(line); err == nil {
					s.Write(line[:n])
				}
				s.CloseWrite()
			}()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			out, _ := exec.Command(peer, append([]string{"client", port, f.path("ca/ca.pem"), "localhost"}, tt.anchors...)...).CombinedOutput()
			for _, want := range tt.want {
				if !strings.Contains(string(out), want+"\n") {
					t.Errorf("no %q in %s", want, out)
				}
			}
		})
	}
}

// BoringSSL's server chooses by our trust anchors.
func TestClientWithBoringSSL(t *testing.T) {
	peer := needBoringSSL(t)
	f := newMerkleFiles(t)
	p := start(t, peer, "server", f.path("relative.pem"), f.path("server.key"), f.path("standalone.pem"), f.path("server.key"))
	port := p.expect(t, "port ")
	for _, tt := range []struct {
		name      string
		anchors   []trustanchor.ID
		landmarks bool
		relative  bool
		ok        bool
	}{
		{"the CA", anchorIDs("32473.1"), false, false, true},
		{"a landmark group", anchorIDs("32473.1.2.1.1"), true, true, true},
		{"a later landmark group", anchorIDs("32473.1.2.1.20"), true, true, true},
		{"a landmark group, and no landmarks", anchorIDs("32473.1.2.1.1"), false, true, false},
		{"the landmark itself", anchorIDs("32473.1.1.1.1"), true, true, true},
		{"a group after it was active", anchorIDs("32473.1.2.1.30"), true, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			var relative bool
			var anchors []trustanchor.ID
			c := &engine.ClientConfig{Config: engine.Config{Verify: f.verifier(tt.landmarks, &relative, &anchors), Level: engine.LevelPQAuth},
				ServerName: "localhost", TrustAnchors: tt.anchors}
			ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
			defer cancel()
			s, err := New().Client(ctx, conn, c)
			if (err == nil) != tt.ok || relative != tt.relative || len(anchors) != 2 {
				t.Fatalf("%v, relative %v, anchors %v", err, relative, anchors)
			}
			if err != nil {
				return
			}
			reply := make([]byte, 5)
			if _, err := s.Write([]byte("ping\n")); err != nil {
				t.Fatal(err)
			}
			if n, err := s.Read(reply); err != nil || string(reply[:n]) != "ping\n" {
				t.Errorf("%q, %v", reply[:n], err)
			}
		})
	}
}

// BoringSSL shows raw public keys, and takes them, on both sides.
func TestRawKeysWithBoringSSL(t *testing.T) {
	peer := needBoringSSL(t)
	for _, kind := range []string{"p256", "ed25519", "rsa", "mldsa44"} {
		t.Run(kind, func(t *testing.T) {
			public, key := writeRaw(t, rawIdentity(kind))
			c, s := rawConfigs(kind)
			withBoringSSLKeys(t, c, s, peer, "raw", key, public)
		})
	}
}

// BoringSSL has imported keys alone (RFC 9258), on both sides.
func TestPSKWithBoringSSL(t *testing.T) {
	peer := needBoringSSL(t)
	p := testPSK("one")
	p.Imported = true
	for _, group := range []string{"x25519", "X25519MLKEM768"} {
		t.Run(group, func(t *testing.T) {
			c, s := withPSK(p)
			c.Groups, s.Groups = []string{group}, []string{group}
			withBoringSSLKeys(t, c, s, peer, "psk", "one", hex.EncodeToString(p.Key))
		})
	}
}

// withBoringSSLKeys has a peer answer, and then ask.
func withBoringSSLKeys(t *testing.T, c *engine.ClientConfig, s *engine.ServerConfig, peer string, keys ...string) {
	t.Helper()
	server := start(t, peer, append([]string{"server"}, keys...)...)
	session := dial(t, server.expect(t, "port "), c)
	fmt.Fprintln(session, "hello")
	line(t, session, "hello\n")
	session.CloseWrite()

	port, accepted := listen(t, s)
	client := start(t, peer, append([]string{"client", port}, keys...)...)
	session = accepted()
	line(t, session, "ping\n")
	fmt.Fprintln(session, "pong")
	client.expect(t, "pong")
	session.CloseWrite()
}

func parseSigner(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	return key.(crypto.Signer), nil
}
