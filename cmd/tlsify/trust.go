package main

import (
	"slices"
	"strings"

	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/signing"
	"tlsify/cmd/tlsify/internal/source"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/verify"
)

// configure reads what the handshake needs, and asks the engine whether it can
// do that.
func (p *parser) configure() error {
	common, err := p.common()
	if err != nil {
		return err
	}
	identities, err := p.identities()
	if err != nil {
		return err
	}
	if p.words.Form == option.Connect {
		return p.configureClient(common, identities)
	}
	return p.configureServer(common, identities)
}

// levels are the words for --min-security.
var levels = map[string]engine.Level{
	"standard": engine.LevelStandard,
	"tls13":    engine.LevelTLS13,
	"pq":       engine.LevelPQ,
	"pq-auth":  engine.LevelPQAuth,
}

func (p *parser) common() (c engine.Config, err error) {
	if value, ok := p.words.Value("min-security"); ok {
		if c.Level, ok = levels[value]; !ok {
			return c, status.Usagef("--min-security: %q is none of standard, tls13, pq, pq-auth", status.Cut(value))
		}
	}
	if value, ok := p.words.Value("groups"); ok {
		if c.Groups, err = splitList("groups", value); err != nil {
			return c, err
		}
	}
	if value, ok := p.words.Value("alpn"); ok {
		if c.ALPN, err = splitList("alpn", value); err != nil {
			return c, err
		}
	}
	if value, ok := p.words.Value("binding"); ok {
		if value != bindingExporter && value != bindingEndPoint {
			return c, status.Usagef("--binding: %q is neither %s nor %s", status.Cut(value), bindingExporter, bindingEndPoint)
		}
		p.inv.binding = value
	}
	if value, ok := p.words.Value("keylog"); ok && p.words.Form != option.Listen {
		c.KeyLog, err = p.files.Output("keylog", value)
	}
	// The engine refuses to run without a Verify; the real one needs the
	// connection that it judges for.
	c.Verify = func(*engine.Peer) error { return status.Usagef("nothing judges the peer") }
	return c, err
}

// splitList reads a comma-separated list of words of at most 255 bytes (which
// is ALPN's limit), at most 16 kB in all.
func splitList(what, value string) ([]string, error) {
	list := strings.Split(value, ",")
	if len(value) > 16<<10 {
		return nil, status.Usagef("--%s: a list of more than 16384 bytes", what)
	}
	for _, word := range list {
		if word == "" || len(word) > 255 {
			return nil, status.Usagef("--%s: every word of the list has 1 to 255 bytes", what)
		}
	}
	return list, nil
}

func (p *parser) identities() ([]*engine.Identity, error) {
	if !p.words.Has("key") && p.words.Has("cert") {
		p.words.Values["key"] = slices.Clone(p.words.Values["cert"]) // both in one file
	}
	certs, keys := p.words.Values["cert"], p.words.Values["key"]
	if len(certs) != len(keys) {
		return nil, status.Usagef("--cert and --key go together: there are %d and %d", len(certs), len(keys))
	}
	if p.words.Form != option.Connect {
		opened, err := signing.Open(signing.Request{
			Certs: certs, Keys: keys, Listen: p.words.Form == option.Listen,
			TLS12: !p.words.Has("min-security") || p.words.Values["min-security"][0] == "standard",
			Files: p.files, Claims: p.fds, Sandbox: p.inv.sandbox, User: p.inv.user, Limit: p.inv.handshakeLimit,
		})
		if err != nil {
			return nil, err
		}
		p.inv.keys = opened
		return opened.Identities, p.staples(opened.Identities)
	}
	var list []*engine.Identity
	for i := range certs {
		if _, ok := signing.IsSigner(keys[i]); ok {
			return nil, status.Usagef("--key: a signer is for servers")
		}
		id, err := p.files.Identity(certs[i], keys[i])
		if err != nil {
			return nil, err
		}
		list = append(list, id)
	}
	return list, nil
}

// staples reads the OCSP responses for our certificates.
func (p *parser) staples(list []*engine.Identity) error {
	names := p.words.Values["staple-file"]
	if len(names) > 0 && len(names) != len(list) {
		return status.Usagef("--staple-file: there are %d of them and %d of --cert", len(names), len(list))
	}
	for i, name := range names {
		content, err := p.files.Load("staple-file", name)
		if err != nil {
			return err
		}
		if list[i].Staple, err = source.DER(content, "OCSP RESPONSE"); err != nil {
			return status.Usagef("--staple-file: %s: %v", status.Cut(name), err)
		}
	}
	return nil
}

func (p *parser) configureClient(common engine.Config, identities []*engine.Identity) error {
	c := &engine.ClientConfig{Config: common, IdentityInClear: p.words.Has("client-cert-in-clear")}
	switch {
	case len(identities) > 1:
		return status.Usagef("a client has one --cert")
	case len(identities) == 1:
		c.Identity = identities[0]
	case c.IdentityInClear:
		return status.Usagef("--client-cert-in-clear without --cert")
	}
	p.inv.policy = &verify.Policy{Purpose: verify.ServerAuth}
	if err := p.names(c); err != nil {
		return err
	}
	if err := p.trust("trust", []string{"system"}); err != nil {
		return err
	}
	if err := p.chains(common.Level); err != nil {
		return err
	}
	if err := p.trustAnchors(c); err != nil {
		return err
	}
	if err := p.proxyTrust(); err != nil {
		return err
	}
	if len(p.inv.policy.Trust) > 0 && len(p.inv.policy.Names) == 0 {
		return status.Usagef("--name is needed: there is no HOST whose certificate to expect")
	}
	if name, ok := p.words.Value("ech"); ok {
		list, err := p.files.ECHConfigs(name)
		if err != nil {
			return err
		}
		if c.ServerName == "" {
			return status.Usagef("--ech needs a server name to hide")
		}
		c.ECHConfigList = list
	}
	if err := p.fingerprint(c); err != nil {
		return err
	}
	p.inv.client = c
	if path, ok := p.words.Value("session"); ok {
		p.inv.session = &keptSession{path: path, key: p.sessionKey(), note: p.inv.note}
	}
	return p.elsewhere(p.inv.engine.CheckClient(c), func(e engine.Engine) bool { return e.CheckClient(c) == nil })
}

// proxyTrust chooses the roots for an https proxy: --trust, or else the
// system's. A pin is the target's, and says nothing of the proxy.
func (p *parser) proxyTrust() error {
	proxy := p.inv.target.Proxy
	if proxy == nil || proxy.Scheme != "https" {
		return nil
	}
	if p.inv.proxyTrust = p.inv.policy.Trust; p.inv.proxyTrust != nil {
		return nil
	}
	store, err := p.systemStore()
	p.inv.proxyTrust = []*verify.Store{store}
	return err
}

func (p *parser) systemStore() (*verify.Store, error) {
	store, err := verify.SystemStore(p.env["SSL_CERT_FILE"], p.env["SSL_CERT_DIR"])
	if err != nil {
		return nil, status.Usagef("the system's roots: %v", err)
	}
	return store, nil
}

// names reads --name and --sni.
func (p *parser) names(c *engine.ClientConfig) error {
	for _, value := range p.words.Values["name"] {
		name, err := verify.ParseName(value)
		if err != nil {
			return status.Usagef("--name: %v", err)
		}
		p.inv.policy.Names = append(p.inv.policy.Names, name)
		if c.ServerName == "" && name.IsDNS() {
			c.ServerName = name.String()
		}
	}
	if value, ok := p.words.Value("sni"); ok {
		c.ServerName = ""
		if value != "none" {
			name, err := verify.ParseName(value)
			if err != nil || !name.IsDNS() {
				return status.Usagef("--sni: %q is not a DNS name", status.Cut(value))
			}
			c.ServerName = name.String()
		}
	} else if host := p.inv.host; host.IsDNS() {
		c.ServerName = host.String()
	}
	return nil
}

// trust reads an option that names roots, and the pins.
func (p *parser) trust(option string, byItself []string) error {
	policy := p.inv.policy
	for _, value := range p.words.Values["pin"] {
		pin, err := p.files.Pin(value)
		if err != nil {
			return err
		}
		policy.Pins = append(policy.Pins, pin)
	}
	for _, value := range p.words.Values["tlsa"] {
		record, err := verify.ParseTLSA(value)
		if err != nil {
			return status.Usagef("--tlsa: %v", err)
		}
		policy.TLSA = append(policy.TLSA, record)
	}
	// Trust that was asked for is meant, whatever a record says.
	policy.TrustToo = p.words.Has(option)
	values := p.words.Values[option]
	if len(values) == 0 {
		values = byItself
	}
	for _, value := range values {
		var store *verify.Store
		var err error
		switch {
		case value == "none" && len(values) > 1:
			return status.Usagef("--%s none excludes every other", option)
		case value == "none" && len(policy.Pins) == 0 && len(policy.TLSA) == 0:
			return status.Usagef("--%s none needs a --pin or a --tlsa record", option)
		case value == "none" && p.words.Has("crl"):
			return status.Usagef("--crl needs a path to look at, and --%s none builds none", option)
		case value == "none":
			policy.TrustToo = false
			return nil
		case value == "system":
			if store, err = p.systemStore(); err != nil {
				return err
			}
		default:
			if store, err = p.files.Store(option, value); err != nil {
				return err
			}
		}
		policy.Trust = append(policy.Trust, store)
	}
	return nil
}

// stapleModes are the words for --staple.
var stapleModes = map[string]verify.StapleMode{
	"off":     verify.StapleOff,
	"check":   verify.StapleCheck,
	"require": verify.StapleRequire,
}

// chains reads what decides about chains beside the roots: --crl, --staple,
// and the part of --min-security that is about certificates.
func (p *parser) chains(level engine.Level) error {
	p.inv.policy.PostQuantum = level >= engine.LevelPQAuth
	if err := p.merkle(); err != nil {
		return err
	}
	for _, name := range p.words.Values["crl"] {
		content, err := p.files.Load("crl", name)
		if err != nil {
			return err
		}
		lists, err := verify.ParseCRLs(name, content)
		if err != nil {
			return status.Usagef("--crl: %v", err)
		}
		p.inv.policy.CRLs = append(p.inv.policy.CRLs, lists...)
	}
	if value, ok := p.words.Value("staple"); ok {
		if p.inv.policy.Staple, ok = stapleModes[value]; !ok {
			return status.Usagef("--staple: %q is none of off, check, require", status.Cut(value))
		}
	}
	return nil
}

// namesLimit is the most that the names of the acceptable CAs take in a request
// for a client's certificate, in bytes: it is room for some hundred.
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

func (p *parser) configureServer(common engine.Config, identities []*engine.Identity) error {
	w := p.words
	server, ok := p.inv.engine.(engine.ServerEngine)
	if !ok {
		return p.elsewhere(&engine.UnsupportedError{Engine: p.inv.engine.Name(), What: "the server's side"}, serves)
	}
	if len(identities) == 0 {
		return status.Usagef("%s needs --cert and --key", w.Form)
	}
	c := &engine.ServerConfig{Config: common, Identities: identities}
	value, _ := w.Value("client-auth")
	switch value {
	case "", "none":
		if w.Has("client-trust") || w.Has("pin") {
			return status.Usagef("--client-trust and --pin need --client-auth request or require")
		}
	case "request":
		c.ClientAuth = engine.ClientAuthRequest
	case "require":
		c.ClientAuth = engine.ClientAuthRequire
	default:
		return status.Usagef("--client-auth: %q is none of none, request, require", status.Cut(value))
	}
	if c.ClientAuth != engine.ClientAuthNone {
		if !w.Has("client-trust") && !w.Has("pin") {
			return status.Usagef("--client-auth needs --client-trust or --pin")
		}
		if slices.Contains(w.Values["client-trust"], "system") {
			return status.Usagef("--client-trust: the system's roots are for servers; name a file")
		}
		p.inv.policy = &verify.Policy{Purpose: verify.ClientAuth}
		if err := p.trust("client-trust", []string{"none"}); err != nil {
			return err
		}
		if err := p.chains(common.Level); err != nil {
			return err
		}
		c.ClientCAs = acceptable(p.inv.policy.Trust)
	} else {
		for _, option := range []string{"crl", "mtc-cosigners", "mtc-landmarks"} {
			if w.Has(option) {
				return status.Usagef("--%s needs --client-auth request or require", option)
			}
		}
	}
	if name, ok := w.Value("ticket-key"); ok {
		keys, err := p.files.TicketKeys(name)
		if err != nil {
			return err
		}
		c.TicketKeys = keys
	}
	p.inv.server = c
	return p.elsewhere(server.CheckServer(c), func(e engine.Engine) bool { return serves(e) && e.(engine.ServerEngine).CheckServer(c) == nil })
}

// checkTrust refuses what the contract does not let go together.
func (p *parser) checkTrust() error {
	w := p.words
	p.inv.ask, p.inv.proceed = w.Has("ask"), w.Has("opportunistic")
	if !p.inv.ask && !p.inv.proceed {
		return nil
	}
	name := "ask"
	if p.inv.proceed {
		name = "opportunistic"
	}
	if p.inv.ask && p.inv.proceed {
		return status.Usagef("--ask and --opportunistic exclude each other")
	}
	for _, other := range []string{"pin", "tlsa", "trust", "cert", "session"} {
		if w.Has(other) {
			return status.Usagef("--%s excludes --%s", name, other)
		}
	}
	switch {
	case p.inv.control == nil:
		return status.Usagef("--%s needs --control-fd", name)
	case p.inv.ask && !p.inv.control.CanHear():
		return status.Usagef("--ask needs a control channel that can carry the answer: a socket, or --control-fd OUT,IN")
	case p.inv.proceed && !p.inv.control.IsStream():
		return status.Usagef("--opportunistic needs a control channel that is a socket or a pipe")
	}
	return nil
}
