package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tlsify/engine/enginetest"
	"tlsify/verify"
)

// command is a command of the scripts'.
type command = func(ts *testscript.TestScript, neg bool, args []string)

// commands are those besides testscript's own:
//
//	server NAME MODE [SETTING...]   a TLS server (server_test.go); $NAME is its address
//	served NAME [N]                 wait until it is done with N connections (1); its notes are then in NAME.log
//	[!] client ADDRESS [SETTING...] a TLS client; what comes is stdout, how it ended stderr
//	listener NAME ARG...            tlsify listen in the background; $NAME is its address, NAME.log its descriptor 2
//	port NAME                       $NAME is a free port
//	peer PORT PROGRAM ARG...        another program in the background, until PORT is listened on
//	status N                        how the last witnessed tlsify ended; `end N` must be the last line
//	inorder FILE PATTERN...         FILE has lines that match, in this order
//	appears PATTERN FILE            wait until FILE has a line that matches
//	bindinghex NAME                 $NAME is the channel binding that control reports, in hexadecimal
//	pin NAME CHAIN                  $NAME is the pin of the leaf's key, ${NAME}_CERT that of all of it, NAME.pub the key
func commands(t *testing.T) map[string]command {
	s := &stage{t: t}
	return map[string]command{
		"server": s.server, "served": s.served, "client": s.client, "listener": s.listener, "port": s.port, "peer": s.peer,
		"status": endsWith, "inorder": inorder, "appears": appears, "pin": s.pin, "bindinghex": bindingHex,
	}
}

// stage is where the scripts of one test play.
type stage struct {
	t       *testing.T
	servers sync.Map // *server by the script's directory and the server's name
}

func (st *stage) server(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: server NAME MODE [SETTING...]")
	}
	s := newServer(st.t, args[1])
	for _, setting := range args[2:] {
		ts.Check(applySetting(st.t, s.config, setting))
	}
	ts.Check(s.start())
	ts.Defer(s.stop)
	st.servers.Store(ts.Getenv("WORK")+"/"+args[0], s)
	setAddress(ts, args[0], s.address)
}

func (st *stage) served(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: served NAME [N]")
	}
	n := number(append(args, "1")[1], 1)
	found, ok := st.servers.Load(ts.Getenv("WORK") + "/" + args[0])
	if !ok {
		ts.Fatalf("there is no server %q", args[0])
	}
	s := found.(*server)
	if !s.over(n) {
		ts.Fatalf("the server still has a connection; so far:\n%s", s.notes())
	}
	ts.Logf("%s", s.notes())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".log"), []byte(s.notes()), 0o644))
}

func (st *stage) client(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: client ADDRESS [SETTING...]")
	}
	config, text := clientConfig(st.t), ""
	for _, setting := range args[1:] {
		switch key, value, _ := strings.Cut(setting, "="); key {
		case "send":
			text = value + "\n"
		case "name":
			config.ServerName = value
		default:
			ts.Check(applySetting(st.t, config, setting))
		}
	}
	c, err := dialClient(args[0], config)
	if err != nil {
		fmt.Fprintln(ts.Stderr(), err)
		if !neg {
			ts.Fatalf("%v", err)
		}
		return
	}
	defer c.noter.Close()
	state := c.ConnectionState()
	io.WriteString(c, text)
	if state.Version > tls.VersionTLS12 { // under which it would end the answer, too
		c.CloseWrite()
	}
	answer, how := c.hear()
	io.WriteString(ts.Stdout(), answer)
	fmt.Fprintf(ts.Stderr(), "%s alpn %s subject %s\nended %s\n", tls.VersionName(state.Version),
		orDash(state.NegotiatedProtocol), state.PeerCertificates[0].Subject, how)
	// Under TLS 1.3 a server refuses us only after we are through.
	if refused := how != "close_notify"; refused != neg {
		ts.Fatalf("ended %s", how)
	}
}

func (st *stage) listener(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: listener NAME ARG...")
	}
	log, err := os.Create(ts.MkAbs(args[0] + ".log"))
	ts.Check(err)
	defer log.Close()
	l, err := startListener(log, serverEnvironment(ts), args[1:]...)
	ts.Check(err)
	ts.Defer(func() {
		if err := l.stop(); err != nil {
			ts.Logf("%v", err)
		}
	})
	setAddress(ts, args[0], l.address)
	ts.Setenv(args[0]+"_PID", strconv.Itoa(l.process.Pid))
}

func setAddress(ts *testscript.TestScript, name, address string) {
	ts.Setenv(name, address)
	if _, port, err := net.SplitHostPort(address); err == nil {
		ts.Setenv(name+"_PORT", port)
	}
}

// environmentOf is what programs of a script's find.
func environmentOf(ts *testscript.TestScript) []string {
	env := os.Environ()
	for _, name := range []string{"WORK", "EXAMPLES", "DROPINS", "PKI", "HOST", "PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "GODEBUG", "TLSIFY_ENGINE"} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// serverEnvironment is what those in the background find, which are servers.
// Where the engine has no server's side, they have $LISTENER_ENGINE.
func serverEnvironment(ts *testscript.TestScript) []string {
	env := environmentOf(ts)
	if engine := ts.Getenv("LISTENER_ENGINE"); engine != "" && gapOf(ts.Getenv("ENGINE"), ts.Name()) == "" {
		env = append(env, "TLSIFY_ENGINE="+engine)
	}
	return env
}

func (st *stage) port(ts *testscript.TestScript, neg bool, args []string) {
	port, err := freePort()
	ts.Check(err)
	ts.Setenv(args[0], port)
}

// nextPort counts through ports that the kernel does not give to anyone else
// by itself.
var nextPort atomic.Int32

// freePort is a port that nobody had a moment ago.
func freePort() (string, error) {
	nextPort.CompareAndSwap(0, 10000+rand.Int32N(20000)) // another process counts elsewhere
	for range 1000 {
		port := strconv.Itoa(int(nextPort.Add(1)))
		l, err := net.Listen("tcp4", "127.0.0.1:"+port)
		if err == nil {
			l.Close()
			return port, nil
		}
	}
	return "", errors.New("no port is free")
}

func (st *stage) peer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: peer PORT PROGRAM ARG...")
	}
	log, err := os.Create(ts.MkAbs(filepath.Base(args[1]) + ".log"))
	ts.Check(err)
	defer log.Close()
	// Many end when their standard input does.
	stdin, hold, err := os.Pipe()
	ts.Check(err)
	defer stdin.Close()
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), serverEnvironment(ts)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ts.Check(cmd.Start())
	ts.Defer(func() {
		hold.Close()
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	})
	if !becomes(func() bool { return isListening(args[0]) }) {
		ts.Fatalf("%s does not listen:\n%s", args[1], ts.ReadFile(log.Name()))
	}
}

// isListening looks at the kernel's table: to connect would be a connection
// too many for some programs.
func isListening(port string) bool {
	n, _ := strconv.Atoi(port)
	listening := regexp.MustCompile(fmt.Sprintf(`(?m)^ *\d+: [0-9A-F]+:%04X [0-9A-F]+:0000 0A `, n))
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if text, err := os.ReadFile(table); err == nil && listening.Match(text) {
			return true
		}
	}
	return false
}

func endsWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: status N")
	}
	if got := strings.TrimSpace(ts.ReadFile("status")); got != args[0] {
		ts.Fatalf("tlsify ended with %s, not %s; the control channel said:\n%s", got, args[0], ts.ReadFile("control"))
	}
	lines := strings.Split(strings.TrimSuffix(ts.ReadFile("control"), "\n"), "\n")
	if last := lines[len(lines)-1]; last != "end "+args[0] {
		ts.Fatalf("the last line of the control channel is %q, not \"end %s\"", last, args[0])
	}
}

func inorder(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: inorder FILE PATTERN...")
	}
	text := ts.ReadFile(args[0])
	if missing := outOfOrder(strings.Split(text, "\n"), args[1:]); missing != "" {
		ts.Fatalf("no line, in this place, matches %s:\n%s", missing, text)
	}
}

// outOfOrder is the first of the patterns that no line matches behind the one
// that the pattern before has matched, or empty. A pattern stands for a whole
// line.
func outOfOrder(lines, patterns []string) string {
	for _, pattern := range patterns {
		re := regexp.MustCompile(`^(?:` + pattern + `)$`)
		for len(lines) > 0 && !re.MatchString(lines[0]) {
			lines = lines[1:]
		}
		if len(lines) == 0 {
			return pattern
		}
		lines = lines[1:]
	}
	return ""
}

func appears(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: appears PATTERN FILE")
	}
	re := regexp.MustCompile("(?m)" + args[0])
	var text []byte
	if !becomes(func() bool {
		text, _ = os.ReadFile(ts.MkAbs(args[1]))
		return re.Match(text)
	}) {
		ts.Fatalf("%s does not appear in %s:\n%s", args[0], args[1], text)
	}
}

func (st *stage) pin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: pin NAME CHAIN")
	}
	leaf := enginetest.Chain(st.t, args[1]).Leaf
	ts.Setenv(args[0], verify.KeyPin(leaf))
	ts.Setenv(args[0]+"_CERT", certPin(leaf))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pub"), pem.EncodeToMemory(&pem.Block{
		Type: "PUBLIC KEY", Bytes: leaf.RawSubjectPublicKeyInfo,
	}), 0o644))
}

func bindingHex(ts *testscript.TestScript, neg bool, args []string) {
	found := regexp.MustCompile(`(?m)^binding \S+ (\S+)$`).FindStringSubmatch(ts.ReadFile("control"))
	if neg || len(args) != 1 || found == nil {
		ts.Fatalf("usage: bindinghex NAME, behind a connection with a binding")
	}
	value, err := base64.StdEncoding.DecodeString(found[1])
	ts.Check(err)
	ts.Setenv(args[0], hex.EncodeToString(value))
}

// certPin is the pin of a whole certificate.
func certPin(leaf *x509.Certificate) string {
	sum := sha256.Sum256(leaf.Raw)
	return "cert-sha256//" + base64.StdEncoding.EncodeToString(sum[:])
}
