package verify

import (
	"bufio"
	"compress/gzip"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tlsify/verify/mtc"
)

// merkleCase is a case of the corpus of Merkle Tree Certificates.
type merkleCase struct {
	ID          string
	CA          string
	Certificate string
	Name        string     `json:"peer_name"`
	Time        *time.Time `json:"validation_time"`
	Subtrees    []struct {
		Log   uint16 `json:"log_number"`
		Start uint64
		End   uint64
		Hash  string
	} `json:"trusted_subtrees"`
	Result string `json:"expected_result"`
	Note   string
}

// TestMTC holds the package against certificates that the draft's own example
// tool made.
func TestMTC(t *testing.T) {
	cases := loadMerkle(t)
	agree := 0
	reasons := map[string]int{}
	for _, c := range cases {
		err := c.run(t)
		if (err == nil) == (c.Result == "SUCCESS") {
			agree++
		} else {
			t.Errorf("differs: %s: expected %s, got %v (%s)", c.ID, c.Result, err, c.Note)
		}
		if err != nil {
			reasons[err.Error()]++
		}
	}
	for text, n := range reasons {
		t.Logf("%d refused: %s", n, text)
	}
	t.Logf("%d agree of %d", agree, len(cases))
}

func loadMerkle(t testing.TB) []merkleCase {
	path := os.Getenv("TLSIFY_MTC")
	if path == "" {
		path = filepath.Join("..", "..", "shared", "corpora", "mtc-open.json.gz")
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) && os.Getenv("TLSIFY_MTC") == "" {
		t.Skipf("the corpus is not here (%s), and TLSIFY_MTC does not say where it is", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content := bufio.NewReader(f)
	var text io.Reader = content
	if magic, _ := content.Peek(2); string(magic) == "\x1f\x8b" {
		if text, err = gzip.NewReader(content); err != nil {
			t.Fatal(err)
		}
	}
	var in struct{ Testcases []merkleCase }
	if err := json.NewDecoder(text).Decode(&in); err != nil {
		t.Fatal(err)
	}
	return in.Testcases
}

// run gives Check's error, or that of what comes before it.
func (c *merkleCase) run(t testing.TB) error {
	cert, err := parsePEM(c.Certificate)
	if err != nil {
		return err
	}
	store, err := StoreFromPEM("corpus", []byte(c.CA))
	if err != nil {
		return err
	}
	name, err := ParseName(c.Name)
	if err != nil {
		return err
	}
	p := &Policy{Names: []Name{name}, Trust: []*Store{store}, MTC: &mtc.Trust{}}
	if c.Time != nil {
		p.Now = func() time.Time { return *c.Time }
	}
	for _, s := range c.Subtrees {
		hash, err := base64.StdEncoding.DecodeString(s.Hash)
		if err != nil {
			t.Fatal(err)
		}
		root, err := parsePEM(c.CA)
		if err != nil {
			return err
		}
		ca, err := mtc.ParseCA(root)
		if err != nil {
			return err
		}
		err = p.MTC.AddLandmarks(&mtc.Landmarks{CA: ca.ID, Log: s.Log, Subtrees: []mtc.Subtree{{
			Interval: mtc.Interval{Start: s.Start, End: s.End}, Hash: hash}}})
		if err != nil {
			return err
		}
	}
	_, err = p.Check(Evidence{Certificates: []*x509.Certificate{cert}})
	return err
}

func parsePEM(text string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("no PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}
