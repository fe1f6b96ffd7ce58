package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"tlsify/engine/enginetest"
	"tlsify/engine/enginetest/raced"
)

// pair is a certificate and its key in files that are replaced, as a renewal
// does.
type pair struct{ dir string }

func newPair(t *testing.T) pair {
	p := pair{t.TempDir()}
	p.put(t)
	return p
}

// put puts a new certificate there.
func (p pair) put(t testing.TB) *x509.Certificate {
	t.Helper()
	c := enginetest.Issue(t, enginetest.PKI(t).Intermediate, enginetest.CertOptions{DNS: []string{enginetest.Host}})
	enginetest.WriteFiles(t, c, p.dir, "new")
	for _, ext := range []string{".key", ".pem"} {
		if err := os.Rename(p.dir+"/new"+ext, p.dir+"/server"+ext); err != nil {
			t.Fatal(err)
		}
	}
	return c.Leaf
}

func (p pair) args() []string {
	return []string{"--cert", p.dir + "/server.pem", "--key", p.dir + "/server.key"}
}

// shown is the certificate that a listener shows.
func shown(t *testing.T, address string) *x509.Certificate {
	t.Helper()
	c, err := dialClient(address, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.noter.Close()
	return c.ConnectionState().PeerCertificates[0]
}

// The files of certbot and of a Kubernetes secret are links, and a renewal makes them
// lead to others; the old ones may be gone.
func TestReloadOfLinks(t *testing.T) {
	t.Parallel()
	mount := t.TempDir()
	put := func(version string) *x509.Certificate {
		c := enginetest.Issue(t, enginetest.PKI(t).Intermediate, enginetest.CertOptions{DNS: []string{enginetest.Host}})
		for _, err := range []error{
			os.Mkdir(mount+"/"+version, 0o700), os.Symlink(version, mount+"/new"), os.Rename(mount+"/new", mount+"/..data"),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		enginetest.WriteFiles(t, c, mount+"/"+version, "tls")
		return c.Leaf
	}
	put("..1")
	for _, file := range []string{"tls.pem", "tls.key"} {
		if err := os.Symlink("..data/"+file, mount+"/"+file); err != nil {
			t.Fatal(err)
		}
	}
	tlsify := newLaunch(t).start("listen", "--cert", mount+"/tls.pem", "--key", mount+"/tls.key", "127.0.0.1:0", "--", "prog", "cat")
	address := strings.TrimPrefix(tlsify.await("listening"), "listening ")
	renewed := put("..2")
	if err := os.RemoveAll(mount + "/..1"); err != nil {
		t.Fatal(err)
	}
	tlsify.signal(syscall.SIGHUP)
	tlsify.await("reloaded")
	if !shown(t, address).Equal(renewed) {
		t.Error("the certificate is not the new one")
	}
}

// At SIGHUP a listener reads its certificates, keys, lists and ticket keys again,
// whole or not at all, and connections that there are go on.
func TestReload(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	tickets := p.dir + "/tickets"
	os.WriteFile(tickets, []byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"), 0o600)
	l := newLaunch(t)
	args := append([]string{"listen"}, p.args()...)
	tlsify := l.start(append(args, "--ticket-key", tickets, "127.0.0.1:0", "--", "prog", "cat")...)
	address := strings.TrimPrefix(tlsify.await("listening"), "listening ")
	early, err := dialClient(address, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	before := shown(t, address)
	signer := findSigning(tlsify.pid)

	second := p.put(t)
	if shown(t, address).Equal(second) {
		t.Error("the certificate is another before anybody has asked for it")
	}
	tlsify.signal(syscall.SIGHUP)
	tlsify.await("reloaded")
	if !shown(t, address).Equal(second) {
		t.Error("the certificate is not the new one")
	}
	if !becomes(func() bool { return findSigning(tlsify.pid) != signer }) {
		t.Error("the signing process is the old one")
	}

	// Whatever is wrong with whichever file, all of the old ones go on.
	third := p.put(t)
	for name, spoil := range map[string]func(){
		"ticket-key": func() { os.WriteFile(tickets, []byte("no key\n"), 0o600) },
		"key":        func() { os.WriteFile(p.dir+"/server.key", []byte("no key\n"), 0o600) },
		"cert":       func() { os.Remove(p.dir + "/server.pem") },
	} {
		spoil()
		lines := strings.Count(l.said.text(), "\nreloaded no ")
		tlsify.signal(syscall.SIGHUP)
		if !becomes(func() bool { return strings.Count(l.said.text(), "\nreloaded no ") > lines }) {
			t.Fatalf("%s: nothing is said: %s", name, l.said.text())
		}
		if !shown(t, address).Equal(second) {
			t.Errorf("%s: the certificate is another", name)
		}
		if name == "ticket-key" {
			os.WriteFile(tickets, []byte("BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=\n"), 0o600)
		} else {
			third = p.put(t)
		}
	}
	tlsify.signal(syscall.SIGHUP)
	if !becomes(func() bool { return shown(t, address).Equal(third) }) {
		t.Error("the certificate is not the newest")
	}
	if got, how := early.talk("still here"); got != "still here" || how != "close_notify" {
		t.Errorf("a connection from before: got %q, end %s", got, how)
	}
	if !before.Equal(early.ConnectionState().PeerCertificates[0]) {
		t.Error("the early connection has another certificate")
	}
	early.noter.Close()
	if errs := l.err.text(); !strings.Contains(errs, "have been read again") || !strings.Contains(errs, "what is there goes on") {
		t.Errorf("descriptor 2: %s", errs)
	}
	tlsify.signal(syscall.SIGTERM)
	tlsify.wait()
}

// What sends SIGHUP to a whole group, as timeout(1) does behind the one to the listener,
// or to all processes of a name, as killall(1), ended the signing process that was at its
// start, and the old certificate went on; and it ended the connections, and then still those
// whose process was at its start.
func TestReloadOfTheGroup(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	l := newLaunch(t)
	tlsify := l.start(append(append([]string{"listen"}, p.args()...), "127.0.0.1:0", "--", "prog", "cat")...)
	address := strings.TrimPrefix(tlsify.await("listening"), "listening ")
	early, err := dialClient(address, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 10; i++ {
		old := signings(tlsify.pid)
		tlsify.signal(syscall.SIGHUP)
		var starting []int
		becomes(func() bool {
			starting = slices.DeleteFunc(signings(tlsify.pid), func(pid int) bool { return slices.Contains(old, pid) })
			return len(starting) > 0
		})
		syscall.Kill(starting[0], syscall.SIGHUP)
		if !becomes(func() bool { return strings.Count(l.said.text(), "\nreloaded ") == i }) {
			t.Fatal("nothing is said of it")
		}
	}
	if said := l.said.text(); strings.Contains(said, "reloaded no") {
		t.Error(said)
	}
	shown(t, address)
	for range 10 {
		old, failed := acceptsOf(tlsify.pid), make(chan error, 1)
		go func() {
			c, err := dialClient(address, clientConfig(t))
			if err == nil {
				c.noter.Close()
			}
			failed <- err
		}()
		var starting []int
		becomes(func() bool {
			starting = slices.DeleteFunc(acceptsOf(tlsify.pid), func(pid int) bool { return slices.Contains(old, pid) })
			return len(starting) > 0 || len(failed) > 0
		})
		for _, pid := range starting {
			syscall.Kill(pid, syscall.SIGHUP)
		}
		if err := <-failed; err != nil {
			t.Error("a client whose process was at its start: ", err)
		}
	}
	for _, pid := range acceptsOf(tlsify.pid) {
		syscall.Kill(pid, syscall.SIGHUP)
	}
	if got, how := early.talk("still here"); got != "still here" || how != "close_notify" {
		t.Errorf("a connection from before: got %q, end %s", got, how)
	}
	early.noter.Close()
	tlsify.signal(syscall.SIGTERM)
	tlsify.wait()
}

// So it ended the signing process of a listener at its start; another one did not have what
// is fd:N then, or had something else there.
func TestHangupOfTheGroupAtTheStart(t *testing.T) {
	t.Parallel()
	pki := pkiFiles(t)
	for range 10 {
		key, err := os.Open(pki + "/good.key")
		if err != nil {
			t.Fatal(err)
		}
		l := newLaunch(t)
		l.give(8, rawOf(t, key))
		tlsify := l.start("listen", "--cert", pki+"/good.pem", "--key", "fd:8", "127.0.0.1:0", "--", "prog", "cat")
		key.Close()
		becomes(func() bool { return findSigning(tlsify.pid) > 0 })
		syscall.Kill(findSigning(tlsify.pid), syscall.SIGHUP)
		if !becomes(func() bool {
			said := l.said.text()
			return strings.Contains(said, "\nlistening ") || strings.Contains(said, "\nend ")
		}) || strings.Contains(l.said.text(), "\nend ") {
			t.Fatal(l.said.text())
		}
		tlsify.signal(syscall.SIGTERM)
		tlsify.wait()
	}
}

// reloadTime is how long TestReloadUnderLoad goes on without being asked for more.
const reloadTime = 3 * time.Second

// Certificates change again and again under load, and no connection is refused.
// `make reload` does so for a minute.
func TestReloadUnderLoad(t *testing.T) {
	lasts, every := reloadTime, 300*time.Millisecond
	if d, err := time.ParseDuration(os.Getenv("TLSIFY_RELOAD")); err == nil {
		lasts, every = d, time.Second
	}
	p := newPair(t)
	l, err := startListener(nil, os.Environ(), append(p.args(), "--max-per-address=1000", "127.0.0.1:0", "--", "prog", "cat")...)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(lasts)
	var served, changes atomic.Int64
	var seen sync.Map
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for time.Now().Before(end) {
				c, err := dialClient(l.address, clientConfig(t))
				if err == nil {
					_, err = io.WriteString(c, "x")
				}
				if err == nil {
					_, err = io.ReadFull(c, make([]byte, 1))
				}
				if err != nil {
					t.Errorf("a connection came to nothing: %v", err)
					return
				}
				seen.Store(c.ConnectionState().PeerCertificates[0].SerialNumber.String(), true)
				served.Add(1)
				c.noter.Close()
			}
		})
	}
	for time.Now().Before(end) {
		p.put(t)
		l.process.Signal(syscall.SIGHUP)
		changes.Add(1)
		time.Sleep(every)
	}
	clients.Wait()
	certificates := 0
	seen.Range(func(any, any) bool { certificates++; return true })
	t.Logf("%d connections, %d changes, %d certificates seen", served.Load(), changes.Load(), certificates)
	if certificates < int(changes.Load())/2/raced.Times() {
		t.Errorf("%d certificates were seen of %d", certificates, changes.Load())
	}
	if !becomes(func() bool { return len(childrenOf(l.process.Pid)) == 0 }) {
		t.Error("processes are left")
	}
	if err := l.stop(); err != nil {
		t.Error(err)
	}
}

// A client of ACME that fetches staples says first that there is a new certificate, and
// then that there is a staple for it. Between the two the new one was served with the old
// staple, and clients that look at it refused the server; and between the new staple and
// the second SIGHUP each connection read that beside the old certificate, and failed.
func TestReloadOfAStaple(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	staple := p.dir + "/staple"
	put := func(leaf *x509.Certificate) {
		issuer := enginetest.PKI(t).Intermediate
		der, err := ocsp.CreateResponse(issuer.Cert, issuer.Cert, ocsp.Response{SerialNumber: leaf.SerialNumber,
			ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour)}, issuer.Key)
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(staple, der, 0o600)
	}
	first := p.put(t)
	put(first)
	l := newLaunch(t)
	tlsify := l.start(append(append([]string{"listen"}, p.args()...), "--staple-file", staple, "127.0.0.1:0", "--", "prog", "cat")...)
	address := strings.TrimPrefix(tlsify.await("listening"), "listening ")
	second := p.put(t)
	tlsify.signal(syscall.SIGHUP)
	if got := tlsify.await("reloaded"); !strings.Contains(got, "is about another certificate than the one in") || !shown(t, address).Equal(first) {
		t.Errorf("reloaded %s", got)
	}
	put(second)
	if !shown(t, address).Equal(first) {
		t.Error("a staple without a SIGHUP was looked at")
	}
	tlsify.signal(syscall.SIGHUP)
	if !becomes(func() bool { return strings.HasSuffix(l.said.text(), "\nreloaded yes\n") }) || !shown(t, address).Equal(second) {
		t.Errorf("not the new one: %s", l.said.text())
	}
	tlsify.signal(syscall.SIGTERM)
	tlsify.wait()
}

// Revocation lists, too: a client that was accepted is not, once its certificate
// is on the list. With another it is, though it offers the session of the first.
func TestReloadCRL(t *testing.T) {
	t.Parallel()
	set := enginetest.PKI(t)
	pki := pkiFiles(t)
	crl := t.TempDir() + "/crl"
	put := func(revoked ...*big.Int) {
		content, err := set.Intermediate.CRL(revoked...)
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(crl+".new", content, 0o600)
		os.Rename(crl+".new", crl)
	}
	put()
	issue := func() *enginetest.Credential {
		return enginetest.Issue(t, set.Intermediate, enginetest.CertOptions{DNS: []string{"client.test"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	}
	client := issue()
	config := clientConfig(t)
	config.Certificates = []tls.Certificate{enginetest.TLSCertificate(client)}
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	tickets := t.TempDir() + "/tickets"
	os.WriteFile(tickets, []byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"), 0o600)
	visit := func(address string) error {
		c, err := dialClient(address, config)
		if err != nil {
			return err
		}
		defer c.noter.Close()
		if got, how := c.talk("hello"); got != "hello" {
			return errors.New(how)
		}
		return nil
	}
	l := newLaunch(t)
	tlsify := l.start("listen", "--cert", pki+"/good.pem", "--key", pki+"/good.key", "--client-auth", "require",
		"--client-trust", pki+"/ca.pem", "--crl", crl, "--ticket-key", tickets, "127.0.0.1:0", "--", "prog", "cat")
	address := strings.TrimPrefix(tlsify.await("listening"), "listening ")
	if err := visit(address); err != nil {
		t.Fatal(err)
	}
	put(client.Leaf.SerialNumber)
	if err := visit(address); err != nil {
		t.Errorf("before SIGHUP: %v", err)
	}
	tlsify.signal(syscall.SIGHUP)
	tlsify.await("reloaded")
	if visit(address) == nil {
		t.Error("one whose certificate is revoked is served")
	}
	config.Certificates = []tls.Certificate{enginetest.TLSCertificate(issue())}
	if err := visit(address); err != nil {
		t.Errorf("one that has another certificate, and a session from before: %v", err)
	}
	tlsify.signal(syscall.SIGTERM)
	tlsify.wait()
}

// No SIGHUP leaves a descriptor or a signing process behind, whatever it is
// refused for.
func TestReloadLeavesNothing(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	put := func(key enginetest.KeyType) func() {
		return func() {
			c := enginetest.Issue(t, enginetest.PKI(t).Intermediate, enginetest.CertOptions{DNS: []string{enginetest.Host}, Key: key})
			enginetest.WriteFiles(t, c, p.dir, "server")
		}
	}
	tickets, staple := p.dir+"/tickets", p.dir+"/staple"
	write := func(path, content string) func() {
		return func() { os.WriteFile(path, []byte(content), 0o600) }
	}
	good := func() {
		write(tickets, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")()
		write(staple, "\x30\x03\x0a\x01\x03")() // tryLater
		put(enginetest.MLDSA65)()
	}
	good()
	l := newLaunch(t)
	tlsify := l.start(append(append([]string{"listen", "--min-security", "pq-auth"}, p.args()...), "--ticket-key", tickets, "--staple-file", staple, "127.0.0.1:0", "--", "cat")...)
	tlsify.await("listening")
	reload := func(want string) {
		t.Helper()
		lines := strings.Count(l.said.text(), "\nreloaded ")
		tlsify.signal(syscall.SIGHUP)
		if !becomes(func() bool { return strings.Count(l.said.text(), "\nreloaded ") > lines }) {
			t.Fatalf("nothing is said: %s", l.said.text())
		}
		said := l.said.text()
		if said = said[strings.LastIndex(said, "\nreloaded ")+1:]; !strings.HasPrefix(said, "reloaded "+want) {
			t.Fatalf("%q, and not %s", said, want)
		}
	}
	spoils := []func(){
		write(p.dir+"/server.key", "no key\n"),
		write(tickets, "no key\n"),
		func() { os.Remove(staple) },
		put(enginetest.RSA1024),
		put(enginetest.ECDSAP256), // which the engine refuses, when the signing process is there
	}
	open := func() int {
		entries, err := os.ReadDir("/proc/" + strconv.Itoa(tlsify.pid) + "/fd")
		if err != nil && !os.IsPermission(err) { // which nobody but root has
			t.Fatal(err)
		}
		return len(entries)
	}
	reload("yes")
	before := open()
	for range 20 {
		good()
		reload("yes")
	}
	for i := range 20 {
		good()
		spoils[i%len(spoils)]()
		reload("no ")
	}
	if !becomes(func() bool { return open() <= before }) {
		t.Errorf("%d descriptors are open, and were %d", open(), before)
	}
	signing := func() (pids []int) {
		lists, _ := filepath.Glob("/proc/" + strconv.Itoa(tlsify.pid) + "/task/*/children")
		for _, list := range lists {
			content, _ := os.ReadFile(list)
			for _, child := range strings.Fields(string(content)) {
				pids = append(pids, number(child, 0))
			}
		}
		return pids
	}
	if !becomes(func() bool { return len(signing()) == 1 }) {
		t.Errorf("these processes are there: %v", signing())
	}
	tlsify.signal(syscall.SIGTERM)
	tlsify.wait()
}

// A signal may go to the listener's whole process group, as that of a terminal or of a
// service manager does. It is the listener that it is meant for: the signing process goes
// on until that has ended.
func TestSignalToTheGroup(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("needs setsid")
	}
	for range 10 { // which of them is first is chance
		l, err := startListenerBy(os.Stderr, os.Environ(), []string{"setsid"}, append(identity(t), "127.0.0.1:0", "--", "prog", "cat")...)
		if err != nil {
			t.Fatal(err)
		}
		syscall.Kill(-l.process.Pid, syscall.SIGHUP)
		shown(t, l.address)
		syscall.Kill(-l.process.Pid, syscall.SIGTERM)
		if err := l.stop(); err != nil {
			t.Fatal(err)
		}
	}
}
