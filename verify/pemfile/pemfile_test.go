package pemfile

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// readAll gives what a text holds, a word a block.
func readAll(text string) (string, error) {
	var got []string
	for r := NewReader([]byte(text)); ; {
		b, err := r.Next()
		if err == io.EOF {
			return strings.Join(got, " "), nil
		}
		if err != nil {
			return "", err
		}
		content, err := b.Decode(nil)
		if err != nil {
			return "", err
		}
		got = append(got, b.Label+"="+string(content))
	}
}

const one, two = "-----BEGIN A-----\nYWI=\n-----END A-----\n", "-----BEGIN B C-----\nY2Q=\n-----END B C-----\n"

// What people have, and every program takes or ought to.
func TestAsPeopleHaveThem(t *testing.T) {
	for name, text := range map[string]string{
		"plain":              one + two,
		"text between":       "Certificate:\n  Data: -----BEGIN A----- is how it begins, and -----END A----- how it ends\n" + one + "\n\nbag attributes\n" + two + "the end",
		"byte order mark":    "\ufeff" + one + two,
		"two marks":          "\ufeff" + one + "\ufeff" + two,
		"CR LF":              strings.ReplaceAll(one+two, "\n", "\r\n"),
		"CR":                 strings.ReplaceAll(one+two, "\n", "\r"),
		"blanks at the ends": strings.ReplaceAll(one+two, "\n", " \t\n"),
		"no last line end":   one + strings.TrimSpace(two),
		"glued":              strings.TrimSpace(one) + two,
		"glued with a blank": strings.TrimSpace(one) + " " + two,
		"glued with a mark":  strings.TrimSpace(one) + "\ufeff" + two,
	} {
		if got, err := readAll(text); name == "glued with a mark" {
			if err == nil {
				t.Errorf("%s: got %q", name, got)
			}
		} else if got != "A=ab B C=cd" || err != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

// What would be skipped over, or misread, is an error with its line.
func TestFaults(t *testing.T) {
	for name, test := range map[string]struct {
		text, want string
		line       int
	}{
		"cut off":           {one + two[:len(two)-10], "cut off", 4},
		"cut off early":     {one + two[:25], "cut off", 4},
		"no end":            {one[:22] + "\n" + two, "has no end", 1},
		"wrong end":         {one + "-----BEGIN A-----\nYWI=\n-----END B-----\n", "ends as B", 6},
		"end without begin": {one + two[1:], "did not begin", 6},
		"four dashes":       {one + "----BEGIN A-----\nYWI=\n-----END A-----\n", "did not begin", 6},
		"begin damaged":     {one + "-----BEGIN A----\nYWI=\n-----END A-----\n", "damaged", 4},
		"begin and base64":  {"-----BEGIN A-----YWI=\n-----END A-----\n", "damaged", 1},
		"end damaged":       {"-----BEGIN A-----\nYWI=\n-----END A----\n", "damaged", 3},
		"end and more":      {"-----BEGIN A-----\nYWI=\n-----END A-----x\n", "damaged", 3},
		"base64":            {one + "-----BEGIN A-----\nYWJj\nY*I=\n-----END A-----\n", "base64", 6},
		"base64, CR LF":     {"-----BEGIN A-----\r\nYWJj \r\nY*I=\r\n-----END A-----\r\n", "base64", 3},
		"base64 cut":        {one + "-----BEGIN A-----\nYWJj\nYWI\n-----END A-----\n", "base64", 6},
		"base64 and end":    {"-----BEGIN A-----\nYWI=-----END A-----\n", "start of its line", 2},
		"a blank within":    {"-----BEGIN A-----\nYW I=\n-----END A-----\n", "base64", 2},
		"indented":          {one + "  -----BEGIN A-----\n  YWI=\n  -----END A-----\n", "indented", 4},
		"empty":             {"\n-----BEGIN A-----\n-----END A-----\n", "empty", 2},
		"base64 in headers": {"-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\nYWI=\n\nYWI=\n-----END A-----\n", "is none", 3},
		"no empty line":     {"-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\nYWI=\n-----END A-----\n", "is none", 3},
		"a label and more":  {"-----BEGIN A-----B-----\nYWI=\n-----END A-----B-----\n", "begins a PEM block is damaged", 1},
		"begins twice":      {"-----BEGIN A-----\n" + one, "has no end", 1},
		"ends at first":     {one[23:], "did not begin", 1},
		"no label":          {"-----BEGIN -----\nYWI=\n-----END -----\n", "damaged", 1},
	} {
		_, err := readAll(test.text)
		var fault *Error
		if !errors.As(err, &fault) || fault.Line != test.line || !strings.Contains(fault.What, test.want) {
			t.Errorf("%s: got %v, want line %d: ... %s", name, err, test.line, test.want)
		}
	}
}

func TestHeaders(t *testing.T) {
	r := NewReader([]byte("-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nYWI=\n-----END A-----\n"))
	b, err := r.Next()
	if err != nil || b.Headers != "Proc-Type: 4,ENCRYPTED\nDEK-Info: x\n" {
		t.Fatalf("%+v, %v", b, err)
	}
	if content, err := b.Decode(nil); string(content) != "ab" || err != nil {
		t.Errorf("got %q, %v", content, err)
	}
}

func TestForeign(t *testing.T) {
	for text, want := range map[string]string{
		" \n": "empty", "\xff\xfe-\x00": "UTF-16", "\xfe\xff\x00-": "UTF-16", "0\x82\x01\x00abc": "DER",
		"0\x05\x02\x01\x01\x04\x00": "DER", "0\x03\x02\x01\x01\n": "no PEM block", "0\x82\x04\x00\x02\x01\x03": "openssl pkcs12",
		"0\x80\x02\x01\x03\x30": "openssl pkcs12", "0\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02": "openssl pkcs7 -inform DER",
		"0\x82\x04\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02": "openssl pkcs7", "\xfe\xed\xfe\xed\x00": "keytool", "0\x82": "no PEM block", "0\x83\x02": "DER", "---BEGIN A---": "damaged", "hello": "no PEM block",
	} {
		if got := Foreign([]byte(text)); !strings.Contains(got, want) {
			t.Errorf("%q: %s", text, got)
		}
	}
}

// A file that somebody else made holds nobody up: each of these took minutes, or hours,
// because a line, or the headers, were looked at anew for each part of them.
func TestCostIsBounded(t *testing.T) {
	const size = 16 << 20
	fill := func(unit string) string { return strings.Repeat(unit, size/len(unit)) }
	for name, text := range map[string]string{
		"BEGIN in a line": "x" + fill(" -----BEGIN "), "END in a line": fill("x-----END "),
		"headers": "-----BEGIN A-----\n" + fill("a: b\n") + "\nYWI=\n-----END A-----\n",
	} {
		start := time.Now()
		readAll(text)
		WholeBlocks([]byte(text))
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}

// So was the number of each block's line: a chain of 16 MiB took two minutes.
func TestLinesOfManyBlocks(t *testing.T) {
	text := strings.Repeat("\r\nx\n"+strings.ReplaceAll(one, "\n", "\r\n")+strings.TrimSpace(two)+strings.ReplaceAll(one, "\n", "\r"), 100_000)
	start := time.Now()
	var blocks []*Block
	for r := NewReader([]byte(text)); ; {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, b)
		if n := len(blocks); b.Line() != 10*((n-1)/3)+[]int{3, 6, 8}[(n-1)%3] {
			t.Fatalf("block %d is on line %d", n, b.Line())
		}
	}
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("%v", took)
	}
	if line := blocks[0].Line(); len(blocks) != 300_000 || line != 3 {
		t.Errorf("%d blocks, the first on line %d", len(blocks), line)
	}
}

// However much of a file is there, its whole blocks are those whose last line has ended.
func TestWholeBlocks(t *testing.T) {
	for _, text := range []string{one + "x\n" + two, strings.ReplaceAll(one+two, "\n", "\r"), two + "END\n"} {
		first := strings.IndexAny(text[strings.Index(text, "-----END"):], "\r\n") + strings.Index(text, "-----END") + 1
		last := strings.LastIndex(text, "-----END")
		second := last + strings.IndexAny(text[last:], "\r\n") + 1
		for n := range len(text) + 1 {
			want := 0
			if n >= second {
				want = second
			} else if n >= first {
				want = first
			}
			if got := WholeBlocks([]byte(text[:n])); got != want {
				t.Errorf("%d of the first %d bytes of %q, want %d", got, n, text, want)
			}
		}
	}
	if n := WholeBlocks([]byte("-----END A-----\nx")); n != 16 {
		t.Errorf("%d bytes of what begins with the end of a block", n)
	}
}

// What is DER is not read as PEM.
func TestIsDER(t *testing.T) {
	for data, want := range map[string]bool{
		"0\x81\x80": true, "0\x82\x01\x00": true, "0\x83\x01\x00\x00": true, "0\x82": false, "0\x80\x30": false, "0\x84\x01": false,
		"0\x7f\x00": false, "1\x82\x01\x00": false, "": false, one: false, "0000": false,
	} {
		if IsDER([]byte(data)) != want {
			t.Errorf("%q: %v", data, !want)
		}
	}
}

// What comes behind a fault is read as before it.
func TestAfterAFault(t *testing.T) {
	r := NewReader([]byte(one + "x\n-----END A-----\n"))
	r.Next()
	_, err := r.Next()
	if _, again := r.Next(); err == nil || again == nil || err.Error() != again.Error() {
		t.Errorf("%v, then %v", err, again)
	}
}

// FuzzReader: what encoding/pem, which skips over what it can't read, finds in a
// text that is read without an error is found here, too; and what is found comes
// back once it is written out.
func FuzzReader(f *testing.F) {
	f.Add([]byte(one + two))
	f.Add([]byte("\ufeff" + strings.ReplaceAll(one+two, "\n", "\r\n")))
	f.Add([]byte(strings.ReplaceAll(one, "\n", " \r") + "x -----BEGIN A-----"))
	f.Add([]byte(strings.TrimSpace(one) + " " + two))
	f.Add([]byte("-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nYWI=\n-----END A-----\n"))
	f.Add([]byte("-----BEGIN A-----\n:\nPTED\n\nYWI=\n-----END A-----"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var mine [][]byte
		for r := NewReader(text); ; {
			b, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return
			}
			content, err := b.Decode(nil)
			if err != nil {
				return
			}
			mine = append(mine, content)
			if got, err := readAll(string(pem.EncodeToMemory(&pem.Block{Type: "A", Bytes: content}))); got != "A="+string(content) || err != nil {
				t.Errorf("%q comes back as %q, %v", content, got, err)
			}
		}
		for rest := text; ; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				return
			}
			for len(mine) > 0 && !bytes.Equal(mine[0], block.Bytes) {
				mine = mine[1:]
			}
			if len(block.Bytes) > 0 && len(mine) == 0 {
				t.Fatalf("%q was not found", block.Bytes)
			}
			if len(mine) > 0 {
				mine = mine[1:]
			}
		}
	})
}
