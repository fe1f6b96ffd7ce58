// Package pemfile reads files of PEM blocks (RFC 7468) as people have them, and
// strictly: what a lenient reader would skip over in silence, and a person then
// looks for in vain, is an error with its line and what to do. Text between the
// blocks is allowed, as in many distributions' bundles; so are a byte order
// mark, white space at the ends of lines, any kind of line end, and a block that
// begins on the line on which another ends, as cat makes them of files without
// a last line end.
//
// The package must not know what is in a block. Start reading at Reader.Next.
package pemfile

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
)

var (
	begin = []byte("-----BEGIN ")
	end   = []byte("-----END ")
	tail  = []byte("-----")
	bom   = []byte("\ufeff")
)

// blanks are what may stand at the end of a line, without being seen.
const blanks = " \t\v\f"

// Error is a fault of a file.
type Error struct {
	Line int // from 1
	What string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.What) }

// Reader gives the blocks of a text one after another. The text is not copied
// and must not be changed.
type Reader struct {
	text []byte
	at   int // how much of it has been read

	line, seen    int // where the line of what lineBefore was asked for last begins
	count, before int // how many lines are before the block that Line was asked for last
}

// NewReader is a Reader of text.
func NewReader(text []byte) *Reader { return &Reader{text: text} }

// WholeBlocks is how much of the beginning of a text ends with the last line that ends a
// block and is all there.
func WholeBlocks(beginning []byte) int {
	lines := beginning[:bytes.LastIndexAny(beginning, "\r\n")+1]
	at := bytes.LastIndex(lines, end)
	if at < 0 {
		return 0
	}
	return at + bytes.IndexAny(lines[at:], "\r\n") + 1
}

// Block is one block.
type Block struct {
	Label string // what stands behind BEGIN
	// Headers are the lines before the first empty one, as in old encrypted
	// keys (RFC 1421); empty for all others.
	Headers string

	reader      *Reader
	start, body int // where the BEGIN and the base64 stand
	length      int // of the base64
}

// Next gives the next block, io.EOF where there is none any more, or an *Error.
func (r *Reader) Next() (*Block, error) {
	start, err := r.findBegin()
	if err != nil {
		return nil, err
	}
	b := &Block{reader: r, start: start}
	label, body := cutLine(r.text, start+len(begin))
	name, ok := bytes.CutSuffix(label, tail)
	if !ok || len(name) == 0 || bytes.Contains(name, tail) {
		return nil, r.fault(start, "the line that begins a PEM block is damaged: it is -----BEGIN WHAT----- and no more")
	}
	b.Label, b.body = string(name), body
	if err := r.finish(b); err != nil {
		return nil, err
	}
	if err := r.splitHeaders(b); err != nil {
		return nil, err
	}
	return b, nil
}

// findBegin finds the next line that begins a block.
func (r *Reader) findBegin() (int, error) {
	for from := r.at; ; {
		rest := r.text[from:]
		at := bytes.Index(rest, begin)
		between := rest
		if at >= 0 {
			between = rest[:at]
		}
		if stray := bytes.Index(between, end); stray >= 0 && r.startsLine(from+stray) {
			return 0, r.fault(from+stray, "a PEM block ends that did not begin: the line with its -----BEGIN is damaged or missing")
		}
		if at < 0 {
			return 0, io.EOF
		}
		from += at
		if r.startsLine(from) {
			return from, nil
		}
		if line := r.lineBefore(from); len(bytes.Trim(line, blanks)) == 0 {
			return 0, r.fault(from, "-----BEGIN is indented: remove the blanks at the start of the block's lines")
		}
		from += len(begin) // in a sentence
	}
}

// startsLine tells whether what is at a position is the first of its line, or
// stands right behind a block.
func (r *Reader) startsLine(at int) bool {
	line := r.lineBefore(at)
	if from := at - len(line); r.at > from {
		line = bytes.Trim(r.text[r.at:at], blanks)
	}
	return len(line) == 0 || bytes.Equal(line, bom)
}

// lineBefore is what stands before a position on its line. As long as it is asked for
// ascending positions no part of a long line is looked at again for each of those on it.
func (r *Reader) lineBefore(at int) []byte {
	if at < r.seen { // behind a fault
		r.line, r.seen = 0, 0
	}
	if n := bytes.LastIndexAny(r.text[r.seen:at], "\r\n"); n >= 0 {
		r.line = r.seen + n + 1
	}
	r.seen = at
	return r.text[r.line:at]
}

// finish finds the end of a block.
func (r *Reader) finish(b *Block) error {
	rest := r.text[b.body:]
	at := bytes.Index(rest, end)
	if next := bytes.Index(rest, begin); at < 0 || next >= 0 && next < at {
		return r.fault(b.start, fmt.Sprintf("the %s that begins here has no end: the file is cut off or damaged", b.Label))
	}
	at += b.body
	if len(r.lineBefore(at)) > 0 {
		return r.fault(at, "-----END is not at the start of its line")
	}
	b.length = at - b.body
	// Another block may begin on the same line.
	label, after := cutLine(r.text, at+len(end))
	name, follows, ok := bytes.Cut(label, tail)
	if follows = bytes.TrimLeft(follows, blanks); !ok || len(follows) > 0 && !bytes.HasPrefix(follows, begin) {
		return r.fault(at, "the line that ends a PEM block is damaged: it is -----END WHAT----- and no more")
	}
	if string(name) != b.Label {
		return r.fault(at, fmt.Sprintf("what begins as %s on line %d ends as %s", b.Label, b.Line(), name))
	}
	r.at = after
	if len(follows) > 0 {
		r.at = at + len(end) + len(name) + len(tail)
	}
	return nil
}

// splitHeaders takes the headers off a block's content. A line among them that is none
// would be skipped over, base64 or not.
func (r *Reader) splitHeaders(b *Block) error {
	content := r.text[b.body : b.body+b.length]
	if first, _ := cutLine(content, 0); !bytes.ContainsRune(first, ':') {
		return nil
	}
	var headers strings.Builder
	for len(content) > 0 {
		line, next := cutLine(content, 0)
		if len(line) > 0 && !bytes.ContainsRune(line, ':') {
			return r.fault(b.body, fmt.Sprintf("this line among the headers of the %s is none: they are NAME: VALUE, and an empty line ends them", b.Label))
		}
		b.body, b.length, content = b.body+next, b.length-next, content[next:]
		if len(line) == 0 {
			break
		}
		headers.Write(line)
		headers.WriteByte('\n')
	}
	b.Headers = headers.String()
	return nil
}

// Line is the number of the block's first line, from 1.
func (b *Block) Line() int {
	r := b.reader
	if b.start < r.before {
		r.count, r.before = 0, 0
	}
	r.count += lineOf(r.text[r.before:], b.start-r.before) - 1 // of a file of many blocks each part is counted once
	r.before = b.start
	return r.count + 1
}

// Decode appends the block's content to buf, or gives an *Error.
func (b *Block) Decode(buf []byte) ([]byte, error) {
	body := b.reader.text[b.body : b.body+b.length]
	clean := body
	if bytes.ContainsAny(body, blanks) {
		clean = trimLines(body)
	}
	content, err := base64.StdEncoding.AppendDecode(buf, clean)
	if err != nil {
		return nil, &Error{b.damagedLine(err, clean), fmt.Sprintf("the base64 of the %s that begins on line %d is damaged: copy the file anew", b.Label, b.Line())}
	}
	if len(content) == len(buf) {
		return nil, &Error{b.Line(), fmt.Sprintf("the %s that begins here is empty", b.Label)}
	}
	return content, nil
}

// damagedLine is where base64 found what it can't read.
func (b *Block) damagedLine(err error, clean []byte) int {
	var at base64.CorruptInputError
	if !errors.As(err, &at) || int(at) > len(clean) {
		return b.Line()
	}
	// Trimming takes away no line.
	return lineOf(clean, int(at)) + lineOf(b.reader.text, b.body) - 1
}

// trimLines takes away the blanks at the ends of lines.
func trimLines(text []byte) []byte {
	trimmed := make([]byte, 0, len(text))
	for len(text) > 0 {
		n := bytes.IndexAny(text, "\r\n")
		if n < 0 {
			return append(trimmed, bytes.TrimRight(text, blanks)...)
		}
		trimmed = append(append(trimmed, bytes.TrimRight(text[:n], blanks)...), text[n])
		text = text[n+1:]
	}
	return trimmed
}

// cutLine gives the line from a position on, without the blanks at its end, and
// where the next begins.
func cutLine(text []byte, at int) (line []byte, next int) {
	rest := text[at:]
	n := bytes.IndexAny(rest, "\r\n")
	if n < 0 {
		return bytes.TrimRight(rest, blanks), len(text)
	}
	next = at + n + 1
	if rest[n] == '\r' && next < len(text) && text[next] == '\n' {
		next++
	}
	return bytes.TrimRight(rest[:n], blanks), next
}

// lineOf counts lines up to a position; CR LF is one end of a line.
func lineOf(text []byte, at int) int {
	text = text[:at]
	return 1 + bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r")) - bytes.Count(text, []byte("\r\n"))
}

func (r *Reader) fault(at int, what string) error { return &Error{lineOf(r.text, at), what} }

// IsDER tells whether data is no text but may be one structure in DER: no text
// starts with the tag of a SEQUENCE and a length of more than 127 bytes.
func IsDER(data []byte) bool {
	return len(data) > 2 && data[0] == 0x30 && (data[1] == 0x81 || data[1] == 0x82 || data[1] == 0x83)
}

// isShortDER is IsDER for a structure of up to 127 bytes, as keys of elliptic curves
// are: it is all of the file.
func isShortDER(data []byte) bool {
	return len(data) > 2 && data[0] == 0x30 && data[1] < 0x80 && len(data) == 2+int(data[1])
}

// content gives what is in the SEQUENCE at the beginning of a file. Its length may be left
// to its end, as BER has it and NSS writes it: only its beginning is sure to be there.
func content(data []byte) []byte {
	switch {
	case IsDER(data):
		return data[min(len(data), 2+int(data[1]&0x7f)):]
	case bytes.HasPrefix(data, []byte{0x30, 0x80}):
		return data[2:]
	}
	return nil
}

// PKCS7 says what a block of that label is, to whoever expected certificates.
const PKCS7 = "certificates in a PKCS #7 wrapping: take them out with `openssl pkcs7 -print_certs`"

// Wrapped says in what other form than PEM or DER certificates and keys are in a file: a
// PFX, which begins with the version 3 (RFC 7292, section 4), SignedData of PKCS #7 (RFC 2315,
// section 14), or a store of Java's. It is "" where they are in none of these.
func Wrapped(data []byte) string {
	switch {
	case bytes.HasPrefix(content(data), []byte{2, 1, 3}):
		return "it is a PKCS #12 file (.p12, .pfx), not PEM: convert it with `openssl pkcs12 -nodes`"
	case bytes.HasPrefix(content(data), []byte("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")):
		return "it is a PKCS #7 file (.p7b), not PEM: convert it with `openssl pkcs7 -inform DER -print_certs`"
	case bytes.HasPrefix(data, []byte{0xfe, 0xed, 0xfe, 0xed}):
		return "it is a Java key store (.jks), not PEM: convert it with `keytool -importkeystore -deststoretype pkcs12` and `openssl pkcs12 -nodes`"
	}
	return ""
}

// Foreign says what a file without any PEM block may be, to whoever expected
// one.
func Foreign(data []byte) string {
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return "it is empty"
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return "it is in UTF-16: save it as plain text"
	case Wrapped(data) != "":
		return Wrapped(data)
	case IsDER(data), isShortDER(data):
		return "it is in DER, not PEM: convert it with `openssl x509 -inform DER`, or a key with `openssl pkey -inform DER`"
	case strings.Contains(string(data[:min(len(data), 1<<16)]), "BEGIN"):
		return "it has no whole PEM block: the lines with -----BEGIN and -----END are damaged"
	}
	return "it has no PEM block (-----BEGIN ...)"
}
