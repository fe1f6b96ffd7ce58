package program

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// What comes late is values for known names and nothing else.
func TestAdmit(t *testing.T) {
	names := []string{"TLSIFY_PROTOCOL", "TLSIFY_PEER_SUBJECT"}
	long := strings.Repeat("x", valueLimit)
	for said, want := range map[string][]string{
		"\x00":                                               {},
		"TLSIFY_PROTOCOL=TLSv1.3\x00\x00":                    {"TLSIFY_PROTOCOL=TLSv1.3"},
		"TLSIFY_PROTOCOL=\x00\x00":                           {"TLSIFY_PROTOCOL="},
		"TLSIFY_PEER_SUBJECT=a=b\x00\x00":                    {"TLSIFY_PEER_SUBJECT=a=b"},
		"TLSIFY_PROTOCOL=" + long + "\x00\x00":               {"TLSIFY_PROTOCOL=" + long},
		"TLSIFY_PROTOCOL=1\x00TLSIFY_PEER_SUBJECT=2\x00\x00": {"TLSIFY_PROTOCOL=1", "TLSIFY_PEER_SUBJECT=2"},
		"": nil, "x": nil, "\x00\x00": nil,
		"TLSIFY_PROTOCOL=1\x00":                              nil, // no word to start
		"TLSIFY_PROTOCOL\x00\x00":                            nil,
		"BASH_ENV=$(id)\x00\x00":                             nil,
		"=1\x00\x00":                                         nil,
		"TLSIFY_PROTOCOL=1\x00BASH_ENV=$(id)\x00\x00":        nil,
		"TLSIFY_PROTOCOL=1\x00TLSIFY_PROTOCOL=2\x00\x00":     nil,
		"TLSIFY_PROTOCOL=1\nBASH_ENV=$(id)\x00\x00":          nil,
		"TLSIFY_PROTOCOL=1\x00\x00TLSIFY_PEER_SUBJECT=2\x00": nil,
		"TLSIFY_PROTOCOL=" + long + "x\x00\x00":              nil,
	} {
		got, err := admit([]byte(said), names)
		if (err == nil) != (want != nil) || err == nil && !slices.Equal(got, want) {
			t.Errorf("%.60q: %q, %v", said, got, err)
		}
	}
}

// The environment goes over and comes back, whatever it is.
func TestInherited(t *testing.T) {
	for _, env := range [][]string{nil, {"A=1"}, {"A=1", "odd", "B=\n"}, {""}, {"", "A=1", ""}} {
		var b bytes.Buffer
		if err := sayInherited(&b, env); err != nil {
			t.Fatal(err)
		}
		b.WriteString("more")
		got, err := readInherited(&b)
		if err != nil || !slices.Equal(got, env) || b.String() != "more" {
			t.Errorf("%q came as %q, %v, with %q behind", env, got, err, b.String())
		}
	}
	if sayInherited(new(bytes.Buffer), []string{strings.Repeat("x", envLimit)}) == nil {
		t.Error("too large an environment is taken")
	}
	if _, err := readInherited(strings.NewReader("\xff\xff\xff\xff")); err == nil {
		t.Error("too large an environment is read")
	}
}

func FuzzAdmit(f *testing.F) {
	f.Add([]byte("TLSIFY_PROTOCOL=TLSv1.3\x00TLSIFY_ALPN=h2\x00\x00"))
	f.Add([]byte("BASH_ENV=x\x00\x00"))
	names := []string{"TLSIFY_PROTOCOL", "TLSIFY_ALPN"}
	f.Fuzz(func(t *testing.T, said []byte) {
		values, err := admit(said, names)
		if err != nil {
			return
		}
		for _, entry := range values {
			name, value, _ := strings.Cut(entry, "=")
			if !slices.Contains(names, name) || len(value) > valueLimit || strings.ContainsAny(value, "\x00\n") {
				t.Errorf("%q is let in", entry)
			}
		}
		if len(values) > len(names) {
			t.Errorf("%d values for %d names", len(values), len(names))
		}
	})
}
