package trustanchor

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func mustParse(t testing.TB, text string) ID {
	t.Helper()
	id, err := ParseID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestID(t *testing.T) {
	for text, want := range map[string]string{
		"32473.1": "81fd5901", "0": "00", "127.128": "7f8100", "1.0.2": "010002", "18446744073709551615": "81ffffffffffffffff7f",
	} {
		id := mustParse(t, text)
		if fmt.Sprintf("%x", string(id)) != want || id.String() != text || !id.Valid() {
			t.Errorf("%s: %x, %s", text, string(id), id)
		}
	}
	for _, bad := range []string{"", ".", "1.", ".1", "1..2", "01", "1.00", "-1", "+1", "1.a", " 1", "18446744073709551616",
		strings.Repeat("9.", 300) + "9", strings.Repeat("1", 2000)} {
		if id, err := ParseID(bad); err == nil {
			t.Errorf("%q is read as %s", bad, id)
		}
	}
	for _, bad := range []ID{"", "\x80\x01", "\x81", "\x01\x80\x01", "\x82\x80\x80\x80\x80\x80\x80\x80\x80\x00", ID(strings.Repeat("\x01", 256))} {
		if bad.Valid() || !strings.HasPrefix(bad.String(), "(") {
			t.Errorf("%x is valid", string(bad))
		}
	}
}

// The shorter comes first, whatever its bytes.
func TestCompare(t *testing.T) {
	ids := []ID{mustParse(t, "32473.1.1"), mustParse(t, "32473.2"), mustParse(t, "9"), mustParse(t, "32473.1"), mustParse(t, "127")}
	slices.SortFunc(ids, Compare)
	if got := fmt.Sprint(ids); got != "[9 127 32473.1 32473.2 32473.1.1]" {
		t.Error(got)
	}
}

func TestRange(t *testing.T) {
	base := mustParse(t, "32473.2")
	r := Range{base, 100, 200}
	all := Range{base, 0, math.MaxUint64}
	for id, want := range map[ID][2]bool{
		base:                        {false, false},
		base.With(99):               {false, true},
		base.With(100):              {true, true},
		base.With(200):              {true, true},
		base.With(201):              {false, true},
		base.With(150, 1):           {false, false},
		mustParse(t, "32473.3.150"): {false, false},
		base + "\x80\x64":           {false, false}, // not minimal
		base + "\x81":               {false, false}, // cut short
		base.With(math.MaxUint64):   {false, true},
		base + "\x82\x80\x80\x80\x80\x80\x80\x80\x80\x00": {false, false}, // 2^64
	} {
		if r.Contains(id) != want[0] || all.Contains(id) != want[1] {
			t.Errorf("%x: %v, %v", string(id), r.Contains(id), all.Contains(id))
		}
	}
	if (Range{base[:2], 0, math.MaxUint64}).Contains(base) || (Range{"", 0, 10}).Contains("\x01") {
		t.Error("a base that ends within an arc")
	}
}

// exampleProperties is the one of the draft, section 6.4, which says what is in
// it.
const exampleProperties = "ADsAAAAEgf1ZAQABACsAKQORCwIAAAAAAAAAZAAAAAAAAADIBIH9WQMAAAAAAAAAKv//////////AAIAAA=="

func TestProperties(t *testing.T) {
	data, _ := base64.StdEncoding.DecodeString(exampleProperties)
	p, err := ParseProperties(data)
	if err != nil {
		t.Fatal(err)
	}
	want := Properties{mustParse(t, "32473.1"), []Range{{mustParse(t, "2187.2"), 100, 200}, {mustParse(t, "32473.3"), 42, math.MaxUint64}}, true}
	if fmt.Sprint(*p) != fmt.Sprint(want) {
		t.Errorf("%v", p)
	}
	if again, err := p.Marshal(); err != nil || !bytes.Equal(again, data) {
		t.Errorf("%x, %v", again, err)
	}
	for text, want := range map[string]bool{"32473.1": true, "2187.2.100": true, "2187.2.99": false, "32473.3.43": true, "32473.3": false, "1": false} {
		if p.Match([]ID{"\x05", mustParse(t, text)}) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
	if (&Properties{}).Match([]ID{""}) {
		t.Error("nothing is asked for and matches nothing")
	}
	for name, bad := range map[string][]byte{
		"empty": {}, "more behind": append(bytes.Clone(data), 0), "cut short": data[:20],
		"twice": {0, 8, 0, 2, 0, 0, 0, 2, 0, 0}, "in disorder": {0, 9, 0, 2, 0, 0, 0, 0, 0, 1, 1}, "an empty ID": {0, 4, 0, 0, 0, 0},
		"a malformed ID": {0, 5, 0, 0, 0, 1, 0x80}, "negotiation with a body": {0, 5, 0, 2, 0, 1, 0}, "no ranges": {0, 6, 0, 1, 0, 2, 0, 0},
	} {
		if _, err := ParseProperties(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if p, err := ParseProperties([]byte{0, 11, 0, 0, 0, 1, 5, 0x12, 0x34, 0, 2, 1, 2}); err != nil || p.ID != "\x05" {
		t.Errorf("a property that is not known: %v, %v", p, err)
	}
}

func FuzzProperties(f *testing.F) {
	data, _ := base64.StdEncoding.DecodeString(exampleProperties)
	f.Add(data)
	f.Add([]byte{0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseProperties(data)
		if err != nil {
			return
		}
		again, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if q, err := ParseProperties(again); err != nil || fmt.Sprint(q) != fmt.Sprint(p) {
			t.Errorf("%v became %v, %v", p, q, err)
		}
	})
}

func FuzzList(f *testing.F) {
	f.Add([]byte{0, 5, 4, 0x81, 0xfd, 0x59, 1})
	f.Add([]byte{0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		ids, ok := ParseList(data)
		if !ok {
			return
		}
		if again, err := List(ids); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%x became %x, %v", data, again, err)
		}
		for _, id := range ids {
			if parsed, err := ParseID(id.String()); id.Valid() && (err != nil || parsed != id) {
				t.Errorf("%x is %s", string(id), id)
			}
		}
	})
}
