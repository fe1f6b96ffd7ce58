package source

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

const hex16 = "000102030405060708090a0b0c0d0e0f"

func TestPSKs(t *testing.T) {
	keys, err := parsePSKs("one:" + hex16 + "\n\n#00ff:" + strings.Repeat(hex16, 4) + " sha384\r\na b:")
	if keys != nil || err == nil {
		t.Fatal("a blank in an identity")
	}
	keys, err = parsePSKs("one:" + hex16 + "\n\n#00ff:" + strings.Repeat(hex16, 4) + " sha384\r\nthree:" + strings.ToUpper(hex16) + " import\n" +
		"four:" + hex16 + " import sha384 c0ffee\nfive:" + hex16 + " import c0ffee")
	if err != nil || len(keys) != 5 {
		t.Fatal(err)
	}
	if k := keys[1]; string(k.Identity) != "\x00\xff" || len(k.Key) != 64 || k.Hash != crypto.SHA384 || k.Imported {
		t.Errorf("%+v", k)
	}
	if k := keys[3]; !k.Imported || k.Hash != crypto.SHA384 || string(k.Context) != "\xc0\xff\xee" {
		t.Errorf("%+v", k)
	}
	if k := keys[4]; !k.Imported || k.Hash != crypto.SHA256 || string(k.Context) != "\xc0\xff\xee" {
		t.Errorf("%+v", k)
	}
}

// The limits are what is still taken, and a fault is told by its line.
func TestPSKLimits(t *testing.T) {
	line := func(identity, context int) string {
		return strings.Repeat("i", identity) + ":" + hex16 + " import sha256 " + strings.Repeat("c0", context) + "\n"
	}
	keys, err := New().PSKs(file(t, line(identityLimit, contextLimit)))
	if err != nil || len(keys) != 1 || len(keys[0].Context) != contextLimit || keys[0].Hash != crypto.SHA256 {
		t.Errorf("%v, %v", keys, err)
	}
	many := new(strings.Builder)
	for n := range pskLimit {
		fmt.Fprintf(many, "%d:%s\n", n, hex16)
	}
	if keys, err := New().PSKs(file(t, many.String())); err != nil || len(keys) != pskLimit {
		t.Errorf("%d, %v", len(keys), err)
	}
	for content, text := range map[string]string{
		line(1, contextLimit+1):              "line 1: a context is hexadecimal, of 1 to 255 bytes",
		"one:" + hex16 + " import sha256 \n": "line 1: a context",
		"\none:" + hex16 + "\none":           "line 3: it is not IDENTITY:HEX",
		"#0:" + hex16:                        "an identity with # before it is hexadecimal",
		"one:" + hex16[1:] + "g":             "the key is not hexadecimal",
		many.String() + "one-more:" + hex16:  "it has 10001 keys",
	} {
		_, err := New().PSKs(file(t, content))
		wantUsage(t, err, text)
	}
}

func TestPSKsRefused(t *testing.T) {
	for _, content := range []string{
		"", "\n\n", "one", "one:", ":" + hex16, "one:" + hex16[2:], "one:" + hex16[1:] + "g", "one:" + strings.Repeat(hex16, 5),
		strings.Repeat("i", 256) + ":" + hex16, "#0:" + hex16, "#:" + hex16, "a\x01:" + hex16, "\xff:" + hex16,
		"one:" + hex16 + " ", "one:" + hex16 + " sha512", "one:" + hex16 + " sha384 c0ffee", "one:" + hex16 + " import c0ffe",
		"one:" + hex16 + " import c0ffee sha384", " one:" + hex16, "one:" + hex16 + "\none:" + hex16,
	} {
		if keys, err := parsePSKs(content); err == nil {
			t.Errorf("%q: %+v", content, keys[0])
		} else if strings.Contains(err.Error(), hex16[:8]) {
			t.Errorf("the error has the key: %v", err)
		}
	}
}

// FuzzPSKs holds what is read against what would be written for it.
func FuzzPSKs(f *testing.F) {
	f.Add("one:" + hex16 + "\n\n#00ff:" + hex16 + " sha384\nthree:" + hex16 + " import sha384 c0ffee\n")
	f.Add("a:b:" + hex16)
	f.Fuzz(func(t *testing.T, content string) {
		keys, err := parsePSKs(content)
		if err != nil {
			return
		}
		var out strings.Builder
		for _, k := range keys {
			out.WriteString("#" + hex.EncodeToString(k.Identity) + ":" + hex.EncodeToString(k.Key))
			if k.Imported {
				out.WriteString(" import")
			}
			if k.Hash == crypto.SHA384 {
				out.WriteString(" sha384")
			}
			if k.Context != nil {
				out.WriteString(" " + hex.EncodeToString(k.Context))
			}
			out.WriteString("\n")
		}
		again, err := parsePSKs(out.String())
		if err != nil || len(again) != len(keys) {
			t.Fatalf("%q: %v", out.String(), err)
		}
		for i, k := range keys {
			if a := again[i]; !bytes.Equal(a.Identity, k.Identity) || !bytes.Equal(a.Key, k.Key) || a.Hash != k.Hash ||
				a.Imported != k.Imported || !bytes.Equal(a.Context, k.Context) {
				t.Errorf("%+v, %+v", k, a)
			}
		}
	})
}
