package verify

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
)

// A bundle is a PEM file of certificates. It is searched as it stands: one
// certificate at a time is decoded, into the same buffer, and only those that
// are wanted are parsed. A distribution's bundle holds some 150 roots, of which
// one is needed.

var (
	pemBegin = []byte("-----BEGIN ")
	pemEnd   = []byte("-----END ")
	pemTail  = []byte("-----")
)

// scanBundle calls each with every certificate's DER, which is valid only
// during the call, until the end or an error. A bundle that is damaged
// anywhere before that, or that holds no certificate, is an error. Text between
// the blocks is allowed, as in many distributions' bundles.
func scanBundle(text []byte, each func(der []byte) error) error {
	var buf []byte
	count := 0
	for rest := text; ; {
		label, body, after, err := nextBlock(rest)
		if err != nil {
			return err
		}
		if label == nil {
			break
		}
		if err := checkLabel(string(label)); err != nil {
			return err
		}
		count++
		if n := base64.StdEncoding.DecodedLen(len(body)); n > cap(buf) {
			buf = make([]byte, n+n/2)
		}
		n, err := base64.StdEncoding.Decode(buf[:cap(buf)], body)
		if err != nil {
			return fmt.Errorf("certificate %d in it is damaged: %w", count, err)
		}
		if err := each(buf[:n]); err != nil {
			return fmt.Errorf("certificate %d in it: %w", count, err)
		}
		rest = after
	}
	if count == 0 {
		return errors.New("there is no PEM certificate in it")
	}
	return nil
}

// nextBlock finds the next PEM block (RFC 7468). A nil label is the end.
func nextBlock(text []byte) (label, body, rest []byte, err error) {
	for {
		at := bytes.Index(text, pemBegin)
		if at < 0 {
			return nil, nil, nil, nil
		}
		lineStart := at == 0 || text[at-1] == '\n' || text[at-1] == '\r' || bytes.HasSuffix(text[:at], []byte("\ufeff"))
		text = text[at+len(pemBegin):]
		if lineStart {
			break
		}
	}
	label, text, _ = cutLine(text)
	label, ok := bytes.CutSuffix(label, pemTail)
	if !ok {
		return nil, nil, nil, errors.New("a PEM header in it is damaged")
	}
	end := bytes.Index(text, pemEnd)
	if end < 0 {
		return nil, nil, nil, fmt.Errorf("its last %s has no end", label)
	}
	body = text[:end]
	endLabel, rest, _ := cutLine(text[end+len(pemEnd):])
	if endLabel, ok = bytes.CutSuffix(endLabel, pemTail); !ok || !bytes.Equal(endLabel, label) {
		return nil, nil, nil, fmt.Errorf("a %s in it has the wrong end", label)
	}
	return label, body, rest, nil
}

// cutLine cuts text at its first line's end; white space at the end of the
// line does not count.
func cutLine(text []byte) (line, rest []byte, found bool) {
	line, rest, found = bytes.Cut(text, []byte("\n"))
	return bytes.TrimRight(line, " \t\r"), rest, found
}

// checkLabel refuses what has no place in a file of trusted certificates. To
// skip over it would hide a mistake: a key in a file that may be readable by
// everyone, or trust of a kind that we do not evaluate.
func checkLabel(label string) error {
	switch {
	case label == "CERTIFICATE" || label == "X509 CERTIFICATE":
		return nil
	case label == "TRUSTED CERTIFICATE":
		return errors.New("it has a certificate in OpenSSL's TRUSTED format, which limits trust in a way that is not evaluated here: convert it with `openssl x509`")
	case bytes.HasSuffix([]byte(label), []byte("PRIVATE KEY")):
		return errors.New("it holds a private key, which has no place in a file of trusted certificates")
	}
	return fmt.Errorf("it has a PEM %q, which has no place in a file of trusted certificates", label)
}
