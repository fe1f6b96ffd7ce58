//go:build pq

package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tlsify/cmd/tlsify/internal/fingerprint"
	"tlsify/engine/ech"
	"tlsify/engine/enginetest"
	"tlsify/engine/enginetest/browser"
)

// echPage answers a request with "$2", and notes how it came to "$1".
const echPage = `while read -r line && [ "$line" != "$(printf '\r')" ]; do :; done
echo "$1 $TLSIFY_SERVER_NAME ${TLSIFY_ECH:-none}" >>"$0"
printf 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n%s' "$2"`

// TestBrowsersECH has browsers find ECH configurations in the DNS (RFC 9848), of
// examples/doh.py behind a listener of ours, and go to a listener with the key.
// With its configuration the hidden name is not to be seen on the way; with an
// old one they are told of the other by a server that has proved to be the public
// name, and come back; and without one what they send is GREASE, which is passed
// over. TLSIFY_BROWSERS_ECH=1 asks for it: `make browsers-ech`.
func TestBrowsersECH(t *testing.T) {
	if os.Getenv("TLSIFY_BROWSERS_ECH") == "" {
		t.Skip("has browsers use ECH only where TLSIFY_BROWSERS_ECH asks for it")
	}
	// Not what may stand for it in PATH, and is slower.
	python, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Skip("needs python3")
	}
	for _, b := range browser.Each() {
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(b.Program); err != nil {
				t.Skip("needs " + b.Program)
			}
			visitECH(t, b, strings.TrimSpace(string(python)))
		})
	}
}

// echHosts are the names that are asked for, and what is to be seen of each in
// the end, at the server and on the way.
var echHosts = [...]struct{ name, ech, visible string }{
	{"fresh.tlsify.test", "accepted", publicName},
	{"stale.tlsify.test", "accepted", publicName},
	{"plain.tlsify.test", "none", "plain.tlsify.test"},
}

func visitECH(t *testing.T, b *browser.Browser, python string) {
	s := newECHSite(t, python)
	stop := b.Start(t, browser.Options{Authority: s.root.PEM(), Resolver: s.resolver, Page: s.start})
	var want []string
	for _, engine := range echEngines {
		want = append(want, engine+" "+publicName+" none") // a connection with the old configuration
		for _, host := range echHosts {
			want = append(want, engine+" "+host.name+" "+host.ech)
		}
	}
	var pages string
	for limit := time.Now().Add(3 * patience); ; time.Sleep(100 * time.Millisecond) {
		text, _ := os.ReadFile(s.pages)
		pages = string(text)
		if !slices.ContainsFunc(want, func(line string) bool { return !strings.Contains(pages, line+"\n") }) {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("pages were loaded as\n%swant each of\n%s\nThe browser said: %s", pages, strings.Join(want, "\n"), stop())
		}
	}
	stop()
	names := s.seen.String()
	t.Logf("%s %s: on the way %s; pages, by engine, name and ECH:\n%s", b.Title, b.Version(t), names, pages)
	for _, host := range echHosts {
		if !strings.Contains(names, host.visible) || host.visible == publicName && strings.Contains(names, host.name) {
			t.Errorf("of %s %s is to be seen, and was %s", host.name, host.visible, names)
		}
	}
	if strings.Contains(names, "without") {
		t.Errorf("ClientHellos without encrypted_client_hello: %s", names)
	}
}

// echEngines are those with a server's side.
var echEngines = [...]string{"std", "pq"}

// An echSite is listeners for all engines, and what leads a browser to them.
type echSite struct {
	root            *enginetest.Authority
	resolver, start string // URLs
	pages           string // the file with a line for each request
	seen            namesSeen
}

func newECHSite(t *testing.T, python string) *echSite {
	dir := t.TempDir()
	s := &echSite{root: enginetest.NewRoot(t, enginetest.CertOptions{}), pages: dir + "/pages"}
	issue := func(name string, o enginetest.CertOptions) []string {
		cert, key := enginetest.WriteFiles(t, enginetest.Issue(t, s.root, o), dir, name)
		return []string{"--cert", cert, "--key", key}
	}
	hidden := issue("hidden", enginetest.CertOptions{DNS: []string{"*.tlsify.test"}})
	public := issue("public", enginetest.CertOptions{DNS: []string{publicName}})
	local := issue("resolver", enginetest.CertOptions{IP: []net.IP{{127, 0, 0, 1}}})
	// The newest key is of a kind that no browser has: they take the other.
	fresh := bothLists(t, makeECH(t, "mlkem768-x25519", dir+"/strong.pem"), makeECH(t, "x25519", dir+"/plain.pem"))
	stale := makeECH(t, "x25519", dir+"/old.pem")
	joinFiles(t, dir+"/key.pem", dir+"/strong.pem", dir+"/plain.pem")

	// One page asks each host of each engine for an image, again and again, which
	// makes up for answers that come too late for a browser that has just begun.
	script := "<!doctype html><script>const load = () => {"
	for _, engine := range echEngines {
		l := startDaemon(t, slices.Concat([]string{"--engine", engine}, public, hidden,
			[]string{"--ech-key", dir + "/key.pem", "127.0.0.1:0", "--", "sh", "-c", echPage, s.pages, engine})...)
		_, port, _ := net.SplitHostPort(s.seen.relay(t, l.address))
		for _, host := range echHosts {
			script += fmt.Sprintf("new Image().src = 'https://%s:%s/' + Math.random();", host.name, port)
		}
	}
	script += "}; load(); setInterval(load, 2000)</script>"
	l := startDaemon(t, slices.Concat(hidden, []string{"127.0.0.1:0", "--", "sh", "-c", echPage, "/dev/null", "", script})...)
	_, port, _ := net.SplitHostPort(l.address)
	dns := startDaemon(t, slices.Concat(local, []string{"127.0.0.1:0", "--", python, "../../examples/doh.py", "start.tlsify.test=127.0.0.1",
		"fresh.tlsify.test=127.0.0.1," + fresh, "stale.tlsify.test=127.0.0.1," + stale, "plain.tlsify.test=127.0.0.1"})...)
	s.start, s.resolver = "https://start.tlsify.test:"+port+"/", "https://"+dns.address+"/dns-query"
	return s
}

// bothLists is one ECHConfigList of two, in base64 as they are.
func bothLists(t *testing.T, lists ...string) string {
	t.Helper()
	var all []ech.Config
	for _, list := range lists {
		content, err := base64.StdEncoding.DecodeString(list)
		if err != nil {
			t.Fatal(err)
		}
		configs, err := ech.ParseList(content)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, configs...)
	}
	joined, err := ech.List(all)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(joined)
}

func joinFiles(t *testing.T, to string, from ...string) {
	t.Helper()
	var all []byte
	for _, name := range from {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, content...)
	}
	if err := os.WriteFile(to, all, 0o600); err != nil {
		t.Fatal(err)
	}
}

// namesSeen are the names in the ClientHellos that passed.
type namesSeen struct {
	mutex sync.Mutex
	names []string
}

func (s *namesSeen) String() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return strings.Join(s.names, ", ")
}

// relay is a way to an address past which no ClientHello comes unseen.
func (s *namesSeen) relay(t *testing.T, address string) string {
	return serveEach(t, "tcp4", "127.0.0.1:0", func(client net.Conn) {
		defer client.Close()
		message, err := fingerprint.ReadHello(client)
		if err != nil {
			return // a browser connects to more than it uses
		}
		s.note(message)
		server, err := net.Dial("tcp4", address)
		if err != nil {
			return
		}
		defer server.Close()
		server.Write(append(binary.BigEndian.AppendUint16([]byte{22, 3, 1}, uint16(len(message))), message...))
		go func() { io.Copy(server, client); server.(*net.TCPConn).CloseWrite() }()
		io.Copy(client, server)
	})
}

func (s *namesSeen) note(message []byte) {
	hello, err := fingerprint.Parse(message)
	name := "none"
	if err == nil {
		encrypted := false
		for _, e := range hello.Extensions {
			if e.ID == 0 && len(e.Values) == 1 {
				name = e.Values[0]
			}
			encrypted = encrypted || e.ID == 0xfe0d
		}
		if !encrypted {
			name += " without encrypted_client_hello"
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !slices.Contains(s.names, name) {
		s.names = append(s.names, name)
	}
}

// startDaemon starts a listener that ends with the test.
func startDaemon(t *testing.T, args ...string) *daemon {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	l, err := startListener(log, os.Environ(), args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.stop()
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("%q: %s", args, text)
		}
	})
	return l
}
