package fingerprint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// builder makes a ClientHello.
type builder struct {
	version    uint16
	suites     []uint16
	extensions [][]byte
}

func list16(ids ...uint16) (out []byte) {
	for _, id := range ids {
		out = append(out, byte(id>>8), byte(id))
	}
	return out
}

func prefixed16(b []byte) []byte { return append([]byte{byte(len(b) >> 8), byte(len(b))}, b...) }
func prefixed8(b []byte) []byte  { return append([]byte{byte(len(b))}, b...) }

func ext(id uint16, body []byte) []byte { return append(list16(id), prefixed16(body)...) }

func (b builder) message() []byte {
	body := list16(b.version)
	body = append(body, bytes.Repeat([]byte{7}, 32)...)
	body = append(body, 0)
	body = append(body, prefixed16(list16(b.suites...))...)
	body = append(body, 1, 0)
	if b.extensions != nil {
		body = append(body, prefixed16(bytes.Join(b.extensions, nil))...)
	}
	return append([]byte{1, 0, byte(len(body) >> 8), byte(len(body))}, body...)
}

func (b builder) parse(t testing.TB) *Hello {
	t.Helper()
	h, err := Parse(b.message())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// chrome is the example of FoxIO's document, with GREASE wherever a browser has
// it.
func chrome() builder {
	b := builder{version: 0x0303, suites: []uint16{0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035}}
	bodies := map[uint16][]byte{
		0x0000: prefixed16(append([]byte{0}, prefixed16([]byte("tlsify.test"))...)),
		0x000a: prefixed16(list16(0x2a2a, 29, 23, 24)),
		0x000b: prefixed8([]byte{0}),
		0x000d: prefixed16(list16(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)),
		0x0010: prefixed16(append(prefixed8([]byte("h2")), prefixed8([]byte("http/1.1"))...)),
		0x001b: prefixed8(list16(2)),
		0x002b: prefixed8(list16(0x3a3a, 0x0304, 0x0303)),
		0x002d: prefixed8([]byte{1}),
		0x0033: prefixed16(slices.Concat(list16(0x2a2a), prefixed16([]byte{0}), list16(29), prefixed16(make([]byte, 32)))),
		0x4469: prefixed16(prefixed8([]byte("h2"))),
		0xff01: {0},
	}
	for _, id := range []uint16{0x4a4a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015, 0x5a5a} {
		b.extensions = append(b.extensions, ext(id, bodies[id]))
	}
	return b
}

// The results are those of FoxIO's document (technical_details/JA4.md).
func TestJA4Document(t *testing.T) {
	h := chrome().parse(t)
	for got, want := range map[string]string{
		h.JA4():   "t13d1516h2_8daaf6152771_e5627efa2ab1",
		h.JA4R():  "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_0403,0804,0401,0503,0805,0501,0806,0601",
		h.JA4RO(): "t13d1516h2_1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035_001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015_0403,0804,0401,0503,0805,0501,0806,0601",
		h.JA3():   "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53,27-0-51-16-17513-23-45-13-5-35-18-43-65281-11-10-21,29-23-24,0",
	} {
		if got != want {
			t.Errorf("\ngot  %s\nwant %s", got, want)
		}
	}
}

// The results are those of JA3's own document (github.com/salesforce/ja3).
func TestJA3Document(t *testing.T) {
	b := builder{version: 0x0301, suites: []uint16{47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4}, extensions: [][]byte{
		ext(0, prefixed16(append([]byte{0}, prefixed16([]byte("tlsify.test"))...))),
		ext(10, prefixed16(list16(23, 24, 25))), ext(11, prefixed8([]byte{0})),
	}}
	if got := b.parse(t).JA3Hash(); got != "ada70206e40642a3e4461f35503241d5" {
		t.Errorf("JA3 %s of %s", got, b.parse(t).JA3())
	}
	b = builder{version: 0x0301, suites: []uint16{4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99}}
	if got := b.parse(t).JA3Hash(); got != "de350869b8c85de67a350c8d186f11e6" {
		t.Errorf("JA3 %s of %s", got, b.parse(t).JA3())
	}
}

// Captured ClientHellos of programs, which must not change what they are called.
func TestCapturedPrograms(t *testing.T) {
	for program, want := range map[string][2]string{
		"chromium": {"t13d1517h2_8daaf6152771_cb7bf5808d99", "2f24c85a328fbf07a0b8f92941297ee4"},
		"curl":     {"t13d3112h2_e8f1e7e78f70_b26ce05bbdd6", "0149f47eabf9a20d0893e2a44e5a6323"},
		"gnutls":   {"t13d291300_723694b0fccc_2cc26d266019", "f35ce21b44ac0b87d3266294bb1b0e20"},
		"node":     {"t13d5911h1_a33745022dd6_1f22a2ca17c4", "1a28e69016765d92e3b381168d68922c"},
		"openssl":  {"t13d311000_e8f1e7e78f70_1f22a2ca17c4", "a3afc2c46ba4a7d7fbe1cfb7a3031c2f"},
	} {
		file, err := os.Open("testdata/" + program + ".hex")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		message, err := Capture(file)
		if err != nil {
			t.Fatal(err)
		}
		h, err := Parse(message)
		if err != nil {
			t.Fatal(err)
		}
		if h.JA4() != want[0] || h.JA3Hash() != want[1] {
			t.Errorf("%q: {%q, %q}", program, h.JA4(), h.JA3Hash())
		}
	}
}

func TestJA4Protocol(t *testing.T) {
	for protocol, want := range map[string]string{
		"h2": "h2", "http/1.1": "h1", "": "00", "a": "aa",
		"\xab": "ab", " ": "20", "\xab\xcd": "ad", " a": "21", "0\xab": "3b", "a ": "60", "01\xab\xcd": "3d", "0\xab\xcd1": "01",
	} {
		if got := ja4Protocol([]string{protocol, "other"}); got != want {
			t.Errorf("%q: %s, want %s", protocol, got, want)
		}
	}
	if got := ja4Protocol(nil); got != "00" {
		t.Errorf("none: %s", got)
	}
}

func TestJA4Edges(t *testing.T) {
	if got := (builder{version: 0x0301, suites: []uint16{0x0a0a}}).parse(t).JA4(); got != "t10i000000_000000000000_000000000000" {
		t.Errorf("with nothing: %s", got)
	}
	if got := (builder{version: 0x0301, suites: []uint16{0x002f}}).parse(t).JA3(); got != "769,47,,," {
		t.Errorf("JA3 with no extensions: %s", got)
	}
	many := builder{version: 0x0303}
	for i := range uint16(120) {
		many.suites = append(many.suites, 0xc000+i)
		many.extensions = append(many.extensions, ext(0x7000+i, nil))
	}
	if got := many.parse(t).JA4(); !strings.HasPrefix(got, "t12i999900_") {
		t.Errorf("with many: %s", got)
	}
	for version, want := range map[uint16]string{0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2", 0x7f1c: "00"} {
		if got := (builder{version: version, suites: []uint16{1}}).parse(t).JA4(); got[1:3] != want {
			t.Errorf("version %04x: %s", version, got)
		}
	}
	// The document's example of a hash without signature algorithms.
	if got := ja4Hash("0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01"); got != "6d807ffa2a79" {
		t.Errorf("hash %s", got)
	}
}

func TestParseRefused(t *testing.T) {
	good := chrome()
	with := func(extension []byte) []byte {
		b := chrome()
		b.extensions = append(b.extensions, extension)
		return b.message()
	}
	for name, message := range map[string][]byte{
		"nothing":           {},
		"a server's hello":  append([]byte{2}, good.message()[1:]...),
		"cut":               good.message()[:200],
		"something behind":  append(good.message(), 0),
		"no suites":         builder{version: 0x0303}.message(),
		"twice":             with(ext(0x0017, nil)),
		"GREASE twice":      with(ext(0x4a4a, nil)),
		"an open extension": with([]byte{0, 99, 0, 7, 1}),
		"too long":          make([]byte, helloLimit+1),
	} {
		if h, err := Parse(message); err == nil {
			t.Errorf("%s: %+v", name, h)
		}
	}
	for id, bodies := range map[uint16][][]byte{
		extServerName:      {{0}, {0, 0}, {0, 3, 0, 0, 0}, {0, 5, 0, 0, 1, 'a'}, append(prefixed16(append([]byte{0}, prefixed16([]byte("a"))...)), 0)},
		extSupportedGroups: {{}, {0, 0}, {0, 1, 7}, {0, 2, 7}},
		extPointFormats:    {{}, {0}, {2, 0}},
		extSignatures:      {{0, 0}, {0, 3, 1, 1, 1}},
		extALPN:            {{}, {0, 2, 5, 'h'}},
		extVersions:        {{}, {0}, {1, 3}, {3, 3, 4, 3}},
		extPSKModes:        {{0}, {1}},
		extKeyShare:        {{}, {0, 4, 0, 29, 0, 0}, {0, 5, 0, 29, 0, 2, 1}},
		extPreSharedKey:    {{0, 0, 0, 0}, {0, 7, 0, 1, 9, 0, 0, 0, 0, 0, 0}, {0, 7, 0, 1, 9, 0, 0, 0, 0, 0, 4, 1, 1, 1, 1}},
		extRecordSizeLimit: {{1}, {1, 2, 3}},
	} {
		for _, body := range bodies {
			b := builder{0x0303, []uint16{1}, [][]byte{ext(id, body)}}
			if _, err := Parse(b.message()); err == nil || !strings.Contains(err.Error(), extensionName(id)) {
				t.Errorf("%s of %x: %v", extensionName(id), body, err)
			}
		}
	}
}

// A ClientHello that ends anywhere but at its end is none, but for one without extensions
// (before RFC 4366); nor is one whose session ID is too long, or that has no compression.
func TestParseCutOff(t *testing.T) {
	b := chrome()
	body := b.message()[4:]
	bare := builder{version: b.version, suites: b.suites}.message()[4:]
	of := func(body []byte) []byte { return append([]byte{1, 0, byte(len(body) >> 8), byte(len(body))}, body...) }
	for n := range body {
		if _, err := Parse(of(body[:n])); (err == nil) != (n == len(bare)) {
			t.Errorf("%d of %d bytes: %v", n, len(body), err)
		}
	}
	for length, good := range map[int]bool{31: true, 32: true, 33: false} {
		session := slices.Concat(bare[:34], prefixed8(make([]byte, length)), bare[35:])
		if h, err := Parse(of(session)); (err == nil) != good || good && len(h.SessionID) != length {
			t.Errorf("a session ID of %d bytes: %v", length, err)
		}
	}
	if h, err := Parse(of(bare)); err != nil || len(h.Compression) != 1 || h.Extensions != nil {
		t.Errorf("%+v, %v", h, err)
	}
	for name, bad := range map[string][]byte{
		"no compression": append(bare[:len(bare)-2:len(bare)-2], 0), "half a suite": slices.Concat(bare[:35], []byte{0, 3, 19, 1, 19, 1, 0}),
		"more behind": append(bytes.Clone(body), 0),
	} {
		if h, err := Parse(of(bad)); err == nil {
			t.Errorf("%s: %+v", name, h)
		}
	}
}

// What a stranger has chosen is as it is where a terminal and a list by commas take it
// for that, and quoted else.
func TestReadable(t *testing.T) {
	for text, want := range map[string]string{
		"h2": "h2", "http/1.1": "http/1.1", "!~": "!~", "": `""`, "a b": `"a b"`, "a,b": `"a,b"`, `a"b`: `"a\"b"`, `a\b`: `"a\\b"`,
		"a\x7f": `"a\x7f"`, "\x1b[2J": `"\x1b[2J"`, "\u202e": `"\u202e"`, "\xff": `"\xff"`,
	} {
		if got := readable([]string{text}); len(got) != 1 || got[0] != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestReports(t *testing.T) {
	b := chrome()
	b.extensions = append(b.extensions, ext(extPreSharedKey, append(prefixed16(append(prefixed16(make([]byte, 9)), 0, 0, 0, 0)), prefixed16(prefixed8(make([]byte, 32)))...)))
	b.extensions[2] = ext(0, prefixed16(append([]byte{0}, prefixed16([]byte("a\x1b]0;\xff\n"))...)))
	h := b.parse(t)
	var text, encoded bytes.Buffer
	if err := h.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"JA4: t13d1517h2_", "legacy_version: TLSv1.2", "cipher_suites: 16\n", "TLS_AES_128_GCM_SHA256\n", "GREASE",
		"x25519 (32)", "ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256", `"a\x1b]0;\xff\n"`, "identity (9) with binder (32)", "TLSv1.3, TLSv1.2", "brotli", "psk_dhe_ke",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q", want)
		}
	}
	for i, line := range strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n") {
		if strings.TrimRight(line, " \t") != line {
			t.Errorf("line %d ends in space: %q", i, line)
		}
	}
	if err := json.NewEncoder(&encoded).Encode(h.Report()); err != nil {
		t.Fatal(err)
	}
	var back report
	if err := json.Unmarshal(encoded.Bytes(), &back); err != nil || back.JA4RO != h.JA4RO() || len(back.Extensions) != len(b.extensions) {
		t.Errorf("%v, %+v", err, back)
	}
}

// What is parsed comes out again: every fingerprint has the lists that were put
// in, and nothing that a terminal would obey.
func FuzzParse(f *testing.F) {
	f.Add(chrome().message())
	f.Add(builder{version: 0x0301, suites: []uint16{0x002f, 0x00ff}}.message())
	f.Add(helloMessage(f, "tlsify.test"))
	f.Fuzz(func(t *testing.T, message []byte) {
		h, err := Parse(message)
		if err != nil {
			return
		}
		if h.Length != len(message) || len(h.Random) != 32 {
			t.Errorf("%+v", h)
		}
		if parts := strings.Split(h.JA4(), "_"); len(parts) != 3 || len(h.JA4()) != 36 {
			t.Errorf("JA4 %s", h.JA4())
		}
		if strings.Count(h.JA3(), ",") != 4 {
			t.Errorf("JA3 %s", h.JA3())
		}
		var text, encoded bytes.Buffer
		if h.WriteText(&text) != nil || json.NewEncoder(&encoded).Encode(h.Report()) != nil || !json.Valid(encoded.Bytes()) {
			t.Error("a report fails")
		}
		if at := strings.IndexFunc(text.String(), func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f }); at >= 0 {
			t.Errorf("the text has %q", text.String()[at:])
		}
		if h.JA4RO()[:10] != h.JA4()[:10] {
			t.Error(fmt.Sprint("two heads: ", h.JA4RO(), h.JA4()))
		}
	})
}
