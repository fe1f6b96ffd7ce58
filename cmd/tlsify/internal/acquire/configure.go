package acquire

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"tlsify/cmd/tlsify/internal/fingerprint"
	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/signing"
	"tlsify/cmd/tlsify/internal/source"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/verify"
)

// trust reads what a peer is judged by.
func (r *Resources) trust() error {
	t := r.Trust
	if t == nil {
		return nil
	}
	purpose := verify.ServerAuth
	if r.Form != option.Connect {
		purpose = verify.ClientAuth
	}
	r.Policy = t.Policy(purpose, r.TLS.Level)
	if p := r.TLS.Profile; p != nil {
		r.Policy.Allows, r.Policy.AllowsBy = p.AllowsCertificate, "--min-security "+p.Name
	}
	if err := keepToSignatures(r.Policy, r.Engine, &r.TLS); err != nil {
		return err
	}
	for _, name := range t.PinFiles {
		pin, err := r.files.Pin(name)
		if err != nil {
			return err
		}
		r.Policy.Pins = append(r.Policy.Pins, pin)
	}
	for _, name := range t.Roots {
		store, err := r.store(name)
		if err != nil {
			return err
		}
		r.Policy.Trust = append(r.Policy.Trust, store)
	}
	if err := r.merkle(); err != nil {
		return err
	}
	for _, name := range t.CRLs {
		lists, err := r.files.CRLs(name)
		if err != nil {
			return err
		}
		r.Policy.CRLs = append(r.Policy.CRLs, lists...)
	}
	return r.proxyTrust()
}

// store reads a source of roots.
func (r *Resources) store(name string) (*verify.Store, error) {
	if name != invocation.RootSystem {
		return r.files.Store(r.Trust.Option, name)
	}
	store, err := verify.SystemStore(r.Trust.SystemFile, r.Trust.SystemDir)
	switch {
	case err != nil && r.Trust.SystemFile+r.Trust.SystemDir != "":
		return nil, status.Usagef("the system's roots, where SSL_CERT_FILE and SSL_CERT_DIR have them: %v", err)
	case err != nil:
		return nil, status.Usagef("the system's roots: %v", err)
	}
	return store, nil
}

// proxyTrust chooses the roots for an https proxy: --trust, or else the
// system's. A pin is the target's, and says nothing of the proxy.
func (r *Resources) proxyTrust() error {
	proxy := r.Target.Proxy
	if proxy == nil || proxy.Scheme != "https" {
		return nil
	}
	if r.ProxyTrust = r.Policy.Trust; r.ProxyTrust != nil {
		return nil
	}
	store, err := r.store(invocation.RootSystem)
	r.ProxyTrust = []*verify.Store{store}
	return err
}

// configure completes the engine's configuration by what is in files.
func (r *Resources) configure() error {
	if r.Client = r.Invocation.Client(); r.Client != nil {
		return r.configureClient()
	}
	r.Server = r.Invocation.Server()
	return r.configureServer()
}

func (r *Resources) configureClient() (err error) {
	c, t := r.Client, &r.TLS
	if err := r.trustAnchors(c); err != nil {
		return err
	}
	if err := r.preShared(&c.Config); err != nil {
		return err
	}
	for i, cert := range t.Certs {
		id, err := r.files.Identity(cert, t.Keys[i])
		if err != nil {
			return err
		}
		c.Identities = append(c.Identities, id)
	}
	if t.SendCANames {
		if c.CAs = acceptable(r.Policy.Trust); len(c.CAs) == 0 {
			return status.Usagef("--send-ca-names: the names of all that --trust has are more than %d bytes, or there are none: give --trust FILE", namesLimit)
		}
	}
	if t.ECH != "" {
		if c.ECHConfigList, err = r.files.ECHConfigs(t.ECH); err != nil {
			return err
		}
	}
	if t.Fingerprint != "" {
		r.Say.Note("the ClientHello is " + t.Fingerprint + ", of " + r.Engine.(invocation.Imitator).Origin(t.Fingerprint))
	}
	if t.FingerprintFile != "" {
		content, err := r.files.Load("fingerprint", t.FingerprintFile)
		if err != nil {
			return err
		}
		if c.Hello, err = fingerprint.Capture(bytes.NewReader(content)); err != nil {
			return status.Usagef("--fingerprint: %s: %v", status.Cut(t.FingerprintFile), err)
		}
	}
	if r.Session != nil {
		r.SessionKey = r.sessionKey()
	}
	return r.checkEngine()
}

// sessionKey hashes everything that a session is bound to: a connection that
// differs in any of it must not resume the session.
func (r *Resources) sessionKey() [32]byte {
	h := sha256.New()
	put := func(values ...string) {
		binary.Write(h, binary.BigEndian, uint32(len(values)))
		for _, v := range values {
			binary.Write(h, binary.BigEndian, uint32(len(v)))
			h.Write([]byte(v))
		}
	}
	c := r.Client
	put(r.Engine.Name(), r.Engine.Library())
	address := r.Target.Address
	if r.Host.IsDNS() {
		address = strings.Replace(address, ".:", ":", 1) // the dot is dialled, and no part of the name
	}
	put(r.Target.Network, address, c.ServerName, c.Fingerprint, string(c.Hello))
	var names []string
	for _, name := range r.Policy.Names {
		names = append(names, name.String())
	}
	put(names...)
	for _, values := range r.Session.Bound {
		put(values...)
	}
	for _, id := range c.Identities {
		put(string(id.Chain[0])) // no session goes with raw keys
	}
	return [32]byte(h.Sum(nil))
}

// preShared reads the keys of --psk: a client's is one.
func (r *Resources) preShared(c *engine.Config) (err error) {
	if r.TLS.PSK == "" {
		return nil
	}
	if c.PSKs, err = r.files.PSKs(r.TLS.PSK); err == nil && r.Client != nil && len(c.PSKs) > 1 {
		err = status.Usagef("--psk: %s has %d keys: a client has one", status.Cut(r.TLS.PSK), len(c.PSKs))
	}
	return err
}

// namesLimit is the most that the names of the acceptable CAs take in a request
// for a client's certificate, or in a ClientHello, in bytes: it is room for some
// hundred.
const namesLimit = 12 << 10

// acceptable are the names of all CAs of the stores, or nil.
func acceptable(stores []*verify.Store) (names [][]byte) {
	room := namesLimit
	for _, store := range stores {
		of := store.Names(room)
		if of == nil {
			return nil
		}
		for _, name := range of {
			names = append(names, name)
			room -= len(name)
		}
	}
	return names
}

func (r *Resources) configureServer() (err error) {
	c := r.Server
	if r.Policy != nil {
		c.ClientCAs = acceptable(r.Policy.Trust)
	}
	if err := r.preShared(&c.Config); err != nil {
		return err
	}
	if r.TLS.TicketKey != "" {
		if c.TicketKeys, err = r.files.TicketKeys(r.TLS.TicketKey); err != nil {
			return err
		}
	}
	if r.TLS.ECHKey != "" {
		c.ECHKeys, err = r.files.ECHKeys(r.TLS.ECHKey)
	}
	return err
}

// signers starts our own signing process, and reaches the other signers. The
// staples are read before. When the certificates are there the engine is asked,
// and only then are commands of the caller's started.
func (r *Resources) signers() error {
	if r.Server == nil {
		return nil
	}
	staples := make([][]byte, len(r.TLS.StapleFiles))
	for i, name := range r.TLS.StapleFiles {
		content, err := r.files.Load("staple-file", name)
		if err != nil {
			return err
		}
		if staples[i], err = source.DER(content, "OCSP RESPONSE"); err != nil {
			return status.Usagef("--staple-file: %s: %v", status.Cut(name), err)
		}
		if !verify.IsOCSPResponse(staples[i]) { // every client would refuse us for it
			return status.Usagef("--staple-file: %s: it is no OCSP response in DER, its base64 or PEM", status.Cut(name))
		}
	}
	keys, err := signing.Open(signing.Request{
		Certs: r.TLS.Certs, Keys: r.TLS.Keys, Raw: r.TLS.Raw, Listen: r.Form == option.Listen, Heard: r.Door != 0,
		TLS12:    r.TLS.Level == engine.LevelStandard,
		OtherKey: r.engines.PublicKey,
		Files:    r.files, Claims: r.Claims, Sandbox: r.Sandbox, User: r.Listen.User, Limit: r.Limits.Handshake,
		Check: func(identities []*engine.Identity) error {
			for i, der := range staples {
				// As one of before a renewal is; clients would refuse us for it, too.
				if !verify.MayStaple(der, identities[i].Leaf) {
					return status.Usagef("--staple-file: %s: it is about another certificate than the one in %s", status.Cut(r.TLS.StapleFiles[i]), status.Cut(r.TLS.Certs[i]))
				}
				identities[i].Staple = der
			}
			r.Server.Identities = identities
			if err := r.canBind(); err != nil {
				return err
			}
			return r.checkEngine()
		},
	})
	r.Keys = keys
	return err
}

// canBind refuses a server's --binding that is undefined for all of its certificates:
// no client could ever be served.
func (r *Resources) canBind() error {
	isDefined := func(id *engine.Identity) bool { return id.Leaf != nil && EndPointHash(id.Leaf) != 0 }
	own := r.Server.Identities
	if r.TLS.Binding != invocation.BindingEndPoint || len(own) == 0 || slices.ContainsFunc(own, isDefined) {
		return nil
	}
	return &engine.UnsupportedError{Engine: r.Engine.Name(), What: "--binding " + r.TLS.Binding + ": it is undefined for this certificate"}
}
