package utls

import (
	"crypto/tls"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	utls "github.com/refraction-networking/utls"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// unusable are the fingerprints with which no handshake is made, and the
// library's reason.
var unusable = map[string]string{
	"360-7.5": "it offers no cipher suite with forward secrecy and authenticated encryption",
}

// names are all fingerprints, the random ones with several seeds. Random without a
// seed is another each time, and now and then one whose best suite in common
// with a server is none that we accept.
func names() []string {
	isRandom := func(name string) bool { return strings.HasPrefix(name, "random") }
	all := Engine{}.Fingerprints()
	list := slices.DeleteFunc(slices.Clone(all), isRandom)
	for _, name := range all {
		for i := range 40 {
			if isRandom(name) {
				list = append(list, fmt.Sprint(name, ":", i))
			}
		}
	}
	return list
}

// offers tells whether a fingerprint offers a protocol version.
func offers(t *testing.T, name string, version engine.Version) bool {
	t.Helper()
	p := &profile{}
	if err := p.byName(name); err != nil {
		t.Fatal(err)
	}
	return p.spec == nil || version == engine.TLS12 || p.highestVersion() >= uint16(version)
}

// eachHandshake makes a handshake with every fingerprint that offers version.
func eachHandshake(t *testing.T, version engine.Version, address string, check func(engine.Session) error) {
	t.Helper()
	for _, name := range names() {
		if !offers(t, name, version) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			c := clientConfig()
			c.Fingerprint, c.ALPN = name, []string{"h2", "http/1.1"}
			session, err := dial(t, address, c)
			if err == nil {
				err = check(session)
			}
			if err == nil && session.State().Version != version {
				err = errors.New("it came to " + session.State().Version.String())
			}
			switch reason := unusable[name]; {
			case err == nil && reason != "":
				t.Errorf("it works, but stands as unusable: %s", reason)
			case err != nil && reason == "":
				t.Error(err)
			}
		})
	}
}

func TestProfilesWithCryptoTLS(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, chain := range []string{"good", "good-rsa"} {
			l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: version, MaxVersion: version,
				Certificates: []tls.Certificate{enginetest.TLSCertificate(enginetest.Chain(t, chain))}})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for c, err := l.Accept(); err == nil; c, err = l.Accept() {
					go io.Copy(c, c)
				}
			}()
			eachHandshake(t, engine.Version(version), l.Addr().String(), func(s engine.Session) error {
				s.Write([]byte("line"))
				_, err := io.ReadFull(s, make([]byte, 4))
				return err
			})
		}
	}
}

func TestProfilesWithOpenSSL(t *testing.T) {
	for option, version := range map[string]engine.Version{"-tls1_2": engine.TLS12, "-tls1_3": engine.TLS13} {
		for _, chain := range []string{"good", "good-rsa"} {
			eachHandshake(t, version, opensslServer(t, chain, option), reversed)
		}
	}
}

const nginxConfig = `daemon off; master_process off; pid nginx.pid; error_log stderr; events {}
http {
	access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
	server {
		listen %s ssl; server_name %s; ssl_protocols %s;
		ssl_certificate %s; ssl_certificate_key %s;
		location / { return 200 "tlsify"; }
	}
}`

func TestProfilesWithNginx(t *testing.T) {
	nginx := need(t, "nginx")
	for protocol, version := range map[string]engine.Version{"TLSv1.2": engine.TLS12, "TLSv1.3": engine.TLS13} {
		dir := t.TempDir()
		cert, key := enginetest.WriteFiles(t, enginetest.Chain(t, "good-rsa"), dir, "server")
		address := "127.0.0.1:" + enginetest.FreePort(t)
		os.WriteFile(filepath.Join(dir, "conf"), fmt.Appendf(nil, nginxConfig, address, enginetest.Host, protocol, cert, key), 0o644)
		start(t, nginx, "-p", dir, "-c", "conf")
		for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			if c, err := net.Dial("tcp", address); err == nil {
				c.Close()
				break
			}
			if time.Since(begin) > patience {
				t.Fatal("nginx does not listen")
			}
		}
		eachHandshake(t, version, address, func(s engine.Session) error {
			fmt.Fprintf(s, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", enginetest.Host)
			reply, err := io.ReadAll(s)
			if err == nil && !strings.HasSuffix(string(reply), "tlsify") {
				err = fmt.Errorf("reply %q", reply)
			}
			return err
		})
	}
}

// The list is the library's own, of its version: every ClientHelloID that it
// names, but the custom one and those that stand for another.
func TestFingerprintsAreComplete(t *testing.T) {
	const path = "github.com/refraction-networking/utls"
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}} {{.Version}}", path).Output()
	if err != nil {
		t.Skip("needs go")
	}
	dir, version, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if version != libraryVersion {
		t.Errorf("the library is %s, and classify.go is made for %s", version, libraryVersion)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, "u_common.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Hello") || spec.Names[0].Name == "HelloCustom" {
			return true
		}
		if _, isLiteral := spec.Values[0].(*ast.CompositeLit); isLiteral {
			count++
		}
		return true
	})
	if count != len(fingerprints) {
		t.Errorf("the library names %d ClientHellos, and the list has %d", count, len(fingerprints))
	}
	seen := map[utls.ClientHelloID]bool{}
	for _, f := range fingerprints {
		if seen[f.id] {
			t.Errorf("%s stands there twice", f.name)
		}
		seen[f.id] = true
	}
}

func TestResolveFingerprint(t *testing.T) {
	for name, want := range map[string]string{
		"chrome": "chrome-156", "firefox": "firefox-153", "safari": "safari-16.0", "ios": "ios-14", "edge": "edge-106",
		"360": "360-11.0", "qq": "qq-11.1", "android": "android-11-okhttp",
		"chrome-120": "chrome-120", "chrome-156": "chrome-156", "chrome-120-pq": "chrome-120-pq", "golang": "golang", "random:7": "random:7",
	} {
		if got, err := (Engine{}).ResolveFingerprint(name); got != want || err != nil {
			t.Errorf("%s is %s, %v; want %s", name, got, err, want)
		}
	}
	one, _ := Engine{}.ResolveFingerprint("random")
	two, err := Engine{}.ResolveFingerprint("random")
	if one == two || err != nil || !strings.HasPrefix(one, "random:") {
		t.Errorf("random is %s, and then %s, %v", one, two, err)
	}
	for _, name := range []string{"netscape", "chrome-", "chrome-999", "chrome-133:7", "random:", "random:" + strings.Repeat("x", 65), "rand", "-", ":"} {
		_, err := Engine{}.ResolveFingerprint(name)
		c := clientConfig()
		c.Fingerprint = name
		for _, err := range []error{err, New().CheckClient(c)} {
			if !errors.As(err, new(*engine.UnsupportedError)) {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
}

// A seed gives the same ClientHello again, but for what must be fresh.
func TestRandomIsReproducible(t *testing.T) {
	shape := func(name string) []uint16 {
		hello := sentHello(t, func(c *engine.ClientConfig) { c.Fingerprint = name })
		return append(slices.Clone(hello.suites), hello.extensions...)
	}
	different := 0
	for i := range 10 {
		name := fmt.Sprint("random:", i)
		if one, two := shape(name), shape(name); !slices.Equal(one, two) {
			t.Errorf("%s is %x, and then %x", name, one, two)
		}
		if !slices.Equal(shape(name), shape("random:other")) {
			different++
		}
	}
	if different < 10 {
		t.Errorf("%d of 10 seeds give what another gives", 10-different)
	}
}
