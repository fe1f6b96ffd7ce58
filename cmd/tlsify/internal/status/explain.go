package status

import "slices"

// Code is one CODE, explained.
type Code struct {
	Name  string
	Means string // one or two sentences
	Do    string // what to do, or to look at
}

// Explain gives the CODE of this name.
func Explain(name string) (Code, bool) {
	at := slices.IndexFunc(Codes, func(c Code) bool { return c.Name == name })
	if at < 0 {
		return Code{}, false
	}
	return Codes[at], true
}

// Codes are all of them, in the order of the table of statuses.
var Codes = []Code{
	{"usage", "The command cannot be carried out as it stands: an option is unknown, missing, given twice or at odds with another, or a file cannot be read.",
		"The line says which. `tlsify help` lists the topics."},
	{"engine-unsupported", "The TLS engine of this invocation, or the kernel, cannot do what an option asks for. Nothing was sent.",
		"The line names an engine of this build that can, if there is one: --engine NAME. `tlsify engines -v` lists them."},
	{"handoff-unavailable", "The descriptor that --handoff asks for cannot be had here.",
		"Use --handoff auto, or load the kernel's TLS: modprobe tls."},
	{"sandbox-unavailable", "--sandbox require was given, and the kernel lacks a measure.",
		"The line says which measure. --sandbox auto goes on with those that there are."},
	{"internal", "A fault of tlsify's own.", "Please report it, with the line and the command."},

	{"resolve", "HOST has no address, or the name servers do not answer.",
		"Look at the spelling of HOST, at /etc/hosts and at /etc/resolv.conf. Nothing else of /etc/nsswitch.conf is asked: for such a name give its address, and --name."},
	{"connect", "No connection to the address could be made: it was refused, or there is no way to it.",
		"Is the server running, and is this its port? Behind a proxy: --proxy."},
	{"proxy", "The proxy refused, or what it answered is no answer of a proxy.",
		"The line has its words. A password for it goes by --options-fd."},
	{"starttls", "The server did not go on to TLS: it refused, said something else, or sent bytes behind its answer.",
		"The line has its words. Is PROTO of --starttls what this port speaks? A port that is TLS from the start takes no --starttls."},
	{"connect-timeout", "No connection within --connect-timeout.", "The line says what did not answer: the look-up, which is the DNS servers of /etc/resolv.conf, or the addresses, or the proxy. A machine may be down, or a firewall drop packets. -4 or -6 tries one family only."},
	{"handshake-timeout", "No complete handshake within --handshake-timeout.",
		"Something answers on this port, but not with TLS in time. Does it speak another protocol first? See --starttls. With that the port may speak TLS from the start, and wait for us."},
	{"timeout", "Not done within --timeout, which is for all of it: before ready with status 3, after it with 7.", "Make it longer. --connect-timeout, --handshake-timeout and --idle-timeout tell where the time goes."},
	{"network-io", "The network failed, or the peer closed the connection without a word: before ready with status 3, after it with 7.",
		"Try again. A server that closes at once may not speak TLS on this port, or may be too busy."},

	{"tls-alert", "The peer ended the connection with a TLS alert; the line has its name. It is the peer that was not content.",
		"handshake_failure: nothing in common, or it wants a certificate (--cert). unrecognized_name: another --sni. no_application_protocol: another --alpn. bad_certificate, unknown_ca: it does not accept ours; --cert needs the issuers behind it, too (of certbot fullchain.pem, not cert.pem). decrypt_error, with --psk: it has another key, or none of this identity."},
	{"tls-protocol", "What came from the peer breaks the TLS protocol, or is none: before ready with status 4, after it with 7.",
		"Is it a TLS port? A server that speaks in clear first needs --starttls. A client that has no protocol of a server's --alpn is refused with this, too."},
	{"tls-version", "The peer speaks no version of TLS that we accept.",
		"TLS 1.2 is the least here, and --min-security or the engine pq ask for TLS 1.3. Let the peer be updated."},
	{"no-common-group", "The two sides have no key exchange group in common.", "See --groups, and `tlsify engines -v`."},
	{"security-level", "What was negotiated or offered, or the certificate's keys, are less than is accepted here or --min-security asks for; or there is no cipher suite or kind of signature in common.",
		"Lower --min-security, or have the peer offer more: suites with forward secrecy and authenticated encryption at least."},
	{"renegotiation", "The peer wants to renegotiate, which is refused: a new handshake may have another peer.", "Have the peer ask for a client certificate in the first handshake."},
	{"client-cert", "The server refuses our certificate, or that there is none; or, of a server with --client-auth require: the client has sent none.",
		"Give one with --cert and --key. Under TLS 1.2 it is sent only with --client-cert-in-clear. A client of GnuTLS 3.7 with an RSA key shows none to the engine std: serve with pq, or give it an ECDSA key."},
	{"ech-rejected", "The server did not take the encrypted ClientHello. What was hidden has not been told.",
		"The line ech-retry on the control channel has the ECHConfigList to try instead, for --ech."},
	{"signer", "No signature with the server's key could be made: the signing process or --key signer:... failed or refused.",
		"Look at the signer; its own messages are on descriptor 2."},

	{"cert-untrusted", "No trusted root vouches for the certificate. Often the server does not send an intermediate.",
		"The line names the issuer that is missing: add its root with --trust FILE, or have the server send its chain. If it is the right peer, pin it: --trust none --pin PIN."},
	{"cert-self-signed", "The certificate is signed by its own key, so no one vouches for it.",
		"If it is the right peer, pin it with --trust none --pin PIN (the line has the PIN), or give it with --trust FILE."},
	{"cert-expired", "The certificate, or one that vouches for it, is no longer valid.", "Have the peer renew it; of a root of your own, give the new one with --trust FILE. Is this machine's clock right?"},
	{"cert-not-yet-valid", "The certificate, or one that vouches for it, is not valid yet.", "Is this machine's clock right?"},
	{"cert-name", "The certificate is for other names than the one that was dialled.",
		"The line has its names. Dial one of them, or accept one with --name NAME, if you know that this server may have it."},
	{"cert-purpose", "The certificate is not for this use: not for a server, or not for a client.", "Have the peer get one for it (extended key usage serverAuth or clientAuth)."},
	{"cert-weak", "A key or signature is too weak: RSA below 2048 bits, SHA-1 or MD5.", "Have the peer get another certificate."},
	{"cert-constraint", "The path to the root breaks a rule: a certificate that may not sign, a name that its CA may not vouch for, too long a path, a critical extension that is unknown.",
		"The line says which. The CA or the server's configuration is at fault."},
	{"cert-revoked", "The certificate is on a revocation list, or its OCSP response says that it is revoked.", "Do not go on. The peer needs another certificate."},
	{"cert-malformed", "A certificate cannot be read, or holds what no certificate may.", "The server's configuration is at fault."},
	{"psk", "The peer has not proved to know the pre-shared key of --psk.", "Compare identity, key, hash and context at both ends; a server that is not set up for the key goes on with a certificate, and is refused."},
	{"pin-mismatch", "The peer's key is none of those of --pin or --tlsa.", "The key was changed, or it is another peer. Compare the pin in the line before you take it over."},
	{"staple", "The stapled OCSP response is missing where one has to be, or does not vouch for the certificate.", "The server's configuration is at fault; --staple off ignores it, but for a certificate that says must-staple."},

	{"truncated", "The connection ended without TLS's own end, close_notify: part of the data may be missing. All that came was delivered.",
		"Where the data tells its own length, --tolerate-truncation makes it status 0. A server that leaves when our own half ends wants --eof hold."},
	{"idle-timeout", "Nothing has moved for --idle-timeout.", "Make it longer, or see why the peer is silent."},
	{"local-io", "The caller's side failed: descriptor 0 or 1, or PROG's, with data still to be delivered.", "Look at the program that reads and writes."},
}
