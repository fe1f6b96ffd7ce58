package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine/trustanchor"
	"tlsify/verify"
	"tlsify/verify/mtc"
)

// tool runs the command in a directory of its own.
type tool struct {
	t   *testing.T
	dir string
}

func (x tool) path(name string) string { return filepath.Join(x.dir, name) }

// try runs a command; a word that begins with @ is a file in the directory.
func (x tool) try(words ...string) (string, error) {
	for i, word := range words {
		words[i] = strings.ReplaceAll(word, "@", x.dir+"/")
	}
	var out bytes.Buffer
	err := program.Run(words, &out)
	return out.String(), err
}

func (x tool) do(line string) string {
	x.t.Helper()
	out, err := x.try(strings.Fields(line)...)
	if err != nil {
		x.t.Fatalf("%s: %v", line, err)
	}
	return out
}

func (x tool) read(name string) []byte {
	x.t.Helper()
	content, err := os.ReadFile(x.path(name))
	if err != nil {
		x.t.Fatal(err)
	}
	return content
}

// From nothing to a certificate that tlsify's own verification accepts: with
// the CA alone, with cosigners, and with landmarks.
func TestWhole(t *testing.T) {
	x := tool{t, t.TempDir()}
	for _, line := range []string{
		"init @ca --id 32473.1",
		"cosigner @ca --id 32473.2.1",
		"cosigner @ca --id 32473.3 --kind p256",
		"fill @ca 700",
		"key @server.key --kind p256",
		"issue @ca --name localhost --name 127.0.0.1 --key @server.key --out @standalone.pem --cosigners 2",
		"landmark @ca",
		"fill @ca 10",
		"landmark @ca",
		"relative @ca --cert @standalone.pem --out @relative.pem",
		"relative @ca --cert @standalone.pem --out @forged.pem --forge",
	} {
		x.do(line)
	}
	landmarks, err := x.try("landmarks", "@ca/log/1", "--ca", "@ca/ca.pem", "--mtc-cosigners", "2 @ca/cosigners.txt")
	if err != nil {
		t.Fatal(err)
	}
	logs, err := mtc.ParseLandmarks([]byte(landmarks))
	if err != nil {
		t.Fatal(err)
	}
	cosigners, err := mtc.ParseCosigners(x.read("ca/cosigners.txt"))
	if err != nil {
		t.Fatal(err)
	}
	standalone, relative := x.certificate("standalone.pem"), x.certificate("relative.pem")
	if !bytes.Equal(standalone.RawTBSCertificate, relative.RawTBSCertificate) {
		t.Error("the two certificates are of different entries")
	}
	for _, c := range []struct {
		name  string
		cert  *x509.Certificate
		trust *mtc.Trust
		ok    bool
	}{
		{"standalone", standalone, nil, true},
		{"standalone, both cosigners", standalone, &mtc.Trust{Quorum: 2, Cosigners: cosigners}, true},
		{"standalone, with landmarks", standalone, &mtc.Trust{Landmarks: logs}, true},
		{"relative", relative, &mtc.Trust{Quorum: 2, Cosigners: cosigners, Landmarks: logs}, true},
		{"relative, without landmarks", relative, nil, false},
		{"forged", x.certificate("forged.pem"), &mtc.Trust{Landmarks: logs}, false},
	} {
		store, err := verify.StoreFromPEM("ca.pem", x.read("ca/ca.pem"))
		if err != nil {
			t.Fatal(err)
		}
		name, err := verify.ParseName("localhost")
		if err != nil {
			t.Fatal(err)
		}
		p := &verify.Policy{Names: []verify.Name{name}, Trust: []*verify.Store{store}, MTC: c.trust}
		if _, err := p.Check(verify.Evidence{Certificates: []*x509.Certificate{c.cert}}); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for name, want := range map[string]string{"standalone.pem": "{32473.1 [{32473.1.2.1 0 18446744073709551615}] false}",
		"relative.pem": "{32473.1.1.1.1 [{32473.1.2.1 1 24}] true}"} {
		block, _ := pem.Decode(x.read(name))
		p, err := trustanchor.ParseProperties(block.Bytes)
		if err != nil || block.Type != trustanchor.PEMType {
			t.Fatal(name, err)
		}
		if got := "{" + p.ID.String() + " [{" + p.Groups[0].Base.String(); !strings.HasPrefix(want, got) || strings.HasSuffix(want, "true}") != p.OnDemand {
			t.Errorf("%s: %+v, want %s", name, p, want)
		}
	}
	if info, err := os.Stat(x.path("ca/ca.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func (x tool) certificate(name string) *x509.Certificate {
	x.t.Helper()
	cert, err := firstCertificate(x.read(name))
	if err != nil {
		x.t.Fatal(err)
	}
	return cert
}

func TestRefusals(t *testing.T) {
	x := tool{t, t.TempDir()}
	x.do("init @ca --id 32473.1 --kind ed25519")
	x.do("key @k --kind ed25519")
	for _, line := range []string{
		"init @ca --id 32473.1", "init @other --id x", "init @other --id 32473.1 --kind rsa", "nothing", "init", "fill @ca", "fill @ca 0",
		"fill @ca x", "issue @ca --name a", "issue @ca --name a --key @k --out @o --cosigners 1", "issue @ca --name a --key @ca/ca.pem --out @o",
		"cosigner @ca --id 32473.1", "landmarks @ca/log/1", "landmarks @none --ca @ca/ca.pem", "landmarks @ca/log/1 --ca @ca/ca.pem --log 2",
		"relative @ca --cert @ca/ca.pem --out @o", "key @k", "--bogus",
	} {
		if _, err := x.try(strings.Fields(line)...); err == nil {
			t.Errorf("%s: accepted", line)
		}
	}
	for _, value := range []string{"x", "x @ca/cosigners.txt", "0 @ca/cosigners.txt", "-1 @ca/cosigners.txt", "1", "1 "} {
		_, err := x.try("landmarks", "@ca/log/1", "--ca", "@ca/ca.pem", "--mtc-cosigners", value)
		if err == nil || !strings.Contains(err.Error(), "'N FILE'") {
			t.Errorf("a quorum of %q: %v", value, err)
		}
	}
	for line, want := range map[string]string{
		"issue @ca --name a --key @k --out @k": "over the key", // it was, and the key was gone
		"issue @ca --key @k --out @o":          "issue needs", "issue @ca --name a --out @o": "issue needs", "issue @ca --name a --key @k": "issue needs",
		"issue @ca --name a --key @k --out @o --cosigners -1": "not negative", "fill @ca 1048577": "1048576",
		"relative @ca --out @o": "relative needs", "relative @ca --cert @ca/ca.pem": "relative needs",
		"issue @ca --name a --key @k --out @o --days 0": "--days", "landmark @ca --active 0": "--active",
		"relative @ca --cert @ca/ca.pem --out @o --active 0": "--active", "landmarks @ca/log/1 --ca @ca/ca.pem --log 0": "--log",
	} {
		if _, err := x.try(strings.Fields(line)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
	// Where there is no CA that is said: it ended in a panic.
	for _, line := range []string{"issue @none --name a --key @k --out @o", "fill @none 1", "cosigner @none --id 32473.2"} {
		if _, err := x.try(strings.Fields(line)...); err == nil || !strings.Contains(err.Error(), "none/ca.key") {
			t.Errorf("%s: %v", line, err)
		}
	}
	x.do("issue @ca --name a --name 192.0.2.1 --key @k --out @a.pem")
	if cert := x.certificate("a.pem"); !slices.Equal(cert.DNSNames, []string{"a"}) || len(cert.IPAddresses) != 1 || cert.IPAddresses[0].String() != "192.0.2.1" {
		t.Errorf("names %v, addresses %v", cert.DNSNames, cert.IPAddresses)
	}
	if _, err := x.try("relative", "@ca", "--cert", "@a.pem", "--out", "@o"); err == nil {
		t.Error("a certificate before its landmark")
	}
	x.do("landmark @ca")
	if _, err := x.try("landmark", "@ca"); err == nil {
		t.Error("a landmark with nothing new")
	}
	// A log that is not what its cosigner has signed before is not signed.
	x.do("cosigner @ca --id 32473.2")
	x.do("fill @ca 3")
	if err := os.WriteFile(x.path("ca/cosigners/32473.2.seen"), []byte("2 "+strings.Repeat("A", 43)+"=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := x.try("fill", "@ca", "1"); err == nil || !strings.Contains(err.Error(), "another log") {
		t.Errorf("a fork: %v", err)
	}
	if out := x.do("--help"); !strings.Contains(out, "tlsify-mtc landmarks LOG") {
		t.Error(out)
	}
}

// An issue that was stopped after a cosigner had noted what it signs, and before
// the checkpoint was there, ended the CA: no other log than that one is signed, so it
// is that one which goes on.
func TestStoppedIssue(t *testing.T) {
	x := tool{t, t.TempDir()}
	for _, line := range []string{"init @ca --id 32473.1 --kind ed25519", "cosigner @ca --id 32473.2 --kind ed25519",
		"cosigner @ca --id 32473.3 --kind ed25519", "key @k --kind ed25519", "fill @ca 300"} {
		x.do(line)
	}
	const checkpoint, first, second = "ca/log/1/checkpoint", "ca/cosigners/32473.2.seen", "ca/cosigners/32473.3.seen"
	write := func(name string, content []byte) {
		t.Helper()
		if err := os.WriteFile(x.path(name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before, seen := x.read(checkpoint), x.read(second)
	x.do("issue @ca --name stopped.test --key @k --out @stopped.pem")
	signed := x.read(first)
	write(checkpoint, before)
	write(second, seen)
	x.do("issue @ca --name next.test --key @k --out @next.pem --cosigners 2")
	x.do("landmark @ca")
	for _, name := range []string{"stopped", "next"} { // both entries are in the log
		x.do("relative @ca --cert @" + name + ".pem --out @relative.pem")
	}
	if _, err := x.try("landmarks", "@ca/log/1", "--ca", "@ca/ca.pem", "--mtc-cosigners", "2 @ca/cosigners.txt"); err != nil {
		t.Error(err)
	}
	// Of two logs that both go on from the checkpoint a cosigner signs one.
	write(checkpoint, before)
	write(first, seen)
	write(second, seen)
	x.do("issue @ca --name other.test --key @k --out @other.pem")
	write(checkpoint, before)
	write(first, signed)
	write(second, seen)
	if _, err := x.try("issue", "@ca", "--name", "fork.test", "--key", "@k", "--out", "@fork.pem"); err == nil || !strings.Contains(err.Error(), "another log") {
		t.Errorf("a fork: %v", err)
	}
	if now := x.read(first); !bytes.Equal(now, signed) {
		t.Errorf("the cosigner has noted %s", now)
	}
}

// What has no room leaves no part of a key, which would be in the way of the next.
func TestNoRoom(t *testing.T) {
	x := tool{t, t.TempDir()}
	_, err := noRoom(t, func() (string, error) { return x.try("key", "@k", "--kind", "p384") })
	if _, there := os.Stat(x.path("k")); err == nil || there == nil {
		t.Errorf("%v, and there is a file: %v", err, there == nil)
	}
	x.do("key @k --kind p384")
	// A cosigner's line that was written in half ended the CA.
	x.do("init @ca --id 32473.1 --kind ed25519")
	x.do("cosigner @ca --id 32473.2 --kind ed25519")
	x.do("cosigner @ca --id 32473.3 --kind ed25519")
	if _, err := noRoom(t, func() (string, error) { return x.try("cosigner", "@ca", "--id", "32473.4", "--kind", "ed25519") }); err == nil {
		t.Error("a line has no room")
	}
	x.do("issue @ca --name a.test --key @k --out @a.pem --cosigners 2")
	x.do("cosigner @ca --id 32473.4 --kind ed25519")
	x.do("issue @ca --name a.test --key @k --out @a.pem --cosigners 3")
}

// The lock is on what nobody else can open: whoever could read ca.pem, which is there to
// be published, could hold up every command for ever.
func TestLockIsOurs(t *testing.T) {
	x := tool{t, t.TempDir()}
	x.do("init @ca --id 32473.1 --kind ed25519")
	published, err := os.Open(x.path("ca/ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	defer published.Close()
	if err := unix.Flock(int(published.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := x.try("landmark", "@ca")
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("a reader of ca.pem holds up a command")
	}
}

// noRoom does something while no file can be longer than 200 bytes. The lines of two
// cosigners and a key of Ed25519 are not, and those of three and a key of P-384 are.
func noRoom(t *testing.T, do func() (string, error)) (string, error) {
	t.Helper()
	var usual unix.Rlimit
	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &usual); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_FSIZE, &usual)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 200, Max: usual.Max}); err != nil {
		t.Fatal(err)
	}
	return do()
}
