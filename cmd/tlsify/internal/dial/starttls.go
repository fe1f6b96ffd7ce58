package dial

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
)

// STARTTLS asks a server, in the clear, to go on with TLS: the part of SMTP, IMAP,
// PostgreSQL and others that comes before the handshake. There is a row of
// protocols, each as far as that point and no further. Nothing that a server says
// here can be believed: anyone on the way may have said it. So nothing of it is
// kept but the yes, and what comes behind the yes is refused (CVE-2011-0411 and the
// NO STARTTLS findings of 2021 are of programs that went on with it).

// dialogue is how one protocol comes to TLS.
type dialogue struct {
	protocol string
	// ask does it, from the first byte on the connection to the server's yes.
	// Name is the server's domain with XMPP, and ours with SMTP and LMTP.
	ask func(c *conversation, name string) error
	// unasked: the server may speak at any time, so that what has come when we
	// ask something need not be a forged answer.
	unasked bool
}

var dialogues = []dialogue{
	{protocol: "smtp", ask: smtp},
	{protocol: "lmtp", ask: lmtp},
	{protocol: "imap", ask: imap, unasked: true},
	{protocol: "pop3", ask: pop3},
	{protocol: "ftp", ask: ftp},
	{protocol: "xmpp", ask: xmppClient},
	{protocol: "xmpp-server", ask: xmppServer},
	{protocol: "irc", ask: irc, unasked: true},
	{protocol: "ldap", ask: ldap},
	{protocol: "nntp", ask: nntp},
	{protocol: "sieve", ask: sieve},
	{protocol: "postgres", ask: postgres},
	{protocol: "mysql", ask: mysql},
}

// StarttlsProtocols lists the protocols that Starttls knows.
func StarttlsProtocols() []string {
	var list []string
	for _, d := range dialogues {
		list = append(list, d.protocol)
	}
	return list
}

// Starttls speaks one of StarttlsProtocols to the server at the other end of stream,
// of which nothing has been read, until the server waits for a ClientHello.
// Name is what the server is to take itself for, or us, where the protocol asks:
// see [StarttlsTakesName].
//
// An error is always an *StarttlsError; where ctx has ended it wraps context.Cause.
func Starttls(ctx context.Context, stream ClearStream, protocol, name string) error {
	at := slices.IndexFunc(dialogues, func(d dialogue) bool { return d.protocol == protocol })
	if at < 0 {
		return &StarttlsError{protocol, errors.New("there is no such protocol")}
	}
	c := &conversation{ctx: ctx, stream: stream, left: totalLimit, unasked: dialogues[at].unasked}
	release := endWith(ctx, stream)
	err := dialogues[at].ask(c, name)
	release()
	if err == nil && ctx.Err() == nil {
		err = c.nothingBehind()
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return &StarttlsError{protocol, c.explained(err)}
	}
	return nil
}

// StarttlsTakesName tells whether a protocol asks for a name: SMTP and LMTP for ours, XMPP
// for the server's domain.
func StarttlsTakesName(protocol string) bool {
	return slices.Contains([]string{"smtp", "lmtp", "xmpp", "xmpp-server"}, protocol)
}

// IsStarttlsName tells whether a name can be given: a host's, or an address in brackets
// (RFC 5321, section 4.1.3).
func IsStarttlsName(name string) bool {
	inner, open := strings.CutPrefix(name, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if open != closed || inner == "" || len(name) > nameLimit {
		return false
	}
	return !strings.ContainsFunc(inner, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune("[]<>\"'&\\,;()@", r)
	})
}

// nameLimit is the length of the longest name (RFC 5321, section 4.5.3.1.2).
const nameLimit = 255

// AddressLiteral is an address as a name.
func AddressLiteral(address netip.Addr) string {
	switch address = address.Unmap().WithZone(""); {
	case address.Is4():
		return "[" + address.String() + "]"
	case address.Is6():
		return "[IPv6:" + address.String() + "]"
	}
	return "[127.0.0.1]" // there is none: this is a host without a name
}
