package verify

import (
	"compress/gzip"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// limboCase is a case of the corpus, in x509-limbo's schema as far as it
// matters here.
type limboCase struct {
	ID            string
	Kind          string                        `json:"validation_kind"`
	Result        string                        `json:"expected_result"`
	PeerName      *struct{ Kind, Value string } `json:"expected_peer_name"`
	Time          *time.Time                    `json:"validation_time"`
	Trusted       []string                      `json:"trusted_certs"`
	Intermediates []string                      `json:"untrusted_intermediates"`
	Peer          string                        `json:"peer_certificate"`
	MaxDepth      *int                          `json:"max_chain_depth"`
	CRLs          []string
}

// limboExceptions are the cases in which we differ on purpose.
var limboExceptions = map[string]string{
	// Refused, though expected to pass.
	"rfc5280::ca-as-leaf": "contradicts webpki::ca-as-leaf, which we agree with: a CA's key is not for a server",

	// Accepted, though expected to fail.
	"rfc5280::nc::permitted-dns-match-noncritical":              "contradicts webpki::nc::permitted-dns-match-noncritical: the public web allows constraints that are not critical, and they are enforced here either way",
	"webpki::aki::root-with-aki-authoritycertissuer":            noteOnRoots,
	"webpki::aki::root-with-aki-authoritycertserialnumber":      noteOnRoots,
	"webpki::cn::case-mismatch":                                 noteOnCommonNames,
	"webpki::cn::punycode-not-in-san":                           noteOnCommonNames,
	"webpki::cn::utf8-vs-punycode-mismatch":                     noteOnCommonNames,
	"webpki::san::public-suffix-private-namespace-wildcard-san": "the suffix is a company's own domain, and its certificate for *.s3.amazonaws.com is in use; browsers accept it too",
}

const (
	noteOnRoots = "a form that binds who makes a root, not who trusts it: roots in every distribution's store have it (Certigna, QuoVadis Root CA 2 and 3), " +
		"and what it says is not used in the search for a path"
	noteOnCommonNames = "a form that binds the issuer: a common name is never matched here (RFC 9525, section 2), nor by browsers, so it can deceive no one; " +
		"the suites' own valid cases have common names that are not among the names (rfc5280::nc::permitted-dns-match-more)"
)

// TestLimbo holds the package against x509-limbo and BetterTLS.
func TestLimbo(t *testing.T) {
	cases := loadLimbo(t)
	type count struct{ agree, all int }
	groups := map[string]*count{}
	var order []string
	for _, c := range cases {
		group, _, _ := strings.Cut(c.ID, "::")
		if c.Kind != "SERVER" {
			group += " (" + c.Kind + ")"
		}
		if groups[group] == nil {
			groups[group] = &count{}
			order = append(order, group)
		}
		groups[group].all++
		err := c.run(t)
		if (err == nil) == (c.Result == "SUCCESS") {
			groups[group].agree++
			continue
		}
		why, known := limboExceptions[c.ID]
		t.Logf("differs: %s: expected %s, got %v (%s)", c.ID, c.Result, err, why)
		if !known {
			t.Errorf("%s is no known exception", c.ID)
		}
	}
	total := count{}
	for _, group := range order {
		t.Logf("%s: %d agree of %d", group, groups[group].agree, groups[group].all)
		if !strings.Contains(group, "(") {
			total.agree += groups[group].agree
			total.all += groups[group].all
		}
	}
	t.Logf("all SERVER cases: %d agree of %d", total.agree, total.all)
}

func loadLimbo(t testing.TB) []limboCase {
	path := os.Getenv("TLSIFY_LIMBO")
	if path == "" {
		path = filepath.Join("..", "..", "shared", "corpora", "limbo-open.json.gz")
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) && os.Getenv("TLSIFY_LIMBO") == "" {
		t.Skipf("the corpus is not here (%s), and TLSIFY_LIMBO does not say where it is", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var corpus struct{ Testcases []limboCase }
	if err := json.NewDecoder(z).Decode(&corpus); err != nil {
		t.Fatal(err)
	}
	return corpus.Testcases
}

// run gives Check's error, or that of what comes before it.
func (c *limboCase) run(t testing.TB) error {
	var evidence Evidence
	for _, text := range slices.Concat([]string{c.Peer}, c.Intermediates) {
		block, _ := pem.Decode([]byte(text))
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		evidence.Certificates = append(evidence.Certificates, cert)
	}
	p := &Policy{}
	if c.Kind == "CLIENT" {
		p.Purpose = ClientAuth
	}
	if c.PeerName != nil {
		name, err := ParseName(c.PeerName.Value)
		if err != nil {
			return err
		}
		p.Names = []Name{name}
	}
	file := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(file, []byte(strings.Join(c.Trusted, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := SystemStore(file, "")
	if err != nil {
		return err
	}
	p.Trust = []*Store{store}
	if c.MaxDepth != nil {
		p.MaxPath = *c.MaxDepth + 2
	}
	if c.Time != nil {
		p.Now = func() time.Time { return *c.Time }
	}
	for _, text := range c.CRLs {
		crls, err := ParseCRLs("corpus", []byte(text))
		if err != nil {
			return err
		}
		p.CRLs = append(p.CRLs, crls...)
	}
	_, err = p.Check(evidence)
	var rejected *Error
	if errors.As(err, &rejected) && c.PeerName == nil && rejected.Reasons[0].Code == NameWrong && len(rejected.Reasons) == 1 {
		return nil // the case has no name to check, and a server's name is always checked
	}
	return err
}
