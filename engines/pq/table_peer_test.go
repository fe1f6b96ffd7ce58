package pq

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"tlsify/engine"
)

// The ends of the handshakes of TestHandshakeTable. This test binary is one
// where TLSIFY_TABLE_PEER says which implementation, and Node.js is another.
// Each takes the arguments
//
//	client|server PORT CERT KEY GROUP N
//
// makes a few handshakes more than N, one after the other, and prints the CPU
// time of each of the last N in microseconds. Nobody judges a certificate,
// unless tableVerify is told by what, but OpenSSL checks the chain's signatures
// all the same.

// tableWarmUp is how many handshakes are not measured.
const tableWarmUp = 20

func init() {
	if maker := os.Getenv("TLSIFY_TABLE_PEER"); maker != "" {
		if err := tablePeer(maker, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

func tablePeer(maker string, args []string) error {
	role, port, group := args[0], args[1], args[4]
	count, err := strconv.Atoi(args[5])
	if err != nil {
		return err
	}
	shake, err := tableShake(maker, role, args[2], args[3], group)
	if err != nil {
		return err
	}
	connect := func() (net.Conn, error) { return net.Dial("tcp", "127.0.0.1:"+port) }
	if role == "server" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		fmt.Println("PORT", l.Addr().(*net.TCPAddr).Port)
		connect = l.Accept
	}
	var before time.Duration
	for i := range tableWarmUp + count {
		if i == tableWarmUp {
			before = cpuTime()
		}
		conn, err := connect()
		if err != nil {
			return err
		}
		if err := shake(conn); err != nil {
			return err
		}
		if role == "server" {
			conn.Read(make([]byte, 1)) // until the client has hung up
		}
		conn.Close()
	}
	fmt.Println("CPU", (cpuTime()-before).Microseconds()/int64(count))
	return nil
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// tableShake gives what makes one handshake.
func tableShake(maker, role, certFile, keyFile, group string) (func(net.Conn) error, error) {
	if maker == "std" {
		return stdTableShake(role, certFile, keyFile, group)
	}
	id, err := readIdentity(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	judge, err := tableVerify()
	if err != nil {
		return nil, err
	}
	config := engine.Config{Verify: judge}
	if group != "" {
		config.Groups = []string{group}
	}
	e, ctx := New(), context.Background()
	if role == "server" {
		c := &engine.ServerConfig{Config: config, Identities: []*engine.Identity{id}}
		return func(conn net.Conn) error { _, err := e.Server(ctx, conn, c); return err }, nil
	}
	c := &engine.ClientConfig{Config: config, ServerName: testName}
	return func(conn net.Conn) error { _, err := e.Client(ctx, conn, c); return err }, nil
}

func stdTableShake(role, certFile, keyFile, group string) (func(net.Conn) error, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, ServerName: testName, SessionTicketsDisabled: true}
	for _, g := range stdGroups {
		if g.name == group {
			c.CurvePreferences = []tls.CurveID{g.id}
		}
	}
	if role == "client" {
		return func(conn net.Conn) error { return tls.Client(conn, c).Handshake() }, nil
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	c.Certificates = []tls.Certificate{pair}
	return func(conn net.Conn) error { return tls.Server(conn, c).Handshake() }, err
}

func readIdentity(certFile, keyFile string) (*engine.Identity, error) {
	rest, err := os.ReadFile(certFile)
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	id := &engine.Identity{}
	for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		id.Chain = append(id.Chain, block.Bytes)
	}
	if id.Leaf, err = x509.ParseCertificate(id.Chain[0]); err != nil {
		return nil, err
	}
	block, _ := pem.Decode(keyPEM)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err == nil {
		id.Key = key.(crypto.Signer)
	}
	return id, err
}

const nodeTablePeer = `
const tls = require('tls'), fs = require('fs')
const [role, port, cert, key, groups, n] = process.argv.slice(1)
const warmUp = 20, all = warmUp + Number(n)
let done = 0, before
const count = () => { if (++done === warmUp) before = process.cpuUsage() }
const report = () => {
	const used = process.cpuUsage(before)
	console.log('CPU ' + Math.floor((used.user + used.system) / n))
}
if (role === 'server') {
	tls.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key), ecdhCurve: groups, minVersion: 'TLSv1.3' }, s => {
		s.on('error', () => {})
		s.on('close', () => { count(); if (done === all) { report(); process.exit() } })
		s.resume()
	}).listen(0, '127.0.0.1', function () { console.log('PORT ' + this.address().port) })
} else {
	const next = () => {
		if (done === all) { report(); process.exit() }
		const s = tls.connect({ host: '127.0.0.1', port, servername: 'server.test', ecdhCurve: groups, rejectUnauthorized: false,
			minVersion: 'TLSv1.3' }, () => s.end())
		s.on('error', e => { console.error(e); process.exit(1) })
		s.on('close', () => { count(); next() })
		s.resume()
	}
	next()
}
`
