package dial

import (
	"bytes"
	"encoding/xml"
	"errors"
	"strings"
)

// The namespaces of RFC 6120.
const (
	xmppStream = "http://etherx.jabber.org/streams"
	xmppTLS    = "urn:ietf:params:xml:ns:xmpp-tls"
)

var (
	errNotXMPP    = errors.New("what the server says is not XMPP")
	errNotOffered = errors.New("the server does not offer STARTTLS")
)

// xmppClient is RFC 6120, section 5, for a client's stream.
func xmppClient(c *conversation, name string) error { return xmpp(c, "jabber:client", name) }

// xmppServer is the same for the stream of a server to another one.
func xmppServer(c *conversation, name string) error { return xmpp(c, "jabber:server", name) }

func xmpp(c *conversation, namespace, name string) error {
	var to strings.Builder
	xml.EscapeText(&to, []byte(name))
	if err := c.send("<?xml version='1.0'?><stream:stream xmlns='" + namespace + "' xmlns:stream='" + xmppStream +
		"' to='" + to.String() + "' version='1.0'>"); err != nil {
		return err
	}
	// The decoder reads by ReadByte, and so not a byte further than it must.
	d := &elements{c, xml.NewDecoder(c)}
	header, err := d.start()
	if err != nil {
		return err
	}
	if header != (xml.Name{Space: xmppStream, Local: "stream"}) {
		return errNotXMPP
	}
	features, err := d.start()
	if err != nil {
		return err
	}
	if features != (xml.Name{Space: xmppStream, Local: "features"}) {
		return d.refusal("the stream", features)
	}
	offered, err := d.has(xml.Name{Space: xmppTLS, Local: "starttls"})
	if err != nil {
		return err
	}
	if !offered {
		return errNotOffered
	}
	// White space may come at any time (RFC 6120, section 4.6.1).
	c.ahead = bytes.TrimLeft(c.ahead, " \t\r\n")
	if err := c.send("<starttls xmlns='" + xmppTLS + "'/>"); err != nil {
		return err
	}
	answer, err := d.start()
	if err != nil {
		return err
	}
	if answer != (xml.Name{Space: xmppTLS, Local: "proceed"}) {
		return d.refusal("STARTTLS", answer)
	}
	return d.skip()
}

// elements reads a stream of elements, and what else XML has is refused (RFC
// 6120, section 11.1).
type elements struct {
	c *conversation
	d *xml.Decoder
}

// next is the next token that is no white space and no XML declaration.
func (e *elements) next() (xml.Token, error) {
	for {
		token, err := e.d.Token()
		switch {
		case e.c.failed != nil:
			return nil, e.c.failed
		case err != nil:
			return nil, errNotXMPP
		}
		switch t := token.(type) {
		case xml.StartElement, xml.EndElement:
			return t, nil
		case xml.ProcInst:
			if t.Target != "xml" {
				return nil, errNotXMPP
			}
		case xml.CharData:
		default: // a comment, or a document type
			return nil, errNotXMPP
		}
	}
}

// start is the name of the element that begins next.
func (e *elements) start() (xml.Name, error) {
	token, err := e.next()
	if err != nil {
		return xml.Name{}, err
	}
	if start, ok := token.(xml.StartElement); ok {
		return start.Name, nil
	}
	return xml.Name{}, errors.New("the server ends the stream")
}

// has reads the element that has begun to its end, and tells whether it has a
// child of that name.
func (e *elements) has(name xml.Name) (found bool, err error) {
	for depth := 1; depth > 0; {
		token, err := e.next()
		if err != nil {
			return false, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			found = found || depth == 1 && t.Name == name
			depth++
		case xml.EndElement:
			depth--
		}
	}
	return found, nil
}

// skip reads the element that has begun to its end.
func (e *elements) skip() error {
	_, err := e.has(xml.Name{})
	return err
}

// refusal is the error for an element that is no yes: by its name, and that of
// the first in it, which is the reason.
func (e *elements) refusal(question string, name xml.Name) error {
	what := name.Local
	if token, err := e.next(); err == nil {
		if reason, ok := token.(xml.StartElement); ok {
			what += ": " + reason.Name.Local
		}
	}
	return refused(question, what)
}
