package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"tlsify/engine/enginetest"
)

// client is a TLS client in the test's own process, for `tlsify accept` and
// `tlsify listen`.
type client struct {
	*tls.Conn
	noter *finNoter
}

// clientConfig is one that trusts the test's root and expects its server.
func clientConfig(t testing.TB) *tls.Config {
	return &tls.Config{
		ServerName: enginetest.Host,
		RootCAs:    enginetest.PKI(t).Root.Pool(),
		MinVersion: tls.VersionTLS12,
	}
}

// newClient makes the handshake over conn.
func newClient(conn net.Conn, config *tls.Config) (*client, error) {
	conn.SetDeadline(time.Now().Add(patience))
	noter := &finNoter{Conn: conn}
	c := &client{tls.Client(noter, config), noter}
	return c, c.Handshake()
}

// dialRaw connects to a listener, without TLS.
func dialRaw(address string) (*net.TCPConn, error) {
	conn, err := net.Dial("tcp4", address)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	return conn.(*net.TCPConn), nil
}

// dialClient makes the handshake with a listener.
func dialClient(address string, config *tls.Config) (*client, error) {
	conn, err := dialRaw(address)
	if err != nil {
		return nil, err
	}
	c, err := newClient(conn, config)
	if err != nil {
		conn.Close()
	}
	return c, err
}

// talk sends text, says close_notify, and returns everything that comes and
// how that ended.
func (c *client) talk(text string) (answer, how string) {
	io.WriteString(c, text)
	c.CloseWrite()
	return c.hear()
}

// hear returns everything that comes and how that ended.
func (c *client) hear() (answer, how string) {
	all, err := io.ReadAll(c)
	if err == nil {
		err = io.EOF
	}
	return string(all), ending(err, c.noter)
}

// versions are the names that scripts have for TLS versions.
var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// groupsByName are the names that scripts have for groups.
var groupsByName = map[string]tls.CurveID{
	"x25519": tls.X25519, "p256": tls.CurveP256, "p521": tls.CurveP521, "x25519mlkem768": tls.X25519MLKEM768,
}

// applySetting changes a config by a script's KEY=VALUE.
func applySetting(t testing.TB, config *tls.Config, setting string) error {
	key, value, _ := strings.Cut(setting, "=")
	switch key {
	case "tls":
		config.MinVersion, config.MaxVersion = versions[value], versions[value]
	case "chain":
		showCertificate(config, enginetest.Chain(t, value))
	case "broken-chain": // a leaf that is no certificate
		c := *enginetest.Chain(t, value)
		c.Chain = [][]byte{[]byte("no certificate")}
		showCertificate(config, &c)
	case "tickets":
		config.SessionTicketsDisabled = false
	case "refuses-tickets": // as OpenSSL's servers do, with clients' certificates and no session id context
		config.VerifyConnection = func(state tls.ConnectionState) error {
			if state.DidResume {
				return errors.New("no session is resumed")
			}
			return nil
		}
	case "hangs-up-on-tickets":
		own := config.Clone()
		config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			c := own.Clone()
			c.SessionTicketsDisabled = false
			c.UnwrapSession = func(ticket []byte, _ tls.ConnectionState) (*tls.SessionState, error) {
				if len(ticket) > 0 {
					hello.Conn.Close()
				}
				return nil, nil
			}
			return c, nil
		}
	case "alpn":
		config.NextProtos = strings.Split(value, ",")
	case "groups":
		for name := range strings.SplitSeq(value, ",") {
			config.CurvePreferences = append(config.CurvePreferences, groupsByName[name])
		}
	case "suite":
		config.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
	case "client-auth":
		config.ClientAuth = map[string]tls.ClientAuthType{
			"request": tls.RequestClientCert, "require": tls.RequireAnyClientCert, "verify": tls.RequireAndVerifyClientCert,
		}[value]
		config.ClientCAs = enginetest.PKI(t).Root.Pool()
	default:
		return fmt.Errorf("no setting is called %q", key)
	}
	return nil
}

// showCertificate has a server show it, and a client whatever CAs its server has
// named.
func showCertificate(config *tls.Config, c *enginetest.Credential) {
	certificate := enginetest.TLSCertificate(c)
	config.Certificates = []tls.Certificate{certificate}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil }
}
