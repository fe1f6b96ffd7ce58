package doc

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tlsify/engine/pki"
)

// hosts are the names on the pages. In a script's world all of them are this
// machine, and the system trusts their certificate.
var hosts = []string{
	"example.org", "localhost", "host", "box.example", "imap.example", "pop.example", "smtp.example", "mail.example", "api.example",
	"irc.example", "db.example", "grpc.example", "git.example", "proxy.example", "server.example",
}

// prelude is what every script begins with: a network, files and processes of
// its own, and a few words.
const prelude = `set -eu
mount --make-rprivate / && mount -t proc proc /proc && mount --bind hosts /etc/hosts
ip link set lo up
# await PORT: until something listens there.
await() {
	until grep -q "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$1") [0-9A-F:]* 0A " /proc/net/tcp /proc/net/tcp6; do
		sleep 0.05
	done
}
# serve PORT [OPTION...] -- PROG: a server.
serve() {
	port=$1
	shift
	tlsify listen --cert chain.pem --key key.pem "$@" 2>>server.log &
	await "$port"
}
# fails STATUS COMMAND...
fails() {
	want=$1 got=0
	shift
	"$@" || got=$?
	[ "$got" = "$want" ] || { echo "status $got of $*, not $want"; exit 1; }
}
`

// try runs a script in a world of its own.
func try(t *testing.T, h how, text string) {
	for _, tool := range append([]string{"go", "ip", "mount", "sh"}, h.tools...) {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, for a network namespace")
	}
	program, err := tlsify()
	if err != nil {
		t.Fatal(err)
	}
	t.Parallel()
	dir := t.TempDir()
	files := map[string]string{"block": text, "script": prelude + h.script, "hosts": "127.0.0.1 " + strings.Join(hosts, " ") + "\n"}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(dir+"/examples", os.DirFS("../examples")); err != nil {
		t.Fatal(err)
	}
	certify(t, dir)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "sh", "script")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+program+":"+os.Getenv("PATH"), "HOME="+dir, "BLOCK=block", "LC_ALL=C",
		"SSL_CERT_FILE="+dir+"/ca.pem", "SSL_CERT_DIR=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("needs the right to make a network namespace")
	}
	if err != nil {
		log, _ := os.ReadFile(dir + "/server.log")
		t.Errorf("%v\n%s\nthe server: %s\nthe block:\n%s", err, out, log, text)
	}
	if want, isSession := session(text); isSession {
		compare(t, string(out), want)
	}
}

// certify makes ca.pem, chain.pem and key.pem, and pq.pem and pq.key with ML-DSA
// keys below another root in ca.pem.
func certify(t *testing.T, dir string) {
	t.Helper()
	set, err := pki.NewSet()
	if err != nil {
		t.Fatal(err)
	}
	server, err := set.Intermediate.Issue(pki.Options{DNS: hosts, IP: []net.IP{net.IPv4(127, 0, 0, 1)}})
	if err == nil {
		err = server.WriteFiles(dir+"/chain.pem", dir+"/key.pem")
	}
	var root *pki.Authority
	if err == nil {
		root, err = set.PQRoot(pki.MLDSA65)
	}
	if err == nil {
		err = os.WriteFile(dir+"/ca.pem", slices.Concat(set.Root.PEM(), root.PEM()), 0o644)
	}
	if err == nil {
		server, err = root.Issue(pki.Options{DNS: hosts, Key: pki.MLDSA65})
	}
	if err == nil {
		err = server.WriteFiles(dir+"/pq.pem", dir+"/pq.key")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A session is a block of commands behind a prompt, with what they print.
func session(text string) (want string, ok bool) { return text, strings.HasPrefix(text, "$ ") }

// Sessions are played by this script: each command as it would be typed, and
// where one is left in the background, what it listens on awaited.
const play = `
sed -n -e '/^\$ /{' -e ':more' -e '/\\$/{N;b more' -e '}' -e 'p' -e '}' "$BLOCK" >typed
awk '
	/^\$ / { if (n++) done(); command = substr($0, 3); line = $0; next }
	{ command = command "\n" $0; line = line "\n" $0 }
	function done() {
		gsub(/\047/, "\047\\\047\047", line)
		print "printf \"%s\\n\" \047" line "\047"
		print command
		if (command ~ /&$/ && match(command, /127\.0\.0\.1:[0-9]+/)) print "await " substr(command, RSTART + 10, RLENGTH - 10)
	}
	END { done() }' typed >played
set +e
. ./played
`

// compare wants what a session has printed to be what the page says; "..." stands
// for anything.
func compare(t *testing.T, out, want string) {
	t.Helper()
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(want), `\.\.\.`, `(?s:.*)`) + "$"
	if !regexp.MustCompile(pattern).MatchString(strings.ReplaceAll(out, "\r", "")) {
		t.Errorf("it prints\n%s\nand the page says\n%s", out, want)
	}
}
