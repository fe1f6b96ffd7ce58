package facts

import (
	"encoding/pem"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"tlsify/cmd/tlsify/internal/status"
)

// WriteJSON writes everything as one JSON object and a line's end.
func (r *Report) WriteJSON(w io.Writer) error { return status.WriteJSON(w, r, "  ") }

// WritePEM writes the chain as it was sent, the leaf first; nothing where none
// came.
func (r *Report) WritePEM(w io.Writer) error {
	for _, c := range r.chain {
		if err := pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
			return err
		}
	}
	return nil
}

// WriteText writes it for a person: a word and what there is to say, a line
// each. What comes from the peer has no control characters any more.
func (r *Report) WriteText(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	line := func(word, text string) {
		if text != "" {
			fmt.Fprintf(out, "%s\t%s\n", word, status.Text(text))
		}
	}
	line("address", r.Address)
	line("for", strings.Join(r.Names, " "))
	switch {
	case r.Verified:
		for _, by := range r.By {
			line("verified", by.Word+" "+by.Text)
		}
	case r.Peer != nil:
		line("verified", "no")
	}
	for _, reason := range r.Reasons {
		line("reason", reason.Word+": "+reason.Text)
	}
	if c := r.Peer; c != nil {
		line("subject", c.Subject)
		line("issuer", c.Issuer)
		line("names", strings.Join(c.Names, " "))
		line("valid", fmt.Sprintf("%s to %s, %s", c.NotBefore, c.NotAfter, days(c.DaysLeft)))
		line("key", c.Key)
		line("signature", c.Signature)
		line("pin", c.Pin)
		line("", c.CertPin)
	}
	r.chains(line)
	if r.Protocol != "" {
		r.negotiated(line)
	}
	return out.Flush()
}

// chains writes what was sent, and the path that was found.
func (r *Report) chains(line func(word, text string)) {
	for i, c := range r.Sent {
		line("sent "+strconv.Itoa(i), fmt.Sprintf("%s (%s, %s, until %s)", c.Subject, c.Key, c.Signature, c.NotAfter))
	}
	for i, c := range r.Path {
		line("path "+strconv.Itoa(i), fmt.Sprintf("%s (until %s)", c.Subject, c.NotAfter))
	}
	if r.DaysLeft != nil {
		line("expires", fmt.Sprintf("%s, %s", r.Expires, days(*r.DaysLeft)))
	}
	if r.Peer != nil {
		line("staple", r.Staple)
		line("timestamps", strconv.Itoa(r.Timestamps))
	}
}

// negotiated writes what the handshake has agreed on.
func (r *Report) negotiated(line func(word, text string)) {
	line("protocol", r.Protocol)
	line("cipher", r.Cipher)
	line("group", r.Group)
	line("proof by", r.Signature)
	line("alpn", r.ALPN)
	if r.ECH {
		line("ech", "accepted")
	}
	if r.ClientCertificate {
		line("asks for", "a client certificate")
	}
	switch {
	case r.Resumed:
		line("resumption", "this session was resumed")
	case r.SessionOffered:
		line("resumption", "the server offers it")
	case r.Verified:
		line("resumption", "not offered")
	}
	line("post-quantum", "key exchange "+yesNo(r.PostQuantum.KeyExchange)+", certificates "+yesNo(r.PostQuantum.Certificates))
}

func days(left int) string {
	switch {
	case left < 0:
		return "past"
	case left == 1:
		return "1 day left"
	}
	return strconv.Itoa(left) + " days left"
}
