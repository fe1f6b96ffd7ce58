package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// A matrixPeer is another TLS library, as a program that does what
// testdata/matrix/peer.c says.
type matrixPeer struct {
	program, name string
	cannot        map[string]string // by the word for it, why
	keys          []string          // psk, raw: what it can have in place of certificates
}

// A matrixRow is a peer in one role under one version of TLS with one engine.
type matrixRow struct {
	peer          *matrixPeer
	version, role string
	engine        engine.Engine
	cells         map[string]string // by column: "yes", or what went wrong; what was not tried is not there
}

// The columns of the matrix.
var matrixColumns = []string{"handshake", chain20, "data", "half-close", "truncation", "KeyUpdate", "resumption", "client certificate"}

const (
	chain20      = "20 kB chain"
	matrixPieces = 14 // as in peer.c
	matrixSize   = 16000 * matrixPieces
)

// TestMatrix runs every peer in TLSIFY_MATRIX/peers (.ci/matrix makes
// them) in both roles against every engine, and writes the table into the file
// TLSIFY_MATRIX_INTO, where that is given.
func TestMatrix(t *testing.T) {
	dir := os.Getenv("TLSIFY_MATRIX")
	if dir == "" {
		t.Skip("prints a table only where TLSIFY_MATRIX asks for one")
	}
	m := newMatrix(t)
	peers := matrixPeers(t, dir)
	var rows []*matrixRow
	turn := make(chan bool, 3) // a JDK is a lot to start
	t.Run("peers", func(t *testing.T) {
		for _, peer := range peers {
			for _, version := range []string{"TLSv1.2", "TLSv1.3"} {
				if peer.cannot[version] != "" {
					continue
				}
				for _, role := range []string{"server", "client"} {
					for _, e := range built() {
						_, serves := e.(engine.ServerEngine)
						if e.Name() == "pq" && version == "TLSv1.2" || role == "client" && !serves {
							continue
						}
						row := &matrixRow{peer, version, role, e, map[string]string{}}
						rows = append(rows, row)
						t.Run(filepath.Base(peer.program)+"/"+version+"/"+role+"/"+e.Name(), func(t *testing.T) {
							t.Parallel()
							turn <- true
							defer func() { <-turn }()
							if role == "server" {
								m.withServer(t, row)
							} else {
								m.withClient(t, row)
							}
							row.judge(t)
						})
					}
				}
			}
		}
	})
	into := os.Getenv("TLSIFY_MATRIX_INTO")
	if table := matrixTable(peers, rows); into == "" {
		fmt.Println(table)
	} else if err := os.WriteFile(into, []byte(table), 0o644); err != nil {
		t.Error(err)
	}
}

// judge complains of what is wrong and not known.
func (r *matrixRow) judge(t *testing.T) {
	for _, column := range matrixColumns {
		said, tried := r.cells[column]
		if _, excused := r.excuse(column); tried && said != "yes" && !excused {
			t.Errorf("%s: %s", column, said)
		}
	}
}

// excuse says why a cell may be other than yes.
func (r *matrixRow) excuse(column string) (why string, excused bool) {
	plain := strings.ReplaceAll(column, "-", " ")
	for _, word := range []string{plain, plain + " as " + r.role} {
		if why, excused = r.peer.cannot[word]; excused {
			return why, true
		}
	}
	for _, x := range matrixExcuses {
		if strings.HasPrefix(r.peer.name, x.peer) && (x.version == "" || x.version == r.version) && (x.role == "" || x.role == r.role) &&
			(x.engine == "" || x.engine == r.engine.Name()) && x.column == column {
			return x.why, true
		}
	}
	return "", false
}

func (r *matrixRow) set(column string, ok bool, format string, args ...any) bool {
	if was := r.cells[column]; was != "" && was != "yes" {
		return ok
	}
	r.cells[column] = "yes"
	if !ok {
		r.cells[column] = fmt.Sprintf(format, args...)
	}
	return ok
}

// matrix has the files that all use: a server's identity with a chain of 20 kB, a
// client's, and the root.
type matrix struct{ dir string }

// identity is the server's: the one with the long chain, where its peer can.
func (m *matrix) identity(r *matrixRow) string {
	if r.peer.cannot[chain20] != "" {
		r.cells[chain20] = "no"
		return m.file("small")
	}
	return m.file("big")
}

func (m *matrix) file(name string) string { return filepath.Join(m.dir, name) }

// connect runs tlsify with the input, and gives what it wrote, its control channel
// and its status.
func (m *matrix) connect(t *testing.T, r *matrixRow, port, session, input string, options ...string) (out []byte, control string, status int) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "tlsify", m.connectArgs(r, port, session, options...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	cmd.WaitDelay = time.Second
	cmd.Run()
	return stdout.Bytes(), stderr.String(), cmd.ProcessState.ExitCode()
}

func (m *matrix) connectArgs(r *matrixRow, port, session string, options ...string) []string {
	args := append([]string{"connect", "--engine", r.engine.Name(), "--trust", m.file("ca.pem"), "--name", enginetest.Host, "--control-fd", "2", "--handshake-timeout", "2m"}, options...)
	if session != "" {
		args = append(args, "--session", session)
	}
	if r.version == "TLSv1.2" {
		args = append(args, "--client-cert-in-clear")
	}
	return append(args, "--cert", m.file("client.pem"), "--key", m.file("client.key"), "127.0.0.1:"+port)
}

// withServer has tlsify connect to the peer's server.
func (m *matrix) withServer(t *testing.T, r *matrixRow) {
	port, notes := m.start(t, r)
	session, data := filepath.Join(t.TempDir(), "session"), matrixData()
	echo := fmt.Sprintf("echo %d\n%s", matrixSize, data)
	late := r.version == "TLSv1.3" // TLS 1.2 has no half-close
	for i := range 2 {
		input, options := echo, []string{"--eof", "hold"}
		if i == 1 && late {
			input, options = "late\n"+data, []string{"--eof", "half-close"}
		}
		out, control, status := m.connect(t, r, port, session, input, options...)
		if !r.set("handshake", strings.Contains(control, "\nready\n"), "%s", lastLine(control)) {
			return
		}
		r.set(chain20, true, "")
		same := bytes.HasPrefix(out, []byte(data))
		column := "data"
		if i == 1 && late {
			column = "half-close"
		}
		r.set(column, same && status == 0 && strings.Contains(control, "\nclosed peer\n"), "%d bytes, status %d: %s", len(out), status, lastLine(control))
		trailer := string(out[min(len(data), len(out)):])
		if i == 1 {
			r.set("resumption", strings.Contains(control, "\nresumed yes\n"), "resumed: no; %s", trailer)
			continue
		}
		r.set("client certificate", strings.Contains(trailer, "CN=tlsify test client"), "%q", trailer)
		if late && r.peer.cannot["count"] == "" {
			r.set("KeyUpdate", same && status == 0 && !strings.Contains(trailer, "updates 0"), "%s%s", trailer, lastLine(control))
		}
	}
	if late && r.peer.cannot["count"] != "" {
		port, _ := m.start(t, r, "PEER_UPDATES=1")
		out, control, status := m.connect(t, r, port, "", echo, "--eof", "hold")
		r.set("KeyUpdate", bytes.HasPrefix(out, []byte(data)) && status == 0, "%d bytes, status %d: %s", len(out), status, lastLine(control))
	}
	out, control, status := m.connect(t, r, port, "", "cut\n", "--eof", "hold")
	r.set("truncation", string(out) == "partial\n" && status == 6, "cut: %q, status %d: %s", out, status, lastLine(control))

	// And that we end without close_notify where we are killed.
	cmd := exec.Command("tlsify", m.connectArgs(r, port, "")...)
	in, err := cmd.StdinPipe()
	control2, err2 := cmd.StderrPipe()
	if err != nil || err2 != nil || cmd.Start() != nil {
		t.Fatal("not started")
	}
	io.WriteString(in, "gone\n")
	for lines := bufio.NewScanner(control2); lines.Scan() && lines.Text() != "ready"; {
	}
	time.Sleep(time.Second / 2)
	cmd.Process.Kill()
	cmd.Wait()
	said := notes()
	r.set("truncation", said == "gone truncated", "a client that is killed: %q", said)
}

// withClient has the peer's client connect to tlsify accept, once for each task.
func (m *matrix) withClient(t *testing.T, r *matrixRow) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	tasks := []string{"echo", "late", "cut", "drop"}
	if r.version == "TLSv1.2" {
		tasks[1] = "echo"
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	client := exec.CommandContext(ctx, r.peer.program, append([]string{"client", port, r.version, m.file("client"), m.file("ca.pem"), enginetest.Host}, tasks...)...)
	var said, complaints bytes.Buffer
	client.Stdout, client.Stderr, client.Env = &said, &complaints, append(os.Environ(), "PEER_UPDATES=1")
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { client.Wait(); l.Close(); close(over) }()
	var controls []string
	for _, task := range tasks {
		conn, err := l.Accept()
		if err != nil {
			break
		}
		controls = append(controls, m.accept(t, r, conn.(*net.TCPConn), task))
	}
	<-over
	t.Logf("it says %q, and %q", said.String(), complaints.String())
	results := strings.Split(strings.TrimSpace(said.String()), "\n")
	for len(results) < len(tasks) {
		results = append(results, "")
	}
	for len(controls) < len(tasks) {
		controls = append(controls, "")
	}
	if !r.set("handshake", strings.Contains(controls[0], "\nready\n"), "%s; %s%s", lastLine(controls[0]), results[0], complaints.String()) {
		return
	}
	r.set(chain20, true, "")
	for i, task := range tasks[:2] {
		column := map[string]string{"late": "half-close", "echo": "data"}[task]
		r.set(column, strings.HasPrefix(results[i], task+" same closed") && strings.HasSuffix(controls[i], "\nend 0\n"), "%s: %s", results[i], lastLine(controls[i]))
	}
	r.set("client certificate", strings.Contains(controls[0], "\npeer-subject CN=tlsify%20test%20client\n"), "%s", lastLine(controls[0]))
	r.set("resumption", strings.Contains(controls[1], "\nresumed yes\n"), "%s", results[1])
	if r.version == "TLSv1.3" {
		r.set("KeyUpdate", strings.HasPrefix(results[0], "echo same") && (r.peer.cannot["count"] != "" || !strings.Contains(results[0], "updates 0")), "%s", results[0])
	}
	r.set("truncation", strings.Contains(controls[3], "\ntruncated\n"), "a client that is gone: %s", lastLine(controls[3]))
	r.set("truncation", results[2] == "cut truncated", "a server that is killed: %s", results[2])
}

// accept serves one connection and gives the control channel's lines.
func (m *matrix) accept(t *testing.T, r *matrixRow, conn *net.TCPConn, task string) string {
	file, err := conn.File()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	prog := []string{"cat"}
	if task == "late" {
		prog = []string{"sh", "-c", `all=$(mktemp) && cat >"$all" && cat "$all"; rm "$all"`}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "tlsify", append([]string{"accept", "--engine", r.engine.Name(), "--net-fd", "3", "--control-fd", "2",
		"--cert", m.identity(r) + ".pem", "--key", m.identity(r) + ".key", "--client-auth", "request", "--client-trust", m.file("ca.pem"), "--ticket-key", m.file("ticket"), "--"}, prog...)...)
	cmd.ExtraFiles = []*os.File{file}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	file.Close()
	var control strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		control.WriteString(lines.Text() + "\n")
		if lines.Text() == "ready" && task == "cut" {
			time.Sleep(time.Second / 2)
			cmd.Process.Kill()
			break
		}
	}
	cmd.Wait()
	return control.String()
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

func matrixData() string {
	line := "a line of the matrix, of which there are many\n"
	return strings.Repeat(line, matrixSize/len(line)+1)[:matrixSize]
}

// start starts the peer's server. notes waits for the next line of its own.
func (m *matrix) start(t *testing.T, r *matrixRow, env ...string) (port string, notes func() string) {
	port = unusedPort(t)
	var complaints bytes.Buffer
	cmd := exec.Command(r.peer.program, "server", port, r.version, m.identity(r), m.file("ca.pem"), enginetest.Host)
	cmd.Stderr, cmd.Env = &complaints, append(os.Environ(), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait(); t.Logf("it says %q", complaints.String()) })
	lines := make(chan string, 10)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	for range 1200 { // a loaded machine takes its time to start a JDK
		if conn, err := net.Dial("tcp4", "127.0.0.1:"+port); err == nil {
			conn.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return port, func() string {
		select {
		case line := <-lines:
			return line
		case <-time.After(25 * time.Second):
			return "nothing"
		}
	}
}
