// Package pq is an engine of our own: TLS 1.3, client and server, written from
// RFC 8446, so that any key encapsulation mechanism and any signature can be
// put into it. Every primitive comes from the standard library or from circl;
// this package is the protocol and nothing else. It has no TLS 1.2 and no
// early data, and it decides nothing about trust.
//
// Start reading at handshake_client.go, which tells a handshake from beginning
// to end, and then at session.go, which carries the bytes. Below them conn.go
// moves records and messages over the stream; beside them key_schedule.go,
// groups.go (one table), signatures.go (one table) and tickets.go each hold
// what their name says. messages*.go read and write handshake messages and
// judge only their form.
//
// An error that ends a connection is a *fatal, which pairs the alert for the
// peer with the error for the caller; (*conn).abort sends the one and returns
// the other, and it is called in exactly one place per role and phase.
package pq
