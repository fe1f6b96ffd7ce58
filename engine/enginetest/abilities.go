package enginetest

import (
	"slices"
	"strings"

	"tlsify/engine"
)

// An ability is what some of the suite's tests show an engine to have. Tests
// are rows' names, or their beginnings where they end in an asterisk. Each row
// belongs to the first ability that has it, and one that belongs to none is an
// error.
type ability struct {
	name  string
	tests []string
}

// abilities are the lines of ENGINES.md's table.
var abilities = []ability{
	{"data both ways, in records of every size", []string{"echo", "small-reads", "write-sizes", "both-ways-at-once", "read-does-not-wait",
		"dribble", "record-*", "closed-under-read", "description"}},
	{"half-close", []string{"half-close-*", "close-write-keeps-stream"}},
	{"a truncated stream is told from one that ended", []string{"end-*", "user-canceled", "write-to-reset"}},
	{"Verify judges every handshake", []string{"verify-once", "verify-refuses", "verify-alerts", "verify-nil", "verify-takes-long", "verify-not-asked"}},
	{"Verify is shown every kind of certificate, good and bad", []string{"matrix", "junk-certificate", "malformed-certificate", "huge-key", "certificate-p521"}},
	{"a malformed certificate that does not matter is no hindrance", []string{"malformed-needless"}},
	{"Verify only after the proof of possession", []string{"verify-after-proof"}},
	{"client certificates", []string{"client-cert-*", "request-*", "require-*"}},
	{"server name, and a certificate by it", []string{"server-name*", "algorithm-selects", "no-identity"}},
	{"ALPN", []string{"alpn*"}},
	{"resumption", []string{"resume*"}},
	{"OCSP staples", []string{"staple*"}},
	{"certificate timestamps", []string{"timestamps"}},
	{"groups by name", []string{"groups", "groups-tls12", "group-p521", "unknown-group", "no-group-in-common"}},
	{"groups in the caller's order", []string{"groups-in-order"}},
	{"HelloRetryRequest", []string{"hello-retry"}},
	{"KeyUpdate", []string{"key-update*"}},
	{"`--min-security tls13`", []string{"level-tls13-*", "prefers-tls13"}},
	{"`--min-security pq`", []string{"level-pq", "level-pq-against-*", "pq-without-pq-groups"}},
	{"`--min-security pq-auth`, ML-DSA certificates", []string{"level-pq-auth*", "mldsa-*"}},
	{"weak versions and suites are refused", []string{"against-*", "no-suite-in-common", "old-server-hello", "suite-not-offered", "downgrade", "ssl2"}},
	{"exporter, channel binding", []string{"exporter"}},
	{"what was negotiated is known", []string{"state"}},
	{"the signature's algorithm is known", []string{"signature-known*"}},
	{"key log", []string{"key-log"}},
	{"no message spans a change of keys", []string{"span-*"}},
	{"peers that misbehave, errors by blame", []string{"http", "greeting", "garbage", "closes-*", "resets", "alerts", "first-record-wrong",
		"mutations", "cut-anywhere", "break-in-*", "late-message", "renegotiation"}},
	{"time limits and cancellation", []string{"context-*"}},
	{"`--fingerprint`", []string{"imitation"}},
	{"`--ech`, `--ech-key` with another KEM than X25519, post-quantum ones too", []string{"ech-kems", "ech-served-kems"}},
	{"`--ech`, `--ech-key`", []string{"ech*"}},
	{"take-over of keys", []string{"take-over*"}},
}

func (a ability) has(row string) bool {
	return slices.ContainsFunc(a.tests, func(pattern string) bool {
		prefix, open := strings.CutSuffix(pattern, "*")
		return row == prefix || open && strings.HasPrefix(row, prefix)
	})
}

// abilityOf gives the index of a row's ability, or -1.
func abilityOf(row string) int {
	return slices.IndexFunc(abilities, func(a ability) bool { return a.has(row) })
}

// A line of the table: what an engine has of an ability.
type line struct{ ability, has string }

// A tally counts the tests of one side.
type tally struct{ passed, all int }

func (c *tally) add(passed bool) {
	c.all++
	if passed {
		c.passed++
	}
}

// tallies are those of the sides; a nil one has no tests.
type tallies map[role]*tally

func (c tallies) add(side role, passed bool) {
	if c[side] == nil {
		c[side] = new(tally)
	}
	c[side].add(passed)
}

// lines sums the run up. What the engine does not have of TLS 1.2 counts against
// that line alone.
func (r *Result) lines() []line {
	versions := map[engine.Version]tallies{engine.TLS12: {}, engine.TLS13: {}}
	for _, tt := range r.tests {
		if tt.row == "echo" {
			versions[tt.version].add(tt.role, r.passed[tt.name])
		}
	}
	counts := make([]tallies, len(abilities))
	for i := range counts {
		counts[i] = tallies{}
	}
	sides := "client"
	for _, tt := range r.tests {
		if tt.role == asServer {
			sides = "client, server"
		}
		if echo := versions[tt.version][tt.role]; echo == nil || echo.passed > 0 {
			counts[abilityOf(tt.row)].add(tt.role, r.passed[tt.name])
		}
	}
	out := []line{
		{"sides", sides},
		{"TLS 1.3", versions[engine.TLS13].verdict()},
		{"TLS 1.2", versions[engine.TLS12].verdict()},
	}
	for i, a := range abilities {
		if slices.ContainsFunc(rows(), func(r row) bool { return a.has(r.name) }) {
			out = append(out, line{a.name, counts[i].verdict()})
		}
	}
	return out
}

// verdict says which of the sides that were tested have it.
func (c tallies) verdict() string {
	var all, some []string
	for _, side := range bothRoles {
		if c[side] == nil {
			continue
		}
		word := c[side].word()
		all = append(all, word)
		if word != "no" {
			some = append(some, strings.TrimSuffix(string(side)+" "+word, " yes"))
		}
	}
	switch all = slices.Compact(all); len(all) {
	case 0:
		return "-"
	case 1:
		return all[0]
	}
	return strings.Join(some, ", ")
}

func (c *tally) word() string {
	switch c.passed {
	case 0:
		return "no"
	case c.all:
		return "yes"
	}
	return "in part"
}
