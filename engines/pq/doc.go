// Package pq is an engine of our own: TLS 1.3, client and server, written from
// RFC 8446, so that any key encapsulation mechanism and any signature can be
// put into it. Every primitive comes from the standard library or from circl;
// this package is the protocol and nothing else. It has no TLS 1.2 and no
// early data, and it decides nothing about trust.
//
// Start reading at handshake_client.go, which tells a handshake from beginning
// to end. What carries the bytes after it is package record's (session.go). Below
// conn.go moves records and messages over the stream; beside it key_schedule.go,
// groups.go (one table), signatures.go (one table) and tickets.go each hold
// what their name says. messages*.go read and write handshake messages and
// judge only their form.
//
// An error that ends a handshake is a *record.Fatal, which pairs the alert for the
// peer with the error for the caller; (*conn).abort sends the one and returns
// the other, and it is called in one place, (*conn).within.
package pq
