package main

import (
	"slices"
	"strings"

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
	if p.words.form == formConnect {
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
	if value, ok := p.words.value("min-security"); ok {
		if c.Level, ok = levels[value]; !ok {
			return c, usagef("--min-security: %q is none of standard, tls13, pq, pq-auth", cut(value))
		}
	}
	if value, ok := p.words.value("groups"); ok {
		if c.Groups, err = splitList("groups", value); err != nil {
			return c, err
		}
	}
	if value, ok := p.words.value("alpn"); ok {
		if c.ALPN, err = splitList("alpn", value); err != nil {
			return c, err
		}
	}
	if value, ok := p.words.value("binding"); ok {
		if value != bindingExporter && value != bindingEndPoint {
			return c, usagef("--binding: %q is neither %s nor %s", cut(value), bindingExporter, bindingEndPoint)
		}
		p.inv.binding = value
	}
	if value, ok := p.words.value("keylog"); ok && p.words.form != formListen {
		c.KeyLog, err = p.files.output("keylog", value)
	}
	// The engine refuses to run without a Verify; the real one needs the
	// connection that it judges for.
	c.Verify = func(*engine.Peer) error { return usagef("nothing judges the peer") }
	return c, err
}

// splitList reads a comma-separated list of words of at most 255 bytes (which
// is ALPN's limit), at most 16 kB in all.
func splitList(what, value string) ([]string, error) {
	list := strings.Split(value, ",")
	if len(value) > 16<<10 {
		return nil, usagef("--%s: a list of more than 16384 bytes", what)
	}
	for _, word := range list {
		if word == "" || len(word) > 255 {
			return nil, usagef("--%s: every word of the list has 1 to 255 bytes", what)
		}
	}
	return list, nil
}

func (p *parser) identities() ([]*engine.Identity, error) {
	certs, keys := p.words.values["cert"], p.words.values["key"]
	if len(certs) != len(keys) {
		return nil, usagef("--cert and --key go together: there are %d and %d", len(certs), len(keys))
	}
	if p.words.form != formConnect {
		list, err := p.serverIdentities(certs, keys)
		if err != nil {
			return nil, err
		}
		return list, p.staples(list)
	}
	var list []*engine.Identity
	for i := range certs {
		if _, ok := isSigner(keys[i]); ok {
			return nil, usagef("--key: a signer is for servers")
		}
		id, err := p.files.identity(certs[i], keys[i])
		if err != nil {
			return nil, err
		}
		list = append(list, id)
	}
	return list, nil
}

// staples reads the OCSP responses for our certificates.
func (p *parser) staples(list []*engine.Identity) error {
	names := p.words.values["staple-file"]
	if len(names) > 0 && len(names) != len(list) {
		return usagef("--staple-file: there are %d of them and %d of --cert", len(names), len(list))
	}
	for i, name := range names {
		content, err := p.files.load("staple-file", name)
		if err != nil {
			return err
		}
		list[i].Staple = derOf(content)
	}
	return nil
}

func (p *parser) configureClient(common engine.Config, identities []*engine.Identity) error {
	c := &engine.ClientConfig{Config: common, IdentityInClear: p.words.has("client-cert-in-clear")}
	switch {
	case len(identities) > 1:
		return usagef("a client has one --cert")
	case len(identities) == 1:
		c.Identity = identities[0]
	case c.IdentityInClear:
		return usagef("--client-cert-in-clear without --cert")
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
	if err := p.proxyTrust(); err != nil {
		return err
	}
	if len(p.inv.policy.Trust) > 0 && len(p.inv.policy.Names) == 0 {
		return usagef("--name is needed: there is no HOST whose certificate to expect")
	}
	if name, ok := p.words.value("ech"); ok {
		list, err := p.files.echConfigs(name)
		if err != nil {
			return err
		}
		if c.ServerName == "" {
			return usagef("--ech needs a server name to hide")
		}
		c.ECHConfigList = list
	}
	if err := p.fingerprint(c); err != nil {
		return err
	}
	p.inv.client = c
	if path, ok := p.words.value("session"); ok {
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
		return nil, usagef("the system's roots: %v", err)
	}
	return store, nil
}

// names reads --name and --sni.
func (p *parser) names(c *engine.ClientConfig) error {
	for _, value := range p.words.values["name"] {
		name, err := verify.ParseName(value)
		if err != nil {
			return usagef("--name: %v", err)
		}
		p.inv.policy.Names = append(p.inv.policy.Names, name)
		if c.ServerName == "" && name.IsDNS() {
			c.ServerName = name.String()
		}
	}
	if value, ok := p.words.value("sni"); ok {
		c.ServerName = ""
		if value != "none" {
			name, err := verify.ParseName(value)
			if err != nil || !name.IsDNS() {
				return usagef("--sni: %q is not a DNS name", cut(value))
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
	for _, value := range p.words.values["pin"] {
		pin, err := p.files.pin(value)
		if err != nil {
			return err
		}
		policy.Pins = append(policy.Pins, pin)
	}
	for _, value := range p.words.values["tlsa"] {
		record, err := verify.ParseTLSA(value)
		if err != nil {
			return usagef("--tlsa: %v", err)
		}
		policy.TLSA = append(policy.TLSA, record)
	}
	// Trust that was asked for is meant, whatever a record says.
	policy.TrustToo = p.words.has(option)
	values := p.words.values[option]
	if len(values) == 0 {
		values = byItself
	}
	for _, value := range values {
		var store *verify.Store
		var err error
		switch {
		case value == "none" && len(values) > 1:
			return usagef("--%s none excludes every other", option)
		case value == "none" && len(policy.Pins) == 0 && len(policy.TLSA) == 0:
			return usagef("--%s none needs a --pin or a --tlsa record", option)
		case value == "none" && p.words.has("crl"):
			return usagef("--crl needs a path to look at, and --%s none builds none", option)
		case value == "none":
			policy.TrustToo = false
			return nil
		case value == "system":
			if store, err = p.systemStore(); err != nil {
				return err
			}
		default:
			if store, err = p.files.store(option, value); err != nil {
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
	for _, name := range p.words.values["crl"] {
		content, err := p.files.load("crl", name)
		if err != nil {
			return err
		}
		lists, err := verify.ParseCRLs(name, content)
		if err != nil {
			return usagef("--crl: %v", err)
		}
		p.inv.policy.CRLs = append(p.inv.policy.CRLs, lists...)
	}
	if value, ok := p.words.value("staple"); ok {
		if p.inv.policy.Staple, ok = stapleModes[value]; !ok {
			return usagef("--staple: %q is none of off, check, require", cut(value))
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
		return usagef("%s needs --cert and --key", w.form)
	}
	c := &engine.ServerConfig{Config: common, Identities: identities}
	value, _ := w.value("client-auth")
	switch value {
	case "", "none":
		if w.has("client-trust") || w.has("pin") {
			return usagef("--client-trust and --pin need --client-auth request or require")
		}
	case "request":
		c.ClientAuth = engine.ClientAuthRequest
	case "require":
		c.ClientAuth = engine.ClientAuthRequire
	default:
		return usagef("--client-auth: %q is none of none, request, require", cut(value))
	}
	if c.ClientAuth != engine.ClientAuthNone {
		if !w.has("client-trust") && !w.has("pin") {
			return usagef("--client-auth needs --client-trust or --pin")
		}
		if slices.Contains(w.values["client-trust"], "system") {
			return usagef("--client-trust: the system's roots are for servers; name a file")
		}
		p.inv.policy = &verify.Policy{Purpose: verify.ClientAuth}
		if err := p.trust("client-trust", []string{"none"}); err != nil {
			return err
		}
		if err := p.chains(common.Level); err != nil {
			return err
		}
		c.ClientCAs = acceptable(p.inv.policy.Trust)
	} else if w.has("crl") {
		return usagef("--crl needs --client-auth request or require")
	}
	if name, ok := w.value("ticket-key"); ok {
		keys, err := p.files.ticketKeys(name)
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
	p.inv.ask, p.inv.proceed = w.has("ask"), w.has("opportunistic")
	if !p.inv.ask && !p.inv.proceed {
		return nil
	}
	name := "ask"
	if p.inv.proceed {
		name = "opportunistic"
	}
	if p.inv.ask && p.inv.proceed {
		return usagef("--ask and --opportunistic exclude each other")
	}
	for _, other := range []string{"pin", "tlsa", "trust", "cert", "session"} {
		if w.has(other) {
			return usagef("--%s excludes --%s", name, other)
		}
	}
	switch {
	case p.inv.control == nil:
		return usagef("--%s needs --control-fd", name)
	case p.inv.ask && !p.inv.control.CanHear():
		return usagef("--ask needs a control channel that can carry the answer: a socket, or --control-fd OUT,IN")
	case p.inv.proceed && !p.inv.control.IsStream():
		return usagef("--opportunistic needs a control channel that is a socket or a pipe")
	}
	return nil
}
