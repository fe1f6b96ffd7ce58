package main

import (
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/source"
	"tlsify/engine/trustanchor"
)

var (
	merkleOnce sync.Once
	merkleDir  string
)

// merkleFiles has tlsify-mtc make a CA of ECDSA with a log, and certificates for
// localhost: standalone.pem, relative.pem with its landmarks, and server.key.
func merkleFiles(t *testing.T) string {
	t.Helper()
	needGo(t)
	merkleOnce.Do(func() {
		program, err := exec.LookPath("tlsify")
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(filepath.Dir(program), "merkle")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		tool := filepath.Join(dir, "tlsify-mtc")
		if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", tool, "../tlsify-mtc").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, line := range []string{
			"init ca --id 32473.1 --kind p256", "cosigner ca --id 32473.2 --kind ed25519", "cosigner ca --id 32473.3 --kind p384", "fill ca 300",
			"key server.key --kind p256", "issue ca --name localhost --name 127.0.0.1 --key server.key --out standalone.pem --cosigners 1",
			"landmark ca", "relative ca --cert standalone.pem --out relative.pem", "relative ca --cert standalone.pem --out forged.pem --forge",
			"landmarks ca/log/1 --ca ca/ca.pem",
		} {
			cmd := exec.Command(tool, strings.Fields(line)...)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v: %s", line, err, out)
			}
			if strings.HasPrefix(line, "landmarks") {
				write(t, filepath.Join(dir, "landmarks"), string(out))
				lines := strings.SplitAfterN(string(out), "\n", 3)
				write(t, filepath.Join(dir, "no-subtrees"), lines[0]+lines[1])
			}
		}
		// As a server that knows no trust anchors may have it: without the
		// properties, which say that it is only for clients that ask.
		relative, err := os.ReadFile(filepath.Join(dir, "relative.pem"))
		if err != nil {
			t.Fatal(err)
		}
		_, rest := pem.Decode(relative)
		write(t, filepath.Join(dir, "bare.pem"), string(rest))
		merkleDir = dir
	})
	if merkleDir == "" {
		t.Skip("the Merkle Tree CA could not be made")
	}
	return merkleDir
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// merkleServer starts a listener with certificates of merkleFiles.
func merkleServer(t *testing.T, engine string, certs ...string) (address string) {
	t.Helper()
	dir := merkleFiles(t)
	args := []string{"--engine", engine}
	for _, cert := range certs {
		args = append(args, "--cert", filepath.Join(dir, cert), "--key", filepath.Join(dir, "server.key"))
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	l, err := startListener(log, os.Environ(), append(args, "127.0.0.1:0", "--", "true")...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.stop() })
	return l.address
}

// A Merkle Tree Certificate is accepted by --trust, and by the options about it,
// from every engine by every other, whether or not they know trust anchors.
func TestMerkle(t *testing.T) {
	dir := merkleFiles(t)
	for _, server := range built() {
		if !invocation.Serves(server) {
			continue
		}
		standalone, relative := merkleServer(t, server.Name(), "standalone.pem"), merkleServer(t, server.Name(), "bare.pem")
		for _, client := range built() {
			for _, tt := range []struct {
				name, address string
				options       []string
				status        int
				want          string
			}{
				{"standalone", standalone, nil, 0, "verified trust Merkle%20Tree%20CA%2032473.1"},
				{"a cosigner", standalone, []string{"--mtc-cosigners", "1 DIR/ca/cosigners.txt"}, 0, "verified trust .*"},
				{"one too few", standalone, []string{"--mtc-cosigners", "2 DIR/ca/cosigners.txt"}, 5, "error cert-untrusted .* 1 of the known cosigners have signed .*"},
				{"relative", relative, []string{"--mtc-landmarks", "DIR/landmarks"}, 0, "verified trust .*"},
				{"relative, without landmarks", relative, nil, 5, "error cert-untrusted .*give the landmarks with --mtc-landmarks FILE"},
				{"another name", standalone, []string{"--name", "other.example", "--sni", "localhost"}, 5, "error cert-name .*"},
			} {
				t.Run(client.Name()+" to "+server.Name()+"/"+tt.name, func(t *testing.T) {
					args := []string{"connect", "--engine", client.Name(), "--trust", filepath.Join(dir, "ca/ca.pem")}
					for _, word := range tt.options {
						args = append(args, strings.Replace(word, "DIR", dir, 1))
					}
					if tt.name != "another name" {
						args = append(args, "--name", "localhost")
					}
					newLaunch(t).start(append(args, tt.address)...).expect(tt.status, "tlsify 1 "+client.Name(), tt.want, "end .*")
				})
			}
		}
	}
}

// A server whose engine knows no trust anchors does not start with a certificate
// that is only for clients that ask for one.
func TestMerkleOnDemand(t *testing.T) {
	dir := merkleFiles(t)
	for _, server := range built() {
		if !invocation.Serves(server) {
			continue
		}
		l := newLaunch(t)
		c := l.start("listen", "--engine", server.Name(), "--cert", filepath.Join(dir, "relative.pem"), "--key", filepath.Join(dir, "server.key"), "127.0.0.1:0", "--", "cat")
		if server.Name() != "pq" {
			c.expect(1, "error engine-unsupported .*for clients that ask for its trust anchor.*", "end 1")
		}
	}
}

// A client's certificate may be a Merkle Tree Certificate as well.
func TestMerkleClient(t *testing.T) {
	dir, pki := merkleFiles(t), pkiFiles(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	server, err := startListener(log, os.Environ(), "--cert", filepath.Join(pki, "good.pem"), "--key", filepath.Join(pki, "good.key"), "--client-auth", "require",
		"--client-trust", file("ca/ca.pem"), "--mtc-landmarks", file("landmarks"), "--mtc-cosigners", "1 "+file("ca/cosigners.txt"), "127.0.0.1:0", "--", "sh", "-c", "echo $TLSIFY_VERIFIED")
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	for name, cert := range map[string]string{"standalone": "standalone.pem", "relative": "bare.pem"} {
		t.Run(name, func(t *testing.T) {
			l := newLaunch(t)
			l.start("connect", "--trust", filepath.Join(pki, "ca.pem"), "--name", "tlsify.test", "--cert", file(cert), "--key", file("server.key"), server.address).
				expect(0, "tlsify 1 .*", "ready", "end 0")
			if out := l.out.all(); strings.TrimSpace(out) != "trust" {
				t.Errorf("PROG was told of %q", out)
			}
		})
	}
}

// What is wrong with the options is said before anything is dialled.
func TestMerkleUsage(t *testing.T) {
	dir, pki := merkleFiles(t), pkiFiles(t)
	text := filepath.Join(t.TempDir(), "text")
	write(t, text, "text\n")
	ca, good := filepath.Join(dir, "ca/ca.pem"), filepath.Join(pki, "good")
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"landmarks without a CA":       {[]string{"connect", "--trust", filepath.Join(pki, "ca.pem"), "--mtc-landmarks", filepath.Join(dir, "landmarks"), "localhost:1"}, "needs the certificate of a Merkle Tree CA"},
		"cosigners without a CA":       {[]string{"connect", "--mtc-cosigners", "1 " + filepath.Join(dir, "ca/cosigners.txt"), "localhost:1"}, "needs the certificate of a Merkle Tree CA"},
		"no landmarks":                 {[]string{"connect", "--trust", ca, "--mtc-landmarks", text, "localhost:1"}, "--mtc-landmarks: .*the first line is not"},
		"landmarks twice":              {[]string{"connect", "--trust", ca, "--mtc-landmarks", filepath.Join(dir, "landmarks"), "--mtc-landmarks", filepath.Join(dir, "landmarks"), "localhost:1"}, "was given before"},
		"no cosigners":                 {[]string{"connect", "--trust", ca, "--mtc-cosigners", "1 " + text, "localhost:1"}, "--mtc-cosigners: .*ID KEY"},
		"no number":                    {[]string{"connect", "--trust", ca, "--mtc-cosigners", text, "localhost:1"}, "is not 'N FILE'"},
		"more than there are":          {[]string{"connect", "--trust", ca, "--mtc-cosigners", "3 " + filepath.Join(dir, "ca/cosigners.txt"), "localhost:1"}, "3 must have signed"},
		"a server without client-auth": {[]string{"listen", "--cert", good + ".pem", "--key", good + ".key", "--mtc-landmarks", filepath.Join(dir, "landmarks"), "127.0.0.1:0", "--", "cat"}, "--mtc-landmarks needs --client-auth"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLaunch(t)
			l.start(tt.args...).expect(1, "tlsify 1 .*", "error usage .*"+tt.want+".*", "end 1")
		})
	}
}

// What a chain says of itself stands once before it, and comes through to
// another process.
func TestMerkleProperties(t *testing.T) {
	dir := merkleFiles(t)
	content, err := os.ReadFile(filepath.Join(dir, "relative.pem"))
	if err != nil {
		t.Fatal(err)
	}
	id, err := source.Chain("relative.pem", content)
	if err != nil || !id.Small || id.Anchors == nil || id.Anchors.ID.String() != "32473.1.1.1.1" || !id.Anchors.OnDemand {
		t.Fatalf("%+v, %v", id, err)
	}
	again, err := source.ChainPEM(id)
	if err != nil || string(again) != string(content) {
		t.Errorf("%v: %s", err, again)
	}
	block, rest := pem.Decode(content)
	for name, bad := range map[string][]byte{
		"behind the chain": append(append([]byte{}, rest...), pem.EncodeToMemory(block)...),
		"twice":            append(pem.EncodeToMemory(block), content...),
		"malformed":        append(pem.EncodeToMemory(&pem.Block{Type: trustanchor.PEMType, Bytes: []byte{0}}), rest...),
	} {
		if _, err := source.Chain("x", bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	standalone, err := os.ReadFile(filepath.Join(dir, "standalone.pem"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest = pem.Decode(standalone)
	if id, err := source.Chain("x", rest); err != nil || id.Small || id.Anchors == nil || id.Anchors.ID.String() != "32473.1" {
		t.Errorf("a standalone certificate without properties: %+v, %v", id, err)
	}
}
