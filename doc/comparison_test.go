package doc

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tlsify/engine/enginetest"
	"tlsify/engine/pki"
)

// README's table beside other programs, measured: the rows that can be, with the
// programs that are installed. The others are what the programs' own manuals say.

// greeting is what a server here says.
const greeting = "greeting of the server\n"

// otherPrograms are the columns, each with its command: {port} is the server's,
// {ca} a file with its root, {dir} a directory of its own.
var otherPrograms = []struct {
	name   string
	strict string // as it is by default, with the root given
	lax    string // told not to check, or empty
	files  map[string]string
	takes  string // the option without which the input is taken for commands, or empty
}{
	{name: "tlsify", strict: "tlsify --trust {ca} localhost:{port}"},
	{name: "openssl s_client", strict: "openssl s_client -quiet -CAfile {ca} -connect localhost:{port} -servername localhost",
		lax: "openssl s_client -quiet -connect localhost:{port}", takes: "-quiet"},
	{name: "socat", strict: "socat -t 2 - OPENSSL:localhost:{port},cafile={ca}", lax: "socat -t 2 - OPENSSL:localhost:{port},verify=0"},
	{name: "stunnel", strict: "stunnel {dir}/strict.conf", lax: "stunnel {dir}/strict.conf",
		files: map[string]string{"strict.conf": "client = yes\nforeground = quiet\nsyslog = no\nconnect = 127.0.0.1:{port}\nCAfile = {ca}\n"}},
	{name: "curl", strict: "curl -s -T - --cacert {ca} https://localhost:{port}/", lax: "curl -s -k -T - https://localhost:{port}/"},
}

// comparison is README's table: by row, then by program.
func comparison(t *testing.T) map[string]map[string]string {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "## Beside other programs\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]map[string]string{}
	var names []string
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case len(cells) < 2 || strings.HasPrefix(cells[0], "---"):
		case names == nil:
			names = cells
		default:
			row := map[string]string{}
			for i, cell := range cells {
				row[names[i]] = cell
			}
			rows[cells[0]] = row
		}
	}
	return rows
}

// shown is one server of ours: which certificate it has, and how it ends.
type shown struct {
	chain  *pki.Credential
	cut    bool
	length string // of HTTP's reply, a header, or empty
}

// serve serves one client, and gives what it has read.
func (s shown) serve(t *testing.T) (port string, read func() string) {
	t.Helper()
	key, err := s.chain.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(s.chain.ChainPEM(), key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var mu sync.Mutex
	var got bytes.Buffer
	done := make(chan bool)
	go func() {
		defer close(done)
		raw, err := l.Accept()
		if err != nil {
			return
		}
		defer raw.Close()
		raw.SetDeadline(time.Now().Add(10 * time.Second))
		conn := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{pair}, MaxVersion: tls.VersionTLS12})
		if conn.Handshake() != nil {
			return
		}
		buf := make([]byte, 4096)
		for first := true; ; first = false {
			n, err := conn.Read(buf)
			mu.Lock()
			got.Write(buf[:n])
			mu.Unlock()
			if first && n > 0 {
				reply := greeting
				if strings.HasPrefix(string(buf[:n]), "PUT ") {
					reply = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\nConnection: close\r\n" + s.length + "\r\n" + greeting
				}
				io.WriteString(conn, reply)
			}
			raw.SetReadDeadline(time.Now().Add(time.Second)) // more than between two lines
			if err != nil {
				break
			}
		}
		if !s.cut {
			conn.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, func() string {
		l.Close()
		<-done
		mu.Lock()
		defer mu.Unlock()
		return got.String()
	}
}

// ask runs a program's command against a server: what it says, its status, and what
// the server read.
func ask(t *testing.T, command string, files map[string]string, ca, input string, server shown) (out string, status int, read string) {
	t.Helper()
	port, heard := server.serve(t)
	out, status = run(t, command, files, ca, port, input)
	return out, status, heard()
}

// run runs a program's command for a port.
func run(t *testing.T, command string, files map[string]string, ca, port, input string) (out string, status int) {
	t.Helper()
	program, err := tlsify()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	fill := strings.NewReplacer("{port}", port, "{ca}", ca, "{dir}", dir)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(fill.Replace(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	words := strings.Fields(fill.Replace(command))
	if words[0] == "tlsify" {
		words[0] = filepath.Join(program, "tlsify")
	}
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stdout = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for line := range strings.Lines(input) {
			io.WriteString(stdin, line) // each by itself: s_client looks at the beginning of a read
			time.Sleep(300 * time.Millisecond)
		}
		stdin.Close()
	}()
	err = cmd.Wait()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		status = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return said.String(), status
}

// What the table says of checking, of commands and of cut streams is so.
func TestComparison(t *testing.T) {
	rows := comparison(t)
	root, err := pki.NewRoot(pki.Options{CommonName: "comparison"})
	if err != nil {
		t.Fatal(err)
	}
	issue := func(name string) *pki.Credential {
		leaf, err := root.Issue(pki.Options{DNS: []string{name}})
		if err != nil {
			t.Fatal(err)
		}
		return leaf
	}
	good, wrong := issue("localhost"), issue("other.example")
	self, err := pki.SelfSigned(pki.Options{DNS: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, root.PEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	yes := regexp.MustCompile(`^yes`)
	for _, p := range otherPrograms {
		t.Run(p.name, func(t *testing.T) {
			if word, _, _ := strings.Cut(p.strict, " "); word != "tlsify" {
				if _, err := exec.LookPath(word); err != nil {
					t.Skip("needs " + word)
				}
			}
			t.Parallel()
			cell := func(row, want string, is bool) {
				if have := rows[row][p.name]; yes.MatchString(have) != is {
					t.Errorf("%s: the table says %q, and %s is %v", row, have, want, is)
				}
			}
			const input = "hello\n"
			came := func(command string, s shown) bool {
				out, _, _ := ask(t, command, p.files, ca, input, s)
				return strings.Contains(out, greeting)
			}
			if !came(p.strict, shown{chain: good}) {
				t.Fatal("it does not work with the right certificate")
			}
			unchecked := came(p.strict, shown{chain: wrong}) || came(p.strict, shown{chain: self})
			cell("checks certificate and name unless told otherwise", "that it does", !unchecked)
			if p.lax != "" {
				cell("can be told not to check", "that it takes any", came(p.lax, shown{chain: self}))
			}
			told := func(s shown) bool {
				_, whole, _ := ask(t, p.strict, p.files, ca, input, shown{chain: good})
				_, cut, _ := ask(t, p.strict, p.files, ca, input, s)
				return whole == 0 && cut != 0
			}
			const cutRow = "tells a cut stream from one that ended"
			if is := told(shown{chain: good, cut: true}); is != regexp.MustCompile(`^(yes|since)`).MatchString(rows[cutRow][p.name]) {
				t.Errorf("%s: the table says %q, and that it tells is %v", cutRow, rows[cutRow][p.name], is)
			}
			if p.name == "curl" && !told(shown{chain: good, cut: true, length: "Content-Length: 1000\r\n"}) {
				t.Errorf("%s: it does not, where HTTP says a length", cutRow)
			}
			const commands = "one\nQ\nR\ntwo\n"
			through := func(command string) bool {
				_, _, read := ask(t, command, p.files, ca, commands, shown{chain: good})
				return strings.Contains(read, "Q") && strings.Contains(read, "two")
			}
			bare := p.strict
			if p.takes != "" {
				bare = strings.Replace(p.strict, p.takes+" ", "", 1)
			}
			cell("bytes of the input are never commands", "that they are none", through(bare))
			if p.takes != "" && !(through(p.strict) && through(bare+" -nocommands")) {
				t.Errorf("they are commands with %s or -nocommands, too", p.takes)
			}
			_, untrusted, _ := ask(t, p.strict, p.files, ca, input, shown{chain: self})
			absent := absence(t, p.strict, p.files, ca)
			says, apart := rows["a word and a status for each failure"][p.name], untrusted > 0 && absent > 0 && untrusted != absent
			if apart != (says != "no") {
				t.Errorf("the table says %q of failures, and the statuses are %d and %d", says, untrusted, absent)
			}
		})
	}
}

// absence is the status where nobody listens.
func absence(t *testing.T, command string, files map[string]string, ca string) (status int) {
	_, status = run(t, command, files, ca, enginetest.FreePort(t), "")
	return status
}
