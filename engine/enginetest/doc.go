// Package enginetest holds the one conformance suite that every engine must
// pass, and the test PKI of the whole project. Only tests import it.
//
// An engine's test calls [Run] with the engine and its known gaps. Each test
// puts the engine on one end of a real loopback TCP connection, as the client
// and, where it is an engine.ServerEngine, as the server, and on the other end
// crypto/tls (rig.go) or a peer that misbehaves on purpose: one that sends its
// own records under the keys of a proper handshake (forge.go), or raw bytes in
// place of one (badpeer.go). What the tests ask for is what the doc comments of
// package engine promise, and nothing beyond.
//
// Other packages take their certificates from [PKI]; its chains are listed by
// [Cases], each with the contract's CODE.
//
// The package must know nothing of any one engine, nor of package verify: a
// test's Verify here only notes what it is shown and gives a fixed answer.
// Start reading at suite.go.
package enginetest
