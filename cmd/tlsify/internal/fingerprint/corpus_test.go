package fingerprint

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// otherwise are the captures of which the document and FoxIO's Python program
// say different things, and what we hold with.
var otherwise = map[string]string{
	"https-connect.pcap":        "the program does not look behind a CONNECT; FoxIO's Rust program does, and says the same as we",
	"tls-non-ascii-alpn.pcapng": "the program has 99 for such a protocol; the document has its hexadecimal form",
}

// FoxIO's own captures, and what its program says of them, in a checkout of
// github.com/FoxIO-LLC/ja4 that TLSIFY_JA4 names.
func TestJA4Corpus(t *testing.T) {
	dir := os.Getenv("TLSIFY_JA4")
	if dir == "" {
		t.Skip("needs a checkout of FoxIO-LLC/ja4 in TLSIFY_JA4")
	}
	results, err := filepath.Glob(filepath.Join(dir, "python/test/testdata/*.json"))
	if err != nil || len(results) == 0 {
		t.Fatalf("%d results, %v", len(results), err)
	}
	total := 0
	for _, result := range results {
		name := strings.TrimSuffix(filepath.Base(result), ".json")
		content, err := os.ReadFile(result)
		if err != nil {
			t.Fatal(err)
		}
		var streams []map[string]any
		if err := json.Unmarshal(content, &streams); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var want []string
		for _, s := range streams {
			if ja4, ok := s["JA4.1"].(string); ok && strings.HasPrefix(ja4, "t") {
				want = append(want, ja4+" "+s["JA4_r.1"].(string)+" "+s["JA4_ro.1"].(string))
			}
		}
		file, err := os.ReadFile(filepath.Join(dir, "pcap", name))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range allHellos(file) {
			got = append(got, h.JA4()+" "+h.JA4R()+" "+h.JA4RO())
		}
		slices.Sort(want)
		slices.Sort(got)
		if slices.Equal(got, want) != (otherwise[name] == "") {
			t.Errorf("%s:\ngot  %s\nwant %s", name, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
		total += len(want)
	}
	t.Logf("%d ClientHellos in %d captures", total, len(results))
}

// allHellos finds each connection's ClientHello.
func allHellos(content []byte) (list []*Hello) {
	var f flows
	take := func(link uint32, frame []byte) bool {
		s, ok := segmentOf(link, frame)
		if !ok {
			return true
		}
		if hello := f.add(s); hello != nil {
			delete(f.segments, s.flow)
			if h, err := Parse(hello); err == nil {
				list = append(list, h)
			}
		}
		return true
	}
	if order, ok := pcapOrder(content); ok {
		eachPcap(content, order, take)
	} else {
		eachPcapng(content, take)
	}
	return list
}
