package main

import (
	"bufio"
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine/ech"
	"tlsify/engine/enginetest"
)

const publicName = "public.test"

// newECH makes a key and its ECHConfig (RFC 9849, section 4) for publicName.
func newECH(t *testing.T) (key tls.EncryptedClientHelloKey, list []byte) {
	t.Helper()
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var b cryptobyte.Builder
	b.AddUint16(0xfe0d)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint8(7)       // config_id
		b.AddUint16(0x0020) // DHKEM(X25519, HKDF-SHA256)
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(private.PublicKey().Bytes()) })
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddUint16(0x0001) // HKDF-SHA256
			b.AddUint16(0x0001) // AES-128-GCM
		})
		b.AddUint8(32) // maximum_name_length
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(publicName)) })
		b.AddUint16(0) // extensions
	})
	config := b.BytesOrPanic()
	var l cryptobyte.Builder
	l.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(config) })
	return tls.EncryptedClientHelloKey{Config: config, PrivateKey: private.Bytes(), SendAsRetry: true}, l.BytesOrPanic()
}

// startECH serves the test's host behind the public name, whose certificate is
// for outer.
func startECH(t *testing.T, key tls.EncryptedClientHelloKey, outer string) string {
	t.Helper()
	hidden := enginetest.TLSCertificate(enginetest.Chain(t, "good"))
	public := enginetest.TLSCertificate(enginetest.Issue(t, enginetest.PKI(t).Root, enginetest.CertOptions{DNS: []string{outer}}))
	config := &tls.Config{
		EncryptedClientHelloKeys: []tls.EncryptedClientHelloKey{key},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName == enginetest.Host {
				return &hidden, nil
			}
			return &public, nil
		},
	}
	return serveEach(t, "tcp4", "127.0.0.1:0", func(conn net.Conn) {
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		server := tls.Server(conn, config)
		if _, err := server.Write([]byte("hidden\n")); err == nil {
			server.CloseWrite()
			server.Read(make([]byte, 1))
		}
	})
}

// An Encrypted Client Hello is accepted; with a key that the server no longer
// has it is rejected, with what to use instead, and that then works. A server
// that cannot show a certificate for the public name has no say in it.
func TestECH(t *testing.T) {
	for _, e := range built() {
		t.Run(e.Name(), func(t *testing.T) { testECH(t, e.Name()) })
	}
}

func testECH(t *testing.T, engine string) {
	key, list := newECH(t)
	_, stale := newECH(t)
	address := startECH(t, key, publicName)
	file := func(name string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	connect := func(l *launch, address, configs string) *child {
		return l.start("connect", "--engine", engine, "--name", enginetest.Host, "--sni", enginetest.Host,
			"--trust", pkiFiles(t)+"/ca.pem", "--ech", configs, address)
	}

	l := newLaunch(t)
	connect(l, address, file("binary", list)).expect(0, "protocol TLSv1.3", "ech accepted", "verified trust .*", "ready", "end 0")
	if l.out.all() != "hidden\n" {
		t.Errorf("got %q", l.out.all())
	}

	both := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key.PrivateKey}), pem.EncodeToMemory(&pem.Block{Type: "ECHCONFIG", Bytes: list})...)
	connect(newLaunch(t), address, file("pem", both)).expect(0, "ech accepted", "end 0")

	l = newLaunch(t)
	rejected := connect(l, address, file("stale", []byte(base64.StdEncoding.EncodeToString(stale)+"\n")))
	rejected.expect(4, "peer-certificate 0 .*", "ech-retry .*", "error ech-rejected .*", "end 4")
	retry := rejected.await("ech-retry")
	if retry != base64.StdEncoding.EncodeToString(list) {
		t.Errorf("ech-retry %s", retry)
	}
	connect(newLaunch(t), address, file("retry", []byte(retry))).expect(0, "ech accepted", "end 0")

	impostor := startECH(t, key, "other.test")
	l = newLaunch(t)
	connect(l, impostor, file("stale", stale)).expect(5, "peer-certificate 0 .*",
		"error cert-name the server rejected the encrypted ClientHello and does not show that it may speak for "+publicName+": .*", "end 5")

	// To go on with a server that nobody knows is not to believe it what it says of
	// the name behind: --ask and --opportunistic do not get past that.
	for _, address := range []string{impostor, address} {
		for _, how := range []string{"--ask", "--opportunistic"} {
			l = newLaunch(t)
			control := l.socket(3)
			answered := make(chan string)
			go func() {
				said, lines := "", bufio.NewScanner(control)
				for lines.Scan() {
					said += lines.Text() + "\n"
					if pin, ok := strings.CutPrefix(lines.Text(), "ask "); ok {
						fmt.Fprintf(control, "trust %s\n", strings.Fields(pin)[0])
					}
				}
				answered <- said
			}()
			status := l.start("connect", "--engine", engine, how, "--name", enginetest.Host, "--sni", enginetest.Host,
				"--ech", file("stale", stale), address).wait()
			said := <-answered
			if status != 5 || !strings.Contains(said, "\nerror cert-") || strings.Contains(said, "ech-retry") || strings.Contains(said, "\nask ") {
				t.Errorf("%s: status %d, and on the control channel: %s", how, status, said)
			}
		}
	}

	connect(newLaunch(t), address, file("garbage", []byte("!!"))).expect(1, "error usage .*")
	connect(newLaunch(t), address, file("damaged", []byte("\x00\x08\xfe\x0d\x00\x04abcd"))).expect(1, "error usage .*")
	connect(newLaunch(t), address, file("unknown", []byte{0, 6, 0x12, 0x34, 0, 2, 0, 0})).expect(1, "error engine-unsupported .*")
}

// OpenSSL 4.0 has Encrypted Client Hello, for the name behind the public one,
// and writes a server's key and its configuration into one file.
func TestECHWithOpenSSL(t *testing.T) {
	openssl := os.Getenv("TLSIFY_TEST_OPENSSL")
	config := filepath.Join(t.TempDir(), "ech.pem")
	if openssl == "" || exec.Command(openssl, "ech", "-public_name", publicName, "-out", config).Run() != nil {
		t.Skip("no OpenSSL 4.0 or later (TLSIFY_TEST_OPENSSL)")
	}
	stale := filepath.Join(t.TempDir(), "stale.pem")
	if err := exec.Command(openssl, "ech", "-public_name", publicName, "-out", stale).Run(); err != nil {
		t.Fatal(err)
	}
	dir, pki := t.TempDir(), pkiFiles(t)
	cert, key := enginetest.WriteFiles(t, enginetest.Issue(t, enginetest.PKI(t).Root, enginetest.CertOptions{DNS: []string{publicName}}), dir, "public")
	s := startOpenSSLAs(t, openssl, "-cert", cert, "-key", key, "-servername", enginetest.Host,
		"-cert2", pki+"/good.pem", "-key2", pki+"/good.key", "-ech_key", config, "-rev")
	for _, e := range built() {
		connect := func(configs string) *child {
			l := newLaunch(t)
			w := l.feed(0)
			fmt.Fprintln(w, "hello")
			w.Close()
			return l.start("connect", "--engine", e.Name(), "--name", enginetest.Host, "--sni", enginetest.Host,
				"--trust", pki+"/ca.pem", "--eof-wait=300ms", "--ech", configs, s.address)
		}
		tlsify := connect(config)
		tlsify.expect(0, "ech accepted", "verified trust .*", "ready", "end 0")
		if got := tlsify.out.all(); got != "olleh\n" {
			t.Errorf("%s: got %q", e.Name(), got)
		}
		rejected := connect(stale)
		rejected.expect(4, "ech-retry .*", "error ech-rejected .*", "end 4")
		retry := filepath.Join(dir, "retry")
		if err := os.WriteFile(retry, []byte(rejected.await("ech-retry")), 0o600); err != nil {
			t.Fatal(err)
		}
		connect(retry).expect(0, "ech accepted", "end 0")
	}
}

// OpenSSL 4.0's client finds what is hidden behind our public name, and is told
// what to use where it has an old configuration.
func TestECHKeyWithOpenSSL(t *testing.T) {
	openssl := os.Getenv("TLSIFY_TEST_OPENSSL")
	config := filepath.Join(t.TempDir(), "ech.pem")
	if openssl == "" || exec.Command(openssl, "ech", "-public_name", publicName, "-out", config).Run() != nil {
		t.Skip("no OpenSSL 4.0 or later (TLSIFY_TEST_OPENSSL)")
	}
	theirs, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	_, theirs, _ = bytes.Cut(theirs, []byte("-----BEGIN ECHCONFIG-----"))
	theirs, _, _ = bytes.Cut(theirs, []byte("-----END"))
	stale := makeECH(t, "x25519", filepath.Join(t.TempDir(), "stale.pem"))
	ours := filepath.Join(t.TempDir(), "ours.pem")
	for _, e := range built() {
		if e.Name() == "utls" {
			continue // it is a client
		}
		for file, list := range map[string]string{config: strings.Join(strings.Fields(string(theirs)), ""), ours: makeECH(t, "x25519", ours)} {
			s := listenECH(t, e.Name(), file)
			for _, tt := range []struct {
				list  string
				group string
				want  []string
			}{
				{list, "X25519MLKEM768", []string{"ECH: success"}},
				{list, "X448:P-384", []string{"ECH: success"}}, // by a HelloRetryRequest
				{stale, "X25519", []string{"ECH: failed+retry-configs"}},
			} {
				// Without -tls1_3 its inner hello offers TLS 1.2 as well, which
				// RFC 9849, section 6.1, forbids.
				cmd := exec.Command(openssl, "s_client", "-tls1_3", "-connect", s.address, "-servername", enginetest.Host, "-CAfile", pkiFiles(t)+"/ca.pem",
					"-ech_config_list", tt.list, "-groups", tt.group)
				out, _ := cmd.CombinedOutput()
				for _, want := range tt.want {
					if !strings.Contains(string(out), want) {
						t.Errorf("%s, %s: no %q in %s", e.Name(), tt.group, want, out)
					}
				}
			}
		}
	}
}

// BoringSSL's tool, TLSIFY_TEST_BSSL, as either side: it finds the hidden name, and
// who has an old configuration is told of the new one.
func TestECHWithBoringSSL(t *testing.T) {
	bssl := os.Getenv("TLSIFY_TEST_BSSL")
	if bssl == "" {
		t.Skip("no BoringSSL (TLSIFY_TEST_BSSL)")
	}
	dir, ca := t.TempDir(), pkiFiles(t)+"/ca.pem"
	file := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"new", "stale"} {
		out, err := exec.Command(bssl, "generate-ech", "-out-ech-config-list", file(name+".list"), "-out-ech-config", file(name), "-out-private-key", file(name+".key"),
			"-public-name", publicName, "-config-id", fmt.Sprint(len(name)), "-max-name-length", "64").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	cert, key := enginetest.WriteFiles(t, enginetest.Issue(t, enginetest.PKI(t).Root, enginetest.CertOptions{DNS: []string{publicName, enginetest.Host}}), dir, "both")
	port := unusedPort(t)
	background(t, dir, port, bssl, "server", "-accept", port, "-loop", "-www", "-cert", cert, "-key", key, "-ech-key", file("new.key"), "-ech-config", file("new"))
	ours, stale := file("ours.pem"), file("stale.ours")
	lists := map[string]string{ours: makeECH(t, "x25519", ours), stale: makeECH(t, "x25519", file("stale.pem"))}
	for path, list := range lists {
		der, err := base64.StdEncoding.DecodeString(list)
		if err == nil {
			err = os.WriteFile(path+".list", der, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range built() {
		t.Run(e.Name(), func(t *testing.T) {
			connect := func(configs string) *child {
				l := newLaunch(t)
				caller := newStarter(l, "pipes")
				tlsify := l.start("connect", "--engine", e.Name(), "--name", enginetest.Host, "--sni", enginetest.Host, "--trust", ca, "--ech", configs, "--tolerate-truncation", "127.0.0.1:"+port) // it sends no close_notify
				fmt.Fprint(caller, "GET / HTTP/1.0\r\n\r\n")
				caller.end()
				return tlsify
			}
			connect(file("new.list")).expect(0, "ech accepted", "verified trust .*", "ready", "end 0")
			rejected := connect(file("stale.list"))
			rejected.expect(4, "ech-retry .*", "error ech-rejected .*", "end 4")
			retry := filepath.Join(t.TempDir(), "retry")
			if err := os.WriteFile(retry, []byte(rejected.await("ech-retry")), 0o600); err != nil {
				t.Fatal(err)
			}
			connect(retry).expect(0, "ech accepted", "end 0")

			if e.Name() == "utls" {
				return // it is a client
			}
			s := listenECH(t, e.Name(), ours)
			for list, want := range map[string]string{ours: "Encrypted ClientHello: yes", stale: "ECH_REJECTED"} {
				cmd := exec.Command(bssl, "client", "-connect", s.address, "-server-name", enginetest.Host, "-root-certs", ca, "-ech-config-list", list+".list")
				if out, _ := cmd.CombinedOutput(); !strings.Contains(string(out), want) {
					t.Errorf("no %q in %s", want, out)
				}
			}
		})
	}
}

// echServer is a listener with a hidden name and a public one.
type echServer struct {
	address string
	listen  *child
}

func listenECH(t *testing.T, engine, keys string) echServer {
	t.Helper()
	pki, dir := pkiFiles(t), t.TempDir()
	cert, key := enginetest.WriteFiles(t, enginetest.Issue(t, enginetest.PKI(t).Root, enginetest.CertOptions{DNS: []string{publicName}}), dir, "public")
	tlsify := newLaunch(t).start("listen", "--engine", engine, "--cert", pki+"/good.pem", "--key", pki+"/good.key",
		"--cert", cert, "--key", key, "--ech-key", keys, "127.0.0.1:0", "--", "prog", "cat")
	return echServer{strings.TrimPrefix(tlsify.await("listening"), "listening "), tlsify}
}

// makeECH has tlsify-ech make a key.
func makeECH(t *testing.T, kem, file string) (list string) {
	t.Helper()
	made, err := ech.Generate(kem, publicName, 64)
	if err != nil {
		t.Fatal(err)
	}
	label, private, err := made.MarshalPrivate()
	if err != nil {
		t.Fatal(err)
	}
	configs, err := ech.RetryConfigs([]ech.Key{*made})
	if err != nil {
		t.Fatal(err)
	}
	content := append(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: private}), pem.EncodeToMemory(&pem.Block{Type: ech.PEMConfig, Bytes: configs})...)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(configs)
}

// A listener with a key serves its hidden name to clients that have the
// configuration, tells others which to use, and takes a new key at SIGHUP.
func TestECHKey(t *testing.T) {
	for _, e := range built() {
		if e.Name() == "utls" {
			continue // it is a client
		}
		t.Run(e.Name(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			list := makeECH(t, "mlkem768-x25519", dir+"/key.pem")
			s := listenECH(t, e.Name(), dir+"/key.pem")
			connect := func(list string) *child {
				configs := dir + "/list"
				if err := os.WriteFile(configs, []byte(list), 0o600); err != nil {
					t.Fatal(err)
				}
				l := newLaunch(t)
				w := l.feed(0)
				fmt.Fprintln(w, "hidden")
				w.Close()
				return l.start("connect", "--engine", e.Name(), "--name", enginetest.Host, "--sni", enginetest.Host,
					"--trust", pkiFiles(t)+"/ca.pem", "--ech", configs, "--eof", "half-close", s.address)
			}
			first := connect(list)
			first.expect(0, "ech accepted", "verified trust .*", "ready", "end 0")
			if got := first.out.all(); got != "hidden\n" {
				t.Errorf("got %q", got)
			}
			fresh := makeECH(t, "x25519", dir+"/key.pem")
			s.listen.signal(syscall.SIGHUP)
			s.listen.await("reloaded")
			rejected := connect(list)
			rejected.expect(4, "ech-retry .*", "error ech-rejected .*", "end 4")
			if retry := rejected.await("ech-retry"); retry != fresh {
				t.Errorf("ech-retry %s, want %s", retry, fresh)
			}
		})
	}
}
