// Package utls is the engine that stands on refraction-networking/utls, a fork
// of crypto/tls whose ClientHello can be made to look like another program's.
// It is a client only.
//
// Start at [Engine.Client] (utls.go). A fingerprint is a name
// (fingerprints.go) or a captured ClientHello (captured.go); both become a
// specification, which adapt (profile.go) makes ours: our server name and
// protocols, fresh keys (keyshares.go), and none of what the engine cannot keep.
// What the server makes of it is judged by our own rules (level.go), because a
// browser's ClientHello offers more than this project accepts. Errors are told
// apart in classify.go alone.
//
// # What is offered, and what is accepted
//
// Without a fingerprint the ClientHello is the one that crypto/tls sends, from
// the versions, suites, groups and protocols of the configuration: nothing is
// offered that would not be accepted, and every option has its meaning.
//
// That is also the only one that can be encrypted (RFC 9849).
//
// With one, the ClientHello is what the fingerprint says, weak suites included:
// leaving them out would be another fingerprint. A server that then chooses
// one is refused. Two things of a fingerprint are options: the server name,
// which is sent where there is one to send, and the application protocols, which
// Config.ALPN replaces. Without Config.ALPN the fingerprint's own are offered,
// but a server that chooses one of them is refused: nothing tells that the
// application speaks it, and "h2" spoken to in HTTP/1.1 is a stream of garbage.
// A caller that does speak h2 says so, with the very list that the fingerprint
// has, and the ClientHello is the same to the byte.
package utls
