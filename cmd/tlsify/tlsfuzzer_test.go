//go:build pq

package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tlsify/engine/pki"
)

// tlsfuzzerLimit is how long one script may take.
const tlsfuzzerLimit = 20 * time.Minute

// fuzzed is a row of testdata/tlsfuzzer.txt: a script, what it is run on, and what
// becomes of its conversations.
type fuzzed struct {
	script, server string
	args           []string
	passed, failed int
	drawn          bool // chance decides on its conversations: nine tenths of that share is enough
	why            string
}

// TestTLSFuzzer runs every TLS 1.3 script of tlsfuzzer on servers with pq, one after
// the other, because they wait for no more than seconds. TLSIFY_TLSFUZZER is its
// source, and TLSIFY_TLSFUZZER_PYTHON a Python that has what it needs. As many
// conversations of each script pass as the table says.
// TLSIFY_TLSFUZZER_PROGRAM is another tlsify to be told of.
func TestTLSFuzzer(t *testing.T) {
	source := os.Getenv("TLSIFY_TLSFUZZER")
	if source == "" {
		t.Skip("no tlsfuzzer (TLSIFY_TLSFUZZER)")
	}
	rows := readFuzzed(t)
	scripts, err := filepath.Glob(filepath.Join(source, "scripts", "test-tls13-*.py"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts in %s: %v", source, err)
	}
	for _, path := range scripts {
		if !slices.ContainsFunc(rows, func(r fuzzed) bool { return path == r.path(source) }) {
			t.Errorf("%s is not in the table", path)
		}
	}
	servers := fuzzedServers(t)
	var mu sync.Mutex
	total := map[string]int{}
	t.Cleanup(func() { t.Logf("conversations: %v", total) })
	for _, r := range rows {
		t.Run(r.script, func(t *testing.T) {
			address := servers[r.server]
			if address == "" {
				t.Skip("no server for this: ", r.why)
			}
			passed, failed, said := r.run(t, source, address)
			t.Logf("%s: %d passed, %d failed", r.script, passed, failed)
			mu.Lock()
			defer mu.Unlock()
			total["passed"] += passed
			total["failed"] += failed
			if r.drawn && passed*(r.passed+r.failed)*10 >= 9*r.passed*(passed+failed) {
				return
			}
			if passed != r.passed || failed != r.failed {
				t.Errorf("%d passed and %d failed, in the table %d and %d; %s", passed, failed, r.passed, r.failed, said)
			}
		})
	}
}

// readFuzzed reads the table.
func readFuzzed(t *testing.T) (rows []fuzzed) {
	t.Helper()
	file, err := os.Open("testdata/tlsfuzzer.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		columns := strings.Split(lines.Text(), "|")
		if lines.Text() == "" || lines.Text()[0] == '#' {
			continue
		}
		if len(columns) != 6 {
			t.Fatalf("not six columns: %q", lines.Text())
		}
		for i := range columns {
			columns[i] = strings.TrimSpace(columns[i])
		}
		r := fuzzed{script: columns[0], server: columns[1], args: strings.Fields(columns[4]), why: columns[5]}
		if passed, drawn := strings.CutPrefix(columns[2], "~"); drawn {
			columns[2], r.drawn = passed, true
		}
		if r.passed, err = strconv.Atoi(columns[2]); err == nil {
			r.failed, err = strconv.Atoi(columns[3])
		}
		if err != nil || (r.failed > 0 || r.server == "-") != (r.why != "") {
			t.Fatalf("%q: %v; what fails has its reason, and nothing else has", lines.Text(), err)
		}
		rows = append(rows, r)
	}
	return rows
}

func (r fuzzed) path(source string) string {
	return filepath.Join(source, "scripts", "test-tls13-"+r.script+".py")
}

// run runs the script and counts. Its arguments name files of the test's by
// NAME.pem and NAME.key; underscores stand for the blanks in one.
func (r fuzzed) run(t *testing.T, source, address string) (passed, failed int, said string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), tlsfuzzerLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, cmp.Or(os.Getenv("TLSIFY_TLSFUZZER_PYTHON"), "python3"), r.path(source), "-h", host, "-p", port)
	for _, arg := range r.args {
		if strings.HasSuffix(arg, ".pem") || strings.HasSuffix(arg, ".key") {
			arg = filepath.Join(fuzzedDir, arg)
		} else if arg[0] != '-' && strings.Contains(arg, ",_") {
			arg = strings.ReplaceAll(arg, ",_", " ")
		}
		cmd.Args = append(cmd.Args, arg)
	}
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "PYTHONPATH="+source+":"+os.Getenv("PYTHONPATH"))
	out, err := cmd.CombinedOutput()
	for name, n := range map[string]*int{"PASS": &passed, "FAIL": &failed} {
		if found := regexp.MustCompile(`(?m)^` + name + `: (\d+)$`).FindSubmatch(out); found != nil {
			*n, _ = strconv.Atoi(string(found[1]))
		} else {
			t.Errorf("%v: no count of %s in %s", err, name, tailOf(string(out), 2000))
		}
	}
	if at := strings.Index(string(out), "FAILED:"); at >= 0 {
		said = string(out[at:])
	}
	return passed, failed, tailOf(said, 4000)
}

func tailOf(text string, most int) string { return text[max(0, len(text)-most):] }

var fuzzedDir string // where the keys of the test are

// fuzzedServers starts what the scripts are run on, and returns the addresses.
func fuzzedServers(t *testing.T) map[string]string {
	fuzzedDir = t.TempDir()
	file := func(name string) string { return filepath.Join(fuzzedDir, name) }
	write := func(name string, content []byte) string {
		if err := os.WriteFile(file(name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		return file(name)
	}
	var all []byte
	cert := func(name string, o pki.Options) []string {
		o.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		o.CommonName, o.DNS, o.IP = "localhost", append(o.DNS, "localhost"), []net.IP{net.IPv4(127, 0, 0, 1)}
		c, err := pki.SelfSigned(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.WriteFiles(file(name+".pem"), file(name+".key")); err != nil {
			t.Fatal(err)
		}
		all = append(all, c.ChainPEM()...)
		return []string{"--cert", file(name + ".pem"), "--key", file(name + ".key")}
	}
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprintf("name-%d.of-many.localhost", i))
	}
	rsa, ed25519 := cert("rsa", pki.Options{Key: pki.RSA2048}), cert("ed25519", pki.Options{Key: pki.Ed25519})
	ecdsa := slices.Concat(cert("p256", pki.Options{Key: pki.ECDSAP256}), cert("p384", pki.Options{Key: pki.ECDSAP384}), cert("p521", pki.Options{Key: pki.ECDSAP521}))
	cert("mldsa44", pki.Options{Key: pki.MLDSA44})
	tickets := []string{"--ticket-key", write("tickets", []byte(base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n"))}
	addresses := map[string]string{}
	names := cert("names", pki.Options{Key: pki.RSA2048, DNS: many}) // worth compressing
	for name, options := range map[string][]string{
		"rsa":     slices.Concat(rsa, tickets),
		"echo":    rsa,
		"ecdsa":   ecdsa,
		"ed25519": ed25519,
		"names":   names,
		"clients": slices.Concat(names, []string{"--client-auth", "request", "--client-trust", write("clients.pem", all)}),
		"psk":     {"--psk", write("psk", []byte("test:"+strings.Repeat("aa", 32)+"\n"))},
	} {
		prog := "http"
		if name == "echo" {
			prog = "cat"
		}
		cmd := slices.Concat([]string{"listen", "--engine", "pq", "--control-fd", "1", "--max-per-address", "1000"}, options, []string{"127.0.0.1:0", "--", "prog", prog})
		addresses[name] = startFuzzed(t, cmd)
	}
	return addresses
}

// startFuzzed starts a listener, or returns nothing where that is too old for its
// options.
func startFuzzed(t *testing.T, args []string) string {
	cmd := exec.Command(cmp.Or(os.Getenv("TLSIFY_TLSFUZZER_PROGRAM"), "tlsify"), args...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "listening "); ok {
			go func() {
				for lines.Scan() {
				}
			}()
			return address
		}
	}
	return ""
}
