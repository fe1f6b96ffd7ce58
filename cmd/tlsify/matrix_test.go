package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// A matrixPeer is another program that does TLS, as this machine has it. Its
// server echoes, its client is sent what it has sent.
type matrixPeer struct {
	name           string
	server, client func(m *matrix, port, version string) []string // nil: it has none
	versions       []string
	late           bool   // its server answers after our half-close, and names the client
	resumed        string // what its client says of a resumed session; "": it does not
}

// matrix has the files that all use: a server's identity with a chain of 20 kB, a
// client's, the root, and 200 kB to be sent.
type matrix struct{ dir string }

func (m *matrix) file(name string) string { return filepath.Join(m.dir, name) }

// TestMatrix runs every peer of the machine in both roles against every engine,
// and prints a table. It takes minutes, and more peers than most machines have.
func TestMatrix(t *testing.T) {
	if os.Getenv("TLSIFY_MATRIX") == "" {
		t.Skip("prints a table only where TLSIFY_MATRIX asks for one")
	}
	m := newMatrix(t)
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "peer\tversion\trole")
	for _, e := range built() {
		fmt.Fprintf(w, "\t%s", e.Name())
	}
	fmt.Fprintln(w)
	for _, p := range matrixPeers(t) {
		for _, version := range p.versions {
			for _, role := range []string{"server", "client"} {
				fmt.Fprintf(w, "%s\t%s\t%s", p.name, version, role)
				for _, e := range built() {
					cell := m.cell(t, p, version, role, e)
					if strings.Contains(cell, "NO") {
						t.Errorf("%s %s as %s with %s: %s", p.name, version, role, e.Name(), cell)
					}
					fmt.Fprintf(w, "\t%s", cell)
				}
				fmt.Fprintln(w)
			}
		}
	}
	w.Flush()
	fmt.Println(table.String())
}

// cell is what went well, or NO and what did not.
func (m *matrix) cell(t *testing.T, p matrixPeer, version, role string, e engine.Engine) string {
	_, serves := e.(engine.ServerEngine)
	switch {
	case e.Name() == "pq" && version != "TLSv1.3", role == "client" && !serves, role == "client" && p.client == nil, role == "server" && p.server == nil:
		return "-"
	case role == "server":
		return m.withServer(t, p, version, e.Name())
	}
	return m.withClient(t, p, version, e.Name())
}

// withServer connects twice to the peer's server.
func (m *matrix) withServer(t *testing.T, p matrixPeer, version, name string) string {
	port := m.start(t, p.server, version)
	session := filepath.Join(t.TempDir(), "session")
	var done []string
	for i := range 2 {
		args := []string{"connect", "--engine", name, "--trust", m.file("ca.pem"), "--name", enginetest.Host, "--control-fd", "2", "--session", session,
			"--cert", m.file("client.pem"), "--key", m.file("client.key"), "127.0.0.1:" + port}
		if p.late {
			args = append(args[:1], append([]string{"--eof", "half-close"}, args[1:]...)...)
		} else {
			args = append(args[:1], append([]string{"--eof-wait", "2s"}, args[1:]...)...)
		}
		out, control := m.run(t, nil, "tlsify", args...)
		want, _ := os.ReadFile(m.file("input"))
		switch {
		case !bytes.HasPrefix(out, want):
			return fmt.Sprintf("NO data (%d bytes): %s", len(out), lastLine(control))
		case p.late && !bytes.Contains(out, []byte("client CN=tlsify test client")):
			return "NO client certificate: " + lastLine(control)
		case !strings.Contains(control, "\nend 0\n"):
			return "NO end: " + lastLine(control)
		}
		if i == 1 && strings.Contains(control, "\nresumed yes\n") {
			done = append(done, "resumed")
		}
	}
	done = append([]string{"data"}, done...)
	if p.late {
		done = append(done, "late", "cert")
	}
	return strings.Join(done, " ")
}

// withClient has the peer's client connect twice to a listener of ours.
func (m *matrix) withClient(t *testing.T, p matrixPeer, version, name string) string {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l := exec.CommandContext(ctx, "tlsify", "listen", "--engine", name, "--cert", m.file("big.pem"), "--key", m.file("big.key"), "--client-auth", "request", "--client-trust", m.file("ca.pem"),
		"--ticket-key", m.file("ticket"), "--control-fd", "2", "127.0.0.1:0", "--", "cat")
	stderr, err := l.StderrPipe()
	if err != nil || l.Start() != nil {
		return "NO listener"
	}
	defer l.Wait()
	defer l.Process.Signal(os.Interrupt)
	lines := bufio.NewScanner(stderr)
	port := ""
	for port == "" && lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "listening "); ok {
			_, port, _ = net.SplitHostPort(address)
		}
	}
	go func() {
		for lines.Scan() {
		}
	}()
	input, _ := os.ReadFile(m.file("input"))
	args := p.client(m, port, version)
	out, control := m.run(t, input, args[0], args[1:]...)
	if p.resumed == "" {
		if !bytes.Contains(out, input[:1000]) {
			return fmt.Sprintf("NO data (%d bytes): %s", len(out), lastLine(control))
		}
		return "data"
	}
	if bytes.Count(out, []byte("same")) != 2 {
		return "NO data: " + lastLine(string(out)+control)
	}
	if p.resumed == "created" {
		var times []string
		for line := range strings.Lines(string(out)) {
			if at, ok := strings.CutPrefix(line, "created "); ok {
				times = append(times, at)
			}
		}
		if len(times) == 2 && times[0] == times[1] {
			return "data resumed"
		}
		return "data"
	}
	if bytes.Contains(out, []byte(p.resumed)) {
		return "data resumed"
	}
	return "data"
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range slices.Backward(lines) {
		if !strings.HasPrefix(line, "end ") {
			return line
		}
	}
	return ""
}

// run gives what a program writes, within half a minute. Without input it has
// the file's.
func (m *matrix) run(t *testing.T, input []byte, name string, args ...string) (out []byte, errs string) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if input != nil {
		cmd.Stdin = bytes.NewReader(input)
	} else if file, err := os.Open(m.file("input")); err == nil {
		defer file.Close()
		cmd.Stdin = file
	}
	cmd.WaitDelay = time.Second
	cmd.Run()
	return stdout.Bytes(), stderr.String()
}

// start starts a server and gives its port.
func (m *matrix) start(t *testing.T, server func(*matrix, string, string) []string, version string) string {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	args := server(m, port, version)
	cmd := exec.Command(args[0], args[1:]...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 1200 { // a loaded machine takes its time to start a JDK
		if conn, err := net.Dial("tcp4", "127.0.0.1:"+port); err == nil {
			conn.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return port
}

func newMatrix(t *testing.T) *matrix {
	m := &matrix{t.TempDir()}
	set := enginetest.PKI(t)
	write := func(name string, content []byte) {
		if err := os.WriteFile(m.file(name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// An extension that nobody knows, as long as a certificate's names may be.
	filler := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Value: append([]byte{4, 0x82, 0x40, 0}, make([]byte, 0x4000)...)}
	big := enginetest.Issue(t, set.Root, enginetest.CertOptions{DNS: []string{enginetest.Host}, Extensions: []pkix.Extension{filler}})
	enginetest.WriteFiles(t, big, m.dir, "big")
	enginetest.WriteFiles(t, enginetest.Chain(t, "client"), m.dir, "client")
	write("ca.pem", set.Root.PEM())
	write("ticket", []byte("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"))
	write("input", bytes.Repeat([]byte("a line of the matrix, of which there are many\n"), 4400))
	for _, name := range []string{"big", "client"} {
		if out, err := exec.Command("openssl", "pkcs12", "-export", "-in", m.file(name+".pem"), "-inkey", m.file(name+".key"), "-out", m.file(name+".p12"), "-passout", "pass:password").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return m
}

// matrixPeers are those that the machine has.
func matrixPeers(t *testing.T) (peers []matrixPeer) {
	both := []string{"TLSv1.2", "TLSv1.3"}
	last := both[1:]
	flags := map[string]string{"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}
	has := func(name string) bool { _, err := exec.LookPath(name); return err == nil }
	if has("openssl") {
		peers = append(peers, matrixPeer{name: toolVersion("openssl", "version"), versions: both,
			client: func(m *matrix, port, version string) []string {
				return []string{"sh", "-c", `(cat; sleep 3) | openssl s_client -quiet -no_ign_eof -connect 127.0.0.1:"$1" "$2" -CAfile "$3" -verify_return_error`, "sh", port, flags[version], m.file("ca.pem")}
			},
		})
	}
	if has("gnutls-serv") {
		priority := map[string]string{"TLSv1.2": "NORMAL:-VERS-ALL:+VERS-TLS1.2", "TLSv1.3": "NORMAL:-VERS-ALL:+VERS-TLS1.3"}
		peers = append(peers, matrixPeer{name: toolVersion("gnutls-cli", "--version"), versions: both,
			server: func(m *matrix, port, version string) []string {
				return []string{"gnutls-serv", "--quiet", "--echo", "--port", port, "--x509certfile", m.file("big.pem"), "--x509keyfile", m.file("big.key"), "--priority", priority[version]}
			},
		})
	}
	if has("node") {
		script, _ := filepath.Abs("testdata/matrix/peer.js")
		peers = append(peers, matrixPeer{name: "Node.js " + strings.TrimSpace(toolOutput("node", "--version")), versions: last, late: true, resumed: "resumed true",
			server: func(m *matrix, port, version string) []string {
				return []string{"node", script, "server", port, m.file("big.pem"), m.file("big.key"), m.file("ca.pem"), version}
			},
			client: func(m *matrix, port, version string) []string {
				return []string{"node", script, "client", port, m.file("client.pem"), m.file("client.key"), m.file("ca.pem"), version}
			},
		})
	}
	source, _ := filepath.Abs("testdata/matrix/Peer.java")
	virtual, _ := filepath.Glob("/usr/lib/jvm/*/bin/java")
	seen := map[string]bool{}
	for _, java := range virtual {
		real, err := filepath.EvalSymlinks(java)
		if err != nil || seen[real] {
			continue
		}
		seen[real] = true
		version := strings.Fields(toolOutput(real, "--version"))
		if len(version) < 2 {
			continue
		}
		limits := filepath.Join(t.TempDir(), "limits")
		// The client's keys are used up after 64 kB, and KeyUpdates come. A JDK
		// that still waits for the answer to one when the other side ends its half
		// breaks off with unexpected_message, so its server has the usual limits.
		if err := os.WriteFile(limits, []byte("jdk.tls.keyLimits=AES/GCM/NoPadding KeyUpdate 2^16, ChaCha20-Poly1305 KeyUpdate 2^16\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		run := func(m *matrix, role, port, identity, version string) []string {
			args := []string{real}
			if role == "client" {
				args = append(args, "-Djava.security.properties="+limits)
			}
			return append(args, source, role, port, m.file(identity), m.file("ca.pem"), version)
		}
		peers = append(peers, matrixPeer{name: "JDK " + version[1], versions: last, late: true, resumed: "created",
			server: func(m *matrix, port, version string) []string { return run(m, "server", port, "big.p12", version) },
			client: func(m *matrix, port, version string) []string { return run(m, "client", port, "client.p12", version) },
		})
	}
	return peers
}

func toolOutput(name, option string) string {
	out, err := exec.Command(name, option).Output()
	if err != nil {
		return ""
	}
	return string(out)
}
