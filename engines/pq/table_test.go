package pq

import (
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tlsify/engine/enginetest"
)

// TestHandshakeTable takes the tables of ENGINES.md: what a full handshake
// costs, for each group and each kind of key, beside crypto/tls and OpenSSL
// 3.5 (inside Node.js) where they have it. TLSIFY_HANDSHAKE_TABLE is how many
// handshakes to measure each time; 200 take some minutes, and -v shows the
// tables as they grow. They are put into the file TLSIFY_HANDSHAKE_DOC, if that
// is set.
//
// Each end is a process of its own (table_peer_test.go), which tells its own
// CPU time; both ends are of the same implementation. Bytes are counted by a
// proxy between them, record headers included.
func TestHandshakeTable(t *testing.T) {
	count, err := strconv.Atoi(os.Getenv("TLSIFY_HANDSHAKE_TABLE"))
	if err != nil {
		t.Skip("prints a table only where TLSIFY_HANDSHAKE_TABLE asks for one")
	}
	doc, node := os.Getenv("TLSIFY_HANDSHAKE_DOC"), firstNode()
	if doc != "" && node == "" {
		t.Fatal("OpenSSL's columns need a Node.js 24 (TLSIFY_TEST_NODE)")
	}
	m := &measuring{makers: []string{"pq", "std"}, count: count, ratios: map[string]float64{}}
	head := "| %s | pq: bytes | CPU | crypto/tls: bytes | CPU |"
	rule := "|---|---|---|---|---|"
	if node != "" {
		m.makers = append(m.makers, "node")
		head, rule = head+" OpenSSL: bytes | CPU |", rule+"---|---|"
	}
	m.say("Taken on %s with %s on %d cores of %s/%s; %s. The least of %d rounds of %d.\n", time.Now().UTC().Format(time.DateOnly),
		runtime.Version(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, load(), tableRounds, count)
	m.say("With a leaf and an intermediate of ECDSA P-256:\n")
	m.say(head+"\n"+rule, "group")
	m.rows(t, groupRows(t))
	m.say("\nWith X25519MLKEM768 and a leaf of this signature:\n")
	m.say(head+"\n"+rule, "signature")
	m.rows(t, signatureRows(t))
	m.say("\nClient and server together, in times of crypto/tls's CPU: X25519MLKEM768 %.2f, mldsa44 %.2f, mldsa65 %.2f, mldsa87 %.2f.",
		m.ratios["X25519MLKEM768"], m.ratios["mldsa44"], m.ratios["mldsa65"], m.ratios["mldsa87"])
	ours, std := bulkCosts()
	m.say("Data in calls of 256 KiB, both ends together: %.2f s of CPU per GiB; crypto/tls %.2f s.", ours, std)
	if doc != "" {
		putTable(t, doc, "handshakes", m.text.String())
	}
}

// bulkCosts gives seconds of CPU per GiB, ours and crypto/tls's.
func bulkCosts() (ours, std float64) {
	ours, std = math.Inf(1), math.Inf(1)
	for range tableRounds {
		ours = min(ours, testing.Benchmark(BenchmarkBulk).Extra[bulkMetric])
		std = min(std, testing.Benchmark(BenchmarkBulkStd).Extra[bulkMetric])
	}
	return ours, std
}

// load tells what else the machine has to do, where that can be known.
func load() string {
	content, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(content)); err == nil && len(fields) > 0 {
		return "load average before: " + fields[0]
	}
	return "load not known"
}

// putTable replaces what stands between the marks of a table.
func putTable(t *testing.T, file, name, text string) {
	t.Helper()
	tableBegin, tableEnd := "<!-- "+name+": make pq-table writes this -->\n", "\n<!-- /"+name+" -->"
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(content), tableBegin)
	_, after, ended := strings.Cut(rest, tableEnd)
	if !found || !ended {
		t.Fatalf("%s has no place for the table", file)
	}
	if err := os.WriteFile(file, []byte(before+tableBegin+text+tableEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// measuring is the tables as they grow.
type measuring struct {
	makers []string
	count  int
	text   strings.Builder
	ratios map[string]float64 // our CPU to crypto/tls's, by the row's name
}

// say adds lines.
func (m *measuring) say(format string, args ...any) {
	fmt.Fprintf(io.MultiWriter(os.Stdout, &m.text), format+"\n", args...)
}

func (m *measuring) rows(t *testing.T, rows []tableRow) {
	t.Helper()
	for _, row := range rows {
		cells := []string{row.name}
		bytes, cpu := row.bytes(t, m.makers), row.cpu(t, m.makers, m.count)
		for i := range m.makers {
			if row.lacks[m.makers[i]] {
				cells = append(cells, "-", "-")
				continue
			}
			cells = append(cells, bytes[i], fmt.Sprintf("%d / %d", cpu[i].client, cpu[i].server))
		}
		if !row.lacks["std"] {
			m.ratios[row.name] = float64(cpu[0].client+cpu[0].server) / float64(cpu[1].client+cpu[1].server)
		}
		m.say("| %s |", strings.Join(cells, " | "))
	}
}

// tableRow is one way to shake hands.
type tableRow struct {
	name, group string // no group: the defaults
	cert, key   string
	lacks       map[string]bool // who does not have it
}

// tableChain is a leaf and an intermediate with keys of one kind.
func tableChain(t *testing.T, name string, kind enginetest.KeyType) (cert, key string) {
	t.Helper()
	root := enginetest.NewRoot(t, enginetest.CertOptions{CommonName: "root", Key: kind})
	mid, err := root.Intermediate(enginetest.CertOptions{CommonName: "intermediate", Key: kind})
	if err != nil {
		t.Fatal(err)
	}
	leaf := enginetest.Issue(t, mid, enginetest.CertOptions{DNS: []string{testName}, Key: kind})
	return enginetest.WriteFiles(t, leaf, t.TempDir(), name)
}

func groupRows(t *testing.T) []tableRow {
	cert, key := tableChain(t, "p256", enginetest.ECDSAP256)
	rows := []tableRow{{name: "the defaults", cert: cert, key: key}}
	for _, g := range groups {
		lacks := map[string]bool{"std": true, "node": true}
		for _, has := range stdGroups {
			lacks["std"] = lacks["std"] && has.name != g.name
		}
		for _, has := range openSSLGroups {
			lacks["node"] = lacks["node"] && has != g.name
		}
		rows = append(rows, tableRow{name: g.name, group: g.name, cert: cert, key: key, lacks: lacks})
	}
	return rows
}

func signatureRows(t *testing.T) (rows []tableRow) {
	for _, s := range []struct {
		name string
		kind enginetest.KeyType
	}{
		{"ecdsa_secp256r1_sha256", enginetest.ECDSAP256}, {"ecdsa_secp384r1_sha384", enginetest.ECDSAP384},
		{"ed25519", enginetest.Ed25519}, {"rsa_pss_rsae_sha256", enginetest.RSA2048},
		{"mldsa44", enginetest.MLDSA44}, {"mldsa65", enginetest.MLDSA65}, {"mldsa87", enginetest.MLDSA87},
	} {
		cert, key := tableChain(t, s.name, s.kind)
		rows = append(rows, tableRow{name: s.name, group: "X25519MLKEM768", cert: cert, key: key})
	}
	return rows
}

// bytes gives each maker's bytes of the ClientHello and of the server's flight.
func (r tableRow) bytes(t *testing.T, makers []string) (cells []string) {
	t.Helper()
	for _, maker := range makers {
		if r.lacks[maker] {
			cells = append(cells, "")
			continue
		}
		server := r.start(t, maker, "server", "0", 1)
		hello, flight := r.count(t, maker, server.expect(t, "PORT "))
		server.expect(t, "CPU ")
		cells = append(cells, fmt.Sprintf("%d / %d", hello, flight))
	}
	return cells
}

// tableRounds is how often each time is taken. The least is what the machine's
// other work has disturbed least.
const tableRounds = 5

// cost is microseconds of CPU per handshake.
type cost struct{ client, server int }

// cpu gives each maker's. The makers take turns.
func (r tableRow) cpu(t *testing.T, makers []string, count int) []cost {
	t.Helper()
	costs := make([]cost, len(makers))
	least := func(best *int, p *program) {
		n, err := strconv.Atoi(p.expect(t, "CPU "))
		if err != nil {
			t.Fatal(err)
		}
		if *best == 0 || n < *best {
			*best = n
		}
	}
	for range tableRounds {
		for i, maker := range makers {
			if r.lacks[maker] {
				continue
			}
			s := r.start(t, maker, "server", "0", count)
			c := r.start(t, maker, "client", s.expect(t, "PORT "), count)
			least(&costs[i].client, c)
			least(&costs[i].server, s)
		}
	}
	return costs
}

func (r tableRow) start(t *testing.T, maker, role, port string, count int) *program {
	t.Helper()
	args := []string{role, port, r.cert, r.key, r.group, strconv.Itoa(count)}
	if maker == "node" {
		args[4] = "auto"
		if r.group != "" {
			args[4] = openSSLName(r.group)
		}
		return start(t, firstNode(), append([]string{"-e", nodeTablePeer}, args...)...)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TLSIFY_TABLE_PEER", maker)
	return start(t, self, args...)
}

// count counts the bytes of one handshake's first flights.
func (r tableRow) count(t *testing.T, maker, port string) (hello, flight int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, ours, _ := net.SplitHostPort(l.Addr().String())
	client := r.start(t, maker, "client", ours, 1)
	var sent, came, turns atomic.Int64
	for range 1 + tableWarmUp {
		from, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		to, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		sent.Store(0)
		came.Store(0)
		turns.Store(0)
		done := make(chan bool)
		go func() {
			defer close(done)
			pass(from, to, func(n int64) {
				switch {
				case came.Load() == 0:
					sent.Add(n)
				default:
					turns.Store(1) // the client's second flight
				}
			})
		}()
		pass(to, from, func(n int64) {
			if turns.Load() == 0 {
				came.Add(n)
			}
		})
		from.Close()
		to.Close()
		<-done
	}
	client.expect(t, "CPU ")
	return sent.Load(), came.Load()
}

// pass copies one direction and tells each piece's length before it goes on.
// It is slow on purpose, so that a flight has come in whole before the answer
// to its beginning.
func pass(from, to net.Conn, each func(int64)) {
	p := make([]byte, 1<<17)
	for {
		n, err := from.Read(p)
		if n > 0 {
			each(int64(n))
			time.Sleep(time.Millisecond)
			to.Write(p[:n])
		}
		if err != nil {
			to.(*net.TCPConn).CloseWrite()
			return
		}
	}
}
