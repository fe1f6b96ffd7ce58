package main

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine/enginetest"
)

// under makes a launch of tlsify by another program's name.
func under(t *testing.T, name string, env ...string) *launch {
	t.Helper()
	tlsify, err := exec.LookPath("tlsify")
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(tlsify, link); err != nil {
		t.Fatal(err)
	}
	l := newLaunch(t)
	l.quietly()
	l.program = link
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		l.env = slices.DeleteFunc(l.env, func(have string) bool { return strings.HasPrefix(have, name+"=") })
		l.env = append(l.env, entry)
	}
	return l
}

// netTo gives the child a connection to s on each of these.
func (l *launch) netTo(s *server, ns ...int) {
	l.Helper()
	conn, err := dialRaw(s.address)
	if err != nil {
		l.Fatal(err)
	}
	raw := rawOf(l, conn)
	unix.SetNonblock(raw, false) // for shells
	conn.Close()
	for _, n := range ns {
		l.give(n, raw)
	}
}

// BusyBox's ssl_client: the network on a descriptor, and a name, with a port
// that does not belong there.
func TestAsSSLClient(t *testing.T) {
	for _, c := range []struct {
		name, mode, chain, args, out, people string
		status                               int
	}{
		{"good", "hangs-up", "good", "-s3 -n " + enginetest.Host + ":443", "late reply\n", "", 0},
		{"two", "late", "good", "-e -s 3 -r 4 -n " + enginetest.Host, "late reply\n", "", 0},
		{"expired", "late", "expired", "-s3 -n " + enginetest.Host, "", "(cert-expired)", 5},
		// Alpine's, of wget --no-check-certificate
		{"not to check", "late", "good", "-s3 -n " + enginetest.Host + " -e -I", "late reply\n", "", 0},
		{"not to check, expired", "late", "expired", "-s3 -n " + enginetest.Host + " -e -I", "", "(cert-expired)", 5},
		{"another name", "late", "good", "-s3 -n other.test", "", "(cert-name)", 5},
		{"no name", "late", "good", "-s3", "", "as ssl_client: -n NAME is needed", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, c.mode, "chain="+c.chain)
			l := under(t, "ssl_client", "SSL_CERT_FILE="+pkiFiles(t)+"/ca.pem")
			l.netTo(s, 3, 4)
			tlsify := l.start(strings.Fields(c.args)...)
			if got := tlsify.wait(); got != c.status || l.out.all() != c.out || !strings.Contains(l.err.all(), c.people) {
				t.Errorf("status %d: %s", got, tlsify.report())
			}
			if notes := s.seen(t, 1); c.status == 0 && !strings.Contains(notes, "hello "+enginetest.Host+"\n") {
				t.Errorf("the server saw: %s", notes)
			}
		})
	}
}

// The s6 programs: a client on 6 and 7 with the plaintext on 0 and 1, and a
// server the other way round; both tell what was negotiated once it is.
func TestAsS6(t *testing.T) {
	pki := pkiFiles(t)
	t.Run("client", func(t *testing.T) {
		t.Parallel()
		s := startServer(t, "fin")
		l := under(t, "s6-tlsc-io", "CAFILE="+pki+"/ca.pem")
		l.netTo(s, 6, 7)
		told := l.capture(9)
		tlsify := l.start("-d", "9", "-k", enginetest.Host, "6", "7")
		// Without -J a stream may end as it likes.
		if got := tlsify.wait(); got != 0 || l.out.all() != "hello\n" {
			t.Errorf("status %d: %s", got, tlsify.report())
		}
		list := strings.Split(told.all(), "\x00")
		if len(list) != 7 || list[0] != "SSL_PROTOCOL=TLSv1.3" || !strings.HasPrefix(list[1], "SSL_CIPHER=TLS_") ||
			list[2] != "SSL_TLS_SNI_SERVERNAME="+enginetest.Host || !strings.HasPrefix(list[3], "SSL_PEER_CERT_HASH=SHA256:") ||
			list[4] != "SSL_PEER_CERT_SUBJECT=/CN="+enginetest.Host || list[5]+list[6] != "" {
			t.Errorf("it tells %q", list)
		}
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		s := startServer(t, "talk", "chain=expired")
		l := under(t, "s6-tlsc-io", "CAFILE="+pki+"/ca.pem")
		l.netTo(s, 6, 7)
		told := l.capture(9)
		tlsify := l.start("-J", "-d", "9", "-k", enginetest.Host, "6", "7")
		if got := tlsify.wait(); got != 97 || told.all() != "" || l.out.all() != "" {
			t.Errorf("status %d, told %q: %s", got, told.all(), tlsify.report())
		}
	})
	// Without -k it is the chain alone, as theirs; statuses are theirs too.
	for _, c := range []struct {
		name, mode, chain, options, roots string
		status                            int
	}{
		{"no name", "fin", "good", "6 7", "", 0},
		{"no verification", "fin", "expired", "--no-verify-cert 6 7", "", 0},
		{"no name and expired", "hangs-up", "expired", "6 7", "", 97},
		{"no name and of nobody", "hangs-up", "self-signed", "6 7", "", 97},
		{"too late", "silent", "good", "-K 200 -k " + enginetest.Host + " 6 7", "", 98},
		{"lost", "closes", "good", "-k " + enginetest.Host + " 6 7", "", 97},
		{"no file", "hangs-up", "good", "-k " + enginetest.Host + " 6 7", "/nowhere", 96},
		{"no option", "hangs-up", "good", "-x 6 7", "", 100},
	} {
		t.Run("client "+c.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, c.mode, "chain="+c.chain)
			l := under(t, "s6-tlsc-io", "CAFILE="+cmp.Or(c.roots, pki+"/ca.pem"))
			l.netTo(s, 6, 7)
			tlsify := l.start(strings.Fields(c.options)...)
			if got := tlsify.wait(); got != c.status || (l.out.all() == "hello\n") != (c.status == 0) ||
				(l.err.all() == "") != (c.status == 0 && c.chain == "good") || c.name == "no verification" && !strings.Contains(l.err.all(), "the server is not verified (cert-expired)") {
				t.Errorf("status %d: %s", got, tlsify.report())
			}
		})
	}
	t.Run("server without one of a pair", func(t *testing.T) {
		t.Parallel()
		l := under(t, "s6-tlsd-io", "CERTFILE="+pki+"/good.pem", "KEYFILE="+pki+"/good.key", "KEYFILE:a.test="+pki+"/good.key")
		if got := l.start("-k1", "6", "7").wait(); got != 96 {
			t.Errorf("status %d", got)
		}
	})
	for options, want := range map[string]string{"-d8": "fin", "-Sd8": "close_notify"} {
		t.Run("server "+options, func(t *testing.T) { asS6Server(t, options, want) })
	}
	t.Run("usage stays off the network", func(t *testing.T) {
		t.Parallel()
		ours, theirs := tcpPair(t)
		l := under(t, "s6-tlsd-io")
		for n := range 3 {
			l.give(n, rawOf(t, theirs))
		}
		theirs.Close()
		tlsify := l.start("6", "7")
		if got, _ := io.ReadAll(ours); len(got) > 0 || tlsify.wait() != 100 {
			t.Errorf("on the network, in clear: %q", got)
		}
	})
	// Either end is one direction's, under TLS 1.2 as well, and may be a FIN.
	for _, version := range []string{"1.2", "1.3"} {
		t.Run("client, the other way round, TLS "+version, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, "fin", "tls="+version)
			l := under(t, "s6-tlsc-io", "CAFILE="+pki+"/ca.pem")
			l.netTo(s, 6, 7)
			in := l.feed(0)
			tlsify := l.start("-k", enginetest.Host, "6", "7")
			if l.out.all() != "hello\n" {
				t.Error(tlsify.report())
			}
			io.WriteString(in, "and an answer")
			in.Close()
			notes := s.seen(t, 1)
			if status := tlsify.wait(); status != 0 || !strings.Contains(notes, `got "and an answer"`) || !strings.Contains(notes, "end fin") {
				t.Errorf("status %d; the server saw: %s", status, notes)
			}
		})
	}
}

// notRoot is what /proc says of a process that has become TLS_UID=65533, TLS_GID=65532.
const notRoot = "\nUid:\t65533\t65533\t65533\t65533\nGid:\t65532\t65532\t65532\t65532\n"

// asS6Server has an s6-tlsd-io with options meet a client that ends its half.
func asS6Server(t *testing.T, options, want string) {
	t.Parallel()
	pki := pkiFiles(t)
	ours, theirs := tcpPair(t)
	l := under(t, "s6-tlsd-io", "CERTFILE="+pki+"/good.pem", "KEYFILE="+pki+"/good.key", "TLS_UID=65533", "TLS_GID=65532")
	for _, n := range []int{0, 1} {
		l.give(n, rawOf(t, theirs))
	}
	theirs.Close()
	in, out, told := l.feed(6), l.capture(7), l.capture(8)
	tlsify := l.start(options, "6", "7")
	if os.Getuid() == 0 && !becomes(func() bool {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", findSigning(tlsify.pid)))
		return strings.Contains(string(status), notRoot)
	}) {
		t.Error("the signing process is still root's")
	}
	c, err := newClient(ours, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", tlsify.pid)); !strings.Contains(string(status), notRoot) {
			t.Errorf("root's rights are still there: %s", status)
		}
	}
	io.WriteString(in, "answer")
	in.Close()
	got, how := c.talk("question")
	c.noter.Close()
	if got != "answer" || how != want || out.all() != "question" || !strings.HasPrefix(told.all(), "SSL_PROTOCOL=TLSv1.3\x00") {
		t.Errorf("%q, %s, %q, %q: %s", got, how, out.all(), told.all(), tlsify.report())
	}
	if status := tlsify.wait(); status != 0 {
		t.Errorf("status %d", status)
	}
}

// underUCSPITLS prepares s6-ucspitlsd with a network on 0 and 1, whose other end it gives.
func underUCSPITLS(t *testing.T, env ...string) (*launch, *net.TCPConn) {
	t.Helper()
	pki := pkiFiles(t)
	ours, theirs := tcpPair(t)
	defer theirs.Close()
	l := under(t, "s6-ucspitlsd", append(env, "CERTFILE="+pki+"/good.pem", "KEYFILE="+pki+"/good.key")...)
	for _, n := range []int{0, 1} {
		raw := rawOf(t, theirs)
		unix.SetNonblock(raw, false) // for the shell
		l.give(n, raw)
	}
	return l, ours
}

// A program that speaks in clear first, and asks for TLS by UCSPI-TLS when its
// peer has: it then hears what was negotiated.
func TestAsUCSPITLS(t *testing.T) {
	pki := pkiFiles(t)
	const speak = `echo clear; read -r line; echo "heard $line"; printf %s "$ASK" >&"$SSLCTLFD"
		tr '\000' ' ' <&"$SSLCTLFD" >&2; env | grep -E '^(KEY|CERT)FILE' >&2
		exec <&"$SSLREADFD" >&"$SSLWRITEFD"; echo over TLS; read -r line; echo "heard $line"; exit 7`
	for _, c := range []struct {
		name, ask, told string
		tls             bool
		status          int
	}{
		{"Y", "Y", "SSL_PROTOCOL=TLSv1.3 SSL_CIPHER=TLS_AES_128_GCM_SHA256 SSL_TLS_SNI_SERVERNAME=tlsify.test SSL_PEER_CERT_HASH SSL_PEER_CERT_SUBJECT  ", true, 7},
		{"y", "y", "", true, 7},
		{"unknown", "x", "tlsify: the program asks for TLS by ", false, 128 + 13},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, ours := underUCSPITLS(t, "ASK="+c.ask, "TLS_UID=65533", "TLS_GID=65532")
			tlsify := l.start("-J", "sh", "-c", speak)
			// The handshake comes right behind the last byte in clear.
			for _, line := range []string{"clear\n", "heard STARTTLS\n"} {
				got := make([]byte, len(line))
				if _, err := io.ReadFull(ours, got); err != nil || string(got) != line {
					t.Fatalf("%q, %v: %s", got, err, tlsify.report())
				}
				if line == "clear\n" {
					io.WriteString(ours, "STARTTLS\n")
				}
			}
			if c.tls {
				client, err := newClient(ours, clientConfig(t))
				if err != nil {
					t.Fatal(err, tlsify.report())
				}
				if status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", tlsify.pid)); os.Getuid() == 0 && !strings.Contains(string(status), notRoot) {
					t.Errorf("root's rights are still there: %s", status)
				}
				if got, how := client.talk("question\n"); got != "over TLS\nheard question\n" || how != "fin" {
					t.Errorf("%q, %s", got, how)
				}
			}
			ours.Close()
			if got := tlsify.wait(); got != c.status || !strings.HasPrefix(l.err.all(), c.told) || strings.Contains(l.err.all(), "KEYFILE") {
				t.Errorf("status %d: %s", got, tlsify.report())
			}
		})
	}
	t.Run("never", func(t *testing.T) {
		t.Parallel()
		l, ours := underUCSPITLS(t)
		tlsify := l.start("sh", "-c", "echo clear; exit 3")
		if got, _ := io.ReadAll(ours); string(got) != "clear\n" {
			t.Errorf("%q came", got)
		}
		if got := tlsify.wait(); got != 3 || l.err.all() != "" {
			t.Errorf("status %d: %s", got, tlsify.report())
		}
	})
	// Whoever has asked, and reads, hears the end where there is no TLS.
	t.Run("failed", func(t *testing.T) {
		t.Parallel()
		l, ours := underUCSPITLS(t)
		tlsify := l.start("sh", "-c", `printf Y >&"$SSLCTLFD"; cat <&"$SSLCTLFD"; cat <&"$SSLREADFD"; echo clear; exit 5`)
		ours.Write(make([]byte, 5))
		if got, _ := io.ReadAll(ours); !strings.HasSuffix(string(got), "clear\n") {
			t.Errorf("%q came: %s", got, tlsify.report())
		}
		if got := tlsify.wait(); got != 5 || !strings.Contains(l.err.all(), "(tls-protocol)") {
			t.Errorf("status %d: %s", got, tlsify.report())
		}
	})
	t.Run("stopped", func(t *testing.T) {
		t.Parallel()
		l, ours := underUCSPITLS(t)
		tlsify := l.start("sh", "-c", "trap 'exit 9' TERM; echo clear; while :; do sleep 0.1; done")
		if _, err := io.ReadFull(ours, make([]byte, len("clear\n"))); err != nil {
			t.Fatal(err)
		}
		syscall.Kill(tlsify.pid, syscall.SIGTERM)
		if got := tlsify.wait(); got != 9 || l.err.all() != "" {
			t.Errorf("status %d: %s", got, tlsify.report())
		}
	})
	t.Run("client", func(t *testing.T) {
		t.Parallel()
		s := startMailServer(t, "220 go\r\n", "late")
		l := under(t, "s6-ucspitlsc", "CAFILE="+pki+"/ca.pem")
		l.netTo(s, 6, 7)
		l.start("-k", enginetest.Host, "sh", "-c", `read -r line <&6; printf 'EHLO [127.0.0.1]\r\n' >&7
			read -r line <&6; read -r line <&6; printf 'STARTTLS\r\n' >&7; read -r line <&6
			printf y >&"$SSLCTLFD"; printf secret >&"$SSLWRITEFD"; eval "exec $SSLWRITEFD>&-"; cat <&"$SSLREADFD"`)
		if got := l.out.all(); got != "late reply\n" {
			t.Errorf("%q came: %s", got, l.err.all())
		}
		if notes := s.seen(t, 1); !strings.Contains(notes, `got "secret"`) {
			t.Errorf("the server saw: %s", notes)
		}
	})
}

// couriertls tells success by closing -statusfd, and a failure by a line on it,
// also where it never came to a connection.
func TestAsCourier(t *testing.T) {
	for _, c := range []struct {
		name, chain, args, told string
		status                  int
	}{
		{"good", "good", "-remotefd=5 -localfd=6 -statusfd=7 -verify=" + enginetest.Host, "", 0},
		{"expired", "expired", "-remotefd=5 -localfd=6 -statusfd=7 -verify=" + enginetest.Host, "expired", 5},
		{"usage", "good", "-remotefd=5 -localfd=6 -domain=a.test -statusfd=7", "there is no -domain", 1},
		{"closed", "good", "-remotefd=77 -localfd=6 -statusfd=7 -verify=a.test", "descriptor 77 is not open", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, "echo", "chain="+c.chain)
			l := under(t, "couriertls", "TLS_TRUSTCERTS="+pkiFiles(t)+"/ca.pem")
			l.netTo(s, 5)
			local := l.socket(6)
			told := l.capture(7)
			tlsify := l.start(strings.Fields(c.args)...)
			if line := told.all(); (c.told == "") != (line == "") || !strings.Contains(line, c.told) {
				t.Errorf("it tells %q", line)
			}
			if c.status == 0 {
				io.WriteString(local, "there and back")
				local.CloseWrite()
			}
			if got, _ := io.ReadAll(local); (string(got) == "there and back") != (c.status == 0) {
				t.Errorf("back came %q", got)
			}
			if got := tlsify.wait(); got != c.status {
				t.Errorf("status %d: %s", got, tlsify.report())
			}
		})
	}
}

// A mail server that encrypts where it can says so to couriertls by no -verify: it
// goes on with whoever answers, which is said, unless TLS_VERIFYPEER has the chain
// verified.
func TestAsCourierUnnamed(t *testing.T) {
	for _, c := range []struct {
		name, chain, level, info, people string
		status                           int
	}{
		{"expired", "expired", "NONE", "\nUnverified: cert-expired\n", "the server is not verified (cert-expired)", 0},
		{"good", "good", "NONE", "\nUnverified: cert-name\n", "the server is not verified (cert-name)", 0},
		{"nothing said", "expired", "", "\nUnverified: cert-expired\n", "the server is not verified (cert-expired)", 0},
		{"chain alone", "good", "PEER", "", "", 0},
		{"chain alone, bad", "expired", "PEER", "", "(cert-expired)", 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, "echo", "chain="+c.chain)
			l := under(t, "couriertls", "TLS_TRUSTCERTS="+pkiFiles(t)+"/ca.pem", "TLS_CERTFILE="+pkiFiles(t)+"/client.pem",
				"TLS_PRIVATE_KEYFILE="+pkiFiles(t)+"/client.key", "TLS_VERIFYPEER="+c.level)
			l.netTo(s, 5)
			local, told, info := l.socket(6), l.capture(7), l.capture(8)
			tlsify := l.start("-statusfd=7", "-printx509=8", "-localfd=6", "-remotefd=5")
			io.WriteString(local, "there and back")
			local.CloseWrite()
			got, _ := io.ReadAll(local)
			if status := tlsify.wait(); status != c.status || (string(got) == "there and back") != (c.status == 0) {
				t.Errorf("status %d, %q: %s", status, got, tlsify.report())
			}
			if (told.all() == "") != (c.status == 0) || !strings.Contains(info.all(), c.info) || strings.Contains(info.all(), "Unverified") != (c.info != "") {
				t.Errorf("it tells %q, %q", told.all(), info.all())
			}
			if people := l.err.all(); !strings.Contains(people, c.people) || (people == "") != (c.people == "") {
				t.Errorf("people hear %q", people)
			}
		})
	}
}

// couriertcpd and imaplogin: the network on 0, and the plaintext a program's or on
// -localfd, with what was negotiated on -printx509.
func TestAsCourierServer(t *testing.T) {
	pki := pkiFiles(t)
	env := []string{"TLS_CERTFILE=" + pki + "/good.pem", "TLS_PRIVATE_KEYFILE=" + pki + "/good.key", "TLS_SUBJECT_CN=forged", "TLS_CONNECTED_PROTOCOL=forged"}
	t.Run("program", func(t *testing.T) {
		t.Parallel()
		ours, theirs := tcpPair(t)
		l := under(t, "couriertls", env...)
		for _, n := range []int{0, 1} {
			l.give(n, rawOf(t, theirs))
		}
		theirs.Close()
		tlsify := l.start("-server", "-tcpd", "sh", "-c", `echo "$TLS_CONNECTED_PROTOCOL $TLS_SUBJECT_CN"; read -r line; echo "heard $line"; exit 4`)
		client, err := newClient(ours, clientConfig(t))
		if err != nil {
			t.Fatal(err, tlsify.report())
		}
		if got, how := client.talk("question\n"); got != "TLSv1.3,128bits,TLS_AES_128_GCM_SHA256 \nheard question\n" || how != "close_notify" {
			t.Errorf("%q, %s", got, how)
		}
		client.noter.Close()
		if got := tlsify.wait(); got != 4 {
			t.Errorf("status %d: %s", got, tlsify.report())
		}
	})
	t.Run("user", func(t *testing.T) {
		t.Parallel()
		if os.Getuid() != 0 {
			t.Skip("needs root, to become another user")
		}
		ours, theirs := tcpPair(t)
		l := under(t, "couriertls", env...)
		for _, n := range []int{0, 1} {
			l.give(n, rawOf(t, theirs))
		}
		theirs.Close()
		tlsify := l.start("-server", "-tcpd", "-user=nobody", "sh", "-c", "id -u; cat")
		client, err := newClient(ours, clientConfig(t))
		if err != nil {
			t.Fatal(err, tlsify.report())
		}
		nobody, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		const want = "\nUid:\t%[1]s\t%[1]s\t%[1]s\t%[1]s\n"
		if status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", tlsify.pid)); !strings.Contains(string(status), fmt.Sprintf(want, nobody.Uid)) {
			t.Errorf("root's rights are still there: %s", status)
		}
		if got, how := client.talk("question\n"); got != "0\nquestion\n" || how != "close_notify" {
			t.Errorf("%q, %s: %s", got, how, tlsify.report())
		}
		client.noter.Close()
		tlsify.wait()
	})
	t.Run("local", func(t *testing.T) {
		t.Parallel()
		ours, theirs := tcpPair(t)
		l := under(t, "couriertls", append(env, "TLS_VERIFYPEER=REQUIREPEER", "TLS_TRUSTCERTS="+pki+"/ca.pem")...)
		for _, n := range []int{0, 1} {
			l.give(n, rawOf(t, theirs))
		}
		theirs.Close()
		local, told, info := l.socket(6), l.capture(7), l.capture(8)
		args := []string{"-statusfd=7", "-printx509=8", "-localfd=6", "-tcpd", "-server"}
		if os.Getuid() == 0 {
			args = append(args, "-user="+nobody)
		}
		tlsify := l.start(args...)
		config := clientConfig(t)
		pair, err := tls.LoadX509KeyPair(pki+"/client.pem", pki+"/client.key")
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
		client, err := newClient(ours, config)
		if err != nil {
			t.Fatal(err, tlsify.report())
		}
		if line := told.all(); line != "" {
			t.Errorf("it tells %q", line)
		}
		if os.Getuid() == 0 {
			isNobody(t, tlsify.pid)
		}
		for _, line := range []string{"Subject:\n   CN=", "\nVersion: TLSv1.3\nBits: 128\nCipher: TLS_AES_128_GCM_SHA256\n"} {
			if !strings.Contains(info.all(), line) {
				t.Errorf("no %q in %q", line, info.all())
			}
		}
		io.WriteString(local, "answer")
		local.CloseWrite()
		if got, how := client.talk("question"); got != "answer" || how != "close_notify" {
			t.Errorf("%q, %s", got, how)
		}
		if got, _ := io.ReadAll(local); string(got) != "question" {
			t.Errorf("%q came", got)
		}
		client.noter.Close()
		if got := tlsify.wait(); got != 0 {
			t.Errorf("status %d: %s", got, tlsify.report())
		}
	})
}

// The helper of Greengrass gives its caller a socket over descriptor 3.
func TestAsGreengrass(t *testing.T) {
	pki := pkiFiles(t)
	for _, c := range []struct {
		name, chain, tls string
		given            bool
	}{{"good", "good", "1.3", false}, {"expired", "expired", "1.3", false}, {"connected", "good", "1.2", true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			chain := c.chain
			s := startServer(t, "echo", "chain="+chain, "client-auth=require", "tls="+c.tls)
			l := under(t, "ggl-tls-helper")
			where := []string{"--endpoint", s.address}
			if c.given {
				l.netTo(s, 4)
				where = []string{"--hostname", enginetest.Host}
			}
			l.leaveOut(0)
			l.leaveOut(1)
			control := l.socket(3)
			tlsify := l.start(append(where, "--private-key", pki+"/client.key", "--certificate", pki+"/client.pem", "--root-ca", pki+"/ca.pem")...)
			message, rights := make([]byte, 64), make([]byte, 64)
			n, rn, _, _, err := control.ReadMsgUnix(message, rights)
			if chain == "expired" {
				if n > 0 || rn > 0 || tlsify.wait() != 5 {
					t.Errorf("%q came: %s", message[:max(n, 0)], tlsify.report())
				}
				return
			}
			if err != nil || string(message[:n]) != "socket" {
				t.Fatalf("%q came, %v: %s", message[:max(n, 0)], err, tlsify.report())
			}
			parsed, err := unix.ParseSocketControlMessage(rights[:rn])
			if err != nil || len(parsed) != 1 {
				t.Fatal(len(parsed), err)
			}
			fds, err := unix.ParseUnixRights(&parsed[0])
			if err != nil || len(fds) != 1 {
				t.Fatal(fds, err)
			}
			conn := connOf(t, fds[0])
			io.WriteString(conn, "there and back")
			began := time.Now()
			if c.given { // a caller that goes is noticed: nobody else has its end of the pair
				io.ReadFull(conn, make([]byte, len("there and back")))
				conn.Close()
			} else {
				conn.CloseWrite()
				if got, err := io.ReadAll(conn); string(got) != "there and back" || err != nil {
					t.Errorf("back came %q, %v", got, err)
				}
			}
			if n, _, _, _, _ := control.ReadMsgUnix(message, rights); n > 0 {
				t.Errorf("a second message came: %q", message[:n])
			}
			if got := tlsify.wait(); got != 0 || time.Since(began) > 9*time.Second {
				t.Errorf("status %d after %v: %s", got, time.Since(began), tlsify.report())
			}
		})
	}
}

// The command line that BusyBox wget gives, with the name as an address and
// with its port: the reason of a failure goes where wget has moved its own
// standard error, but only where everything is as wget has it.
func TestAsOpenSSL(t *testing.T) {
	for _, c := range []struct {
		name   string
		shared bool
		null   bool
	}{{"as wget", true, true}, {"not one socket", false, true}, {"an error channel", true, false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, "talk", "chain=expired")
			l := under(t, "openssl", "SSL_CERT_FILE="+pkiFiles(t)+"/ca.pem")
			if c.shared {
				l.socket(0, 1)
			}
			if c.null {
				l.give(2, openRaw(t, "/dev/null", unix.O_RDWR))
			}
			third := l.capture(3)
			host, port, _ := net.SplitHostPort(s.address)
			tlsify := l.start("s_client", "-quiet", "-connect", s.address, "-verify", "100", "-verify_return_error", "-verify_ip", host+":"+port)
			if got := tlsify.wait(); got != 5 {
				t.Errorf("status %d: %s", got, tlsify.report())
			}
			if said := third.all(); strings.Contains(said, "(cert-expired)") != (c.shared && c.null) {
				t.Errorf("on descriptor 3: %q", said)
			}
		})
	}
}
