package pq

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tlsify/engine"
	"tlsify/engines/pq/otherkey"
	"tlsify/verify"
)

// Chains that OpenSSL has made, with an SLH-DSA root and an ML-DSA leaf, which is
// what it has SLH-DSA for in TLS, in both roles; and signatures of handshakes with
// Bouncy Castle (testdata/bouncycastle), which OpenSSL does not have.

// slhdsaSetsOf are the parameter sets as OpenSSL calls them. Those that sign slowly
// sign in OpenSSL, for a few seconds each, only where all are asked for.
func slhdsaSetsOf(t *testing.T) []string {
	if os.Getenv("TLSIFY_TEST_SLHDSA") == "all" {
		return []string{"SHA2-128s", "SHA2-128f", "SHA2-192s", "SHA2-192f", "SHA2-256s", "SHA2-256f",
			"SHAKE-128s", "SHAKE-128f", "SHAKE-192s", "SHAKE-192f", "SHAKE-256s", "SHAKE-256f"}
	}
	return []string{"SHA2-128f", "SHAKE-192f"}
}

// openSSLChain has OpenSSL make a root of one algorithm and a leaf of another; with
// an empty one, of a key of ours, ML-DSA-65.
func openSSLChain(t *testing.T, openssl, root, leaf string) (ca, cert, key string) {
	t.Helper()
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(file("ext"), []byte("subjectAltName=DNS:"+testName+"\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	request := []string{"req", "-config", file("config"), "-new", "-key", file("leaf.key"), "-out", file("leaf.csr"), "-subj", "/CN=leaf"}
	if leaf != "" {
		request = []string{"req", "-config", file("config"), "-newkey", leaf, "-nodes", "-keyout", file("leaf.key"), "-out", file("leaf.csr"), "-subj", "/CN=leaf"}
	} else if err := os.WriteFile(file("leaf.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8(testIdentity("mldsa65"))}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file("config"), []byte("[req]\ndistinguished_name=dn\n[dn]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"req", "-config", file("config"), "-x509", "-newkey", root, "-nodes", "-keyout", file("ca.key"), "-out", file("ca.pem"), "-subj", "/CN=root", "-days", "2",
			"-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"},
		request,
		{"x509", "-req", "-in", file("leaf.csr"), "-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-days", "2", "-extfile", file("ext"), "-out", file("leaf.pem")},
	} {
		if out, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v: %s", args[0], err, out)
		}
	}
	return file("ca.pem"), file("leaf.pem"), file("leaf.key")
}

// pemBlocks are what a PEM file has.
func pemBlocks(t *testing.T, file string) (all [][]byte) {
	t.Helper()
	rest := must(os.ReadFile(file))
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return all
		}
		all = append(all, block.Bytes)
	}
}

// loadIdentity reads what OpenSSL wrote.
func loadIdentity(t *testing.T, cert, key string) *engine.Identity {
	t.Helper()
	chain, private := pemBlocks(t, cert), pemBlocks(t, key)[0]
	id := &engine.Identity{Chain: chain, Leaf: must(x509.ParseCertificate(chain[0]))}
	if other := must(otherkey.Private(private)); other != nil {
		id.Key = other
	} else {
		id.Key = must(x509.ParsePKCS8PrivateKey(private)).(crypto.Signer)
	}
	return id
}

// judgedBy is a Verify that goes by a policy with a root of SLH-DSA.
func judgedBy(t *testing.T, ca string, names []string) func(*engine.Peer) error {
	p := otherPolicy(t, must(x509.ParseCertificate(pemBlocks(t, ca)[0])), names...)
	return func(peer *engine.Peer) error {
		_, err := p.Check(verify.Evidence{Certificates: peer.Certificates})
		return err
	}
}

func TestSLHDSAChainsWithOpenSSL(t *testing.T) {
	openssl := needNewOpenSSL(t)
	for _, set := range slhdsaSetsOf(t) {
		t.Run(set, func(t *testing.T) {
			ca, cert, key := openSSLChain(t, openssl, "SLH-DSA-"+set, "")
			names := []string{"mldsa65", "slhdsa_" + strings.ToLower(strings.ReplaceAll(set, "-", "_"))}
			id := loadIdentity(t, cert, key)
			p := start(t, openssl, "s_server", "-accept", "127.0.0.1:0", "-tls1_3", "-cert", cert, "-key", key, "-rev",
				"-verify", "1", "-verify_return_error", "-CAfile", ca, "-purpose", "any")
			c := &engine.ClientConfig{Config: engine.Config{Verify: judgedBy(t, ca, names), Signatures: names}, ServerName: testName, Identities: []*engine.Identity{id}}
			session := dial(t, p.expect(t, "ACCEPT 127.0.0.1:"), c)
			fmt.Fprintln(session, "hello")
			line(t, session, "olleh\n")
			session.CloseWrite()

			s := &engine.ServerConfig{Config: engine.Config{Verify: expectPeer(id), Signatures: names}, ClientAuth: engine.ClientAuthRequire, Identities: []*engine.Identity{id}}
			port, accepted := listen(t, s)
			start(t, openssl, "s_client", "-connect", "127.0.0.1:"+port, "-servername", testName, "-CAfile", ca, "-verify_return_error",
				"-cert", cert, "-key", key)
			if state := accepted().State(); state.Signature != "mldsa65" {
				t.Errorf("%+v", state)
			}
		})
	}
}

// needBouncyCastle is the class path of our peer, and of Bouncy Castle's provider, utilities and
// TLS, by Maven: bcprov, bcutil, bcpkix and bctls.
func needBouncyCastle(t *testing.T) string {
	t.Helper()
	jars := os.Getenv("TLSIFY_TEST_BOUNCYCASTLE")
	if jars == "" {
		t.Skip("no Bouncy Castle (TLSIFY_TEST_BOUNCYCASTLE)")
	}
	dir := t.TempDir()
	if out, err := exec.Command("javac", "-cp", jars, "-d", dir, "testdata/bouncycastle/Peer.java").CombinedOutput(); err != nil {
		t.Fatalf("javac: %v: %s", err, out)
	}
	return dir + ":" + jars
}

func TestSLHDSAWithBouncyCastle(t *testing.T) {
	jars, openssl := needBouncyCastle(t), needNewOpenSSL(t)
	for _, set := range slhdsaSetsOf(t) {
		t.Run(set, func(t *testing.T) {
			ca, cert, key := openSSLChain(t, openssl, "SLH-DSA-SHA2-128f", "SLH-DSA-"+set)
			scheme := "slhdsa_" + strings.ToLower(strings.ReplaceAll(set, "-", "_"))
			names := []string{scheme}
			if set != "SHA2-128f" {
				names = append(names, "slhdsa_sha2_128f") // the root's
			}
			id := loadIdentity(t, cert, key)
			peer := func(role, port string) *program {
				return start(t, "java", "-cp", jars, "Peer", role, port, cert, key, ca, strings.Join(names, ","))
			}
			p := peer("server", "0")
			c := &engine.ClientConfig{Config: engine.Config{Verify: judgedBy(t, ca, names), Signatures: names}, ServerName: testName, Identities: []*engine.Identity{id}}
			session := dial(t, p.expect(t, "PORT "), c)
			if state := session.State(); state.Signature != scheme {
				t.Errorf("%+v", state)
			}
			fmt.Fprintln(session, "hello")
			line(t, session, "hello\n")
			session.CloseWrite()

			s := &engine.ServerConfig{Config: engine.Config{Verify: expectPeer(id), Signatures: names}, ClientAuth: engine.ClientAuthRequire, Identities: []*engine.Identity{id}}
			port, accepted := listen(t, s)
			p = peer("client", port)
			served := accepted()
			if state := served.State(); state.Signature != scheme {
				t.Errorf("%+v", state)
			}
			line(t, served, "hello\n")
			fmt.Fprintln(served, "hello")
			p.expect(t, "ECHO hello")
		})
	}
}
