package invocation

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/signer"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
)

// levels are the words for --min-security.
var levels = map[string]engine.Level{
	"standard": engine.LevelStandard,
	"tls13":    engine.LevelTLS13,
	"pq":       engine.LevelPQ,
	"pq-auth":  engine.LevelPQAuth,
}

// tls reads what the handshake needs, and whom it is to trust.
func (p *parser) tls() error {
	steps := []func() error{p.common, p.identities, p.server, p.clientTrust}
	if p.words.Form == option.Connect {
		steps = []func() error{p.common, p.identities, p.client, p.serverTrust, p.hidden, p.fingerprint, p.session}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// common reads what clients and servers have alike.
func (p *parser) common() (err error) {
	t := &p.inv.TLS
	if value, ok := p.words.Value("min-security"); ok {
		if t.Level, ok = levels[value]; !ok {
			t.Profile = engine.ProfileByName(value)
			if t.Profile == nil {
				return status.Usagef("--min-security: want standard, tls13, pq, pq-auth, or one of %s, not %q", strings.Join(engine.ProfileNames(), ", "), status.Cut(value))
			}
			t.Level = t.Profile.Level
		}
	}
	if t.Groups, err = p.list("groups"); err != nil {
		return err
	}
	if t.Signatures, err = p.list("signatures"); err != nil {
		return err
	}
	if t.ALPN, err = p.list("alpn"); err != nil {
		return err
	}
	if value, ok := p.words.Value("binding"); ok {
		if value != BindingExporter && value != BindingEndPoint {
			return status.Usagef("--binding: want %s or %s, not %q", BindingExporter, BindingEndPoint, status.Cut(value))
		}
		t.Binding = value
	}
	t.Raw = p.words.Has("raw-public-key")
	if name, ok := p.words.Value("psk"); ok {
		if err := p.exclusions(); err != nil {
			return err
		}
		if err := p.file("psk", name, &t.PSK); err != nil {
			return err
		}
	}
	if value, ok := p.words.Value("keylog"); ok && p.words.Form != option.Listen {
		t.KeyLog = value
		_, err = p.written("keylog", value, process.ToWrite)
	}
	return err
}

// written takes the name of a file that is written to. It claims the descriptor that
// fd:N names, which it returns, and refuses one that is not free for that; of a path it
// returns 0.
func (p *parser) written(what, name string, how process.Access) (n int, err error) {
	if err := process.CheckName(what, name); err != nil {
		return 0, err
	}
	n, ok := process.Named(name)
	switch {
	case !ok:
		return 0, nil
	case n <= 2:
		return 0, notFree(what, n)
	}
	return n, p.Claims.Claim(n, what, how)
}

// list reads a comma-separated list of words of at most 255 bytes (which is
// ALPN's limit), at most 16 kB in all.
func (p *parser) list(what string) ([]string, error) {
	value, ok := p.words.Value(what)
	if !ok {
		return nil, nil
	}
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

// identities reads the names of our certificates and keys.
func (p *parser) identities() (err error) {
	t, w := &p.inv.TLS, p.words
	keys := w.Values["key"]
	if t.Raw {
		err := p.rawKeys(keys)
		if err != nil || len(w.Values["cert"]) == 0 {
			return err
		}
	}
	if len(keys) == 0 {
		keys = w.Values["cert"] // both in one file
	}
	if len(w.Values["cert"]) != len(keys) {
		return status.Usagef("--cert and --key go together: there are %d and %d", len(w.Values["cert"]), len(keys))
	}
	if t.Certs, err = p.filesOf("cert"); err != nil {
		return err
	}
	t.Keys = make([]string, len(keys))
	for i, key := range keys {
		which, ok := signer.Named(key)
		switch {
		case !ok:
			err = p.file("key", key, &t.Keys[i])
		case w.Form == option.Connect:
			err = status.Usagef("--key: a signer is for servers")
		default:
			t.Keys[i] = key
			err = p.otherSigner(which, keys[:i])
		}
		if err != nil {
			return err
		}
	}
	if t.StapleFiles, err = p.filesOf("staple-file"); err != nil {
		return err
	}
	if len(t.StapleFiles) > 0 && len(t.StapleFiles) != len(t.Certs) {
		return status.Usagef("--staple-file: there are %d of them and %d of --cert", len(t.StapleFiles), len(t.Certs))
	}
	return nil
}

// IsOwnKey tells whether a key is a file's, which our own signing process reads, and
// not with a signer.
func (TLS) IsOwnKey(key string) bool {
	_, other := signer.Named(key)
	return !other
}

// rawKeys reads the names of keys that stand for themselves. One that a signer has
// needs its public key, as --cert.
func (p *parser) rawKeys(keys []string) error {
	t, certs := &p.inv.TLS, p.words.Values["cert"]
	for _, key := range keys {
		if _, signed := signer.Named(key); signed != (len(certs) > 0) {
			return status.Usagef("--raw-public-key: --cert is for the public key of a --key signer:..., and for nothing else")
		}
	}
	if len(certs) > 0 {
		return nil
	}
	t.Certs, t.Keys = make([]string, len(keys)), make([]string, len(keys))
	for i, key := range keys {
		if err := p.file("key", key, &t.Keys[i]); err != nil {
			return err
		}
	}
	return nil
}

// otherSigner judges a signer that --key names: fd:N, unix:PATH, or a command. The
// keys before this one may be with it, too.
func (p *parser) otherSigner(which string, before []string) error {
	n, isFD := process.Named(which)
	switch {
	case which == "":
		return status.Usagef("--key: signer: needs unix:PATH, fd:N or a command")
	case isFD && p.words.Form == option.Listen:
		return status.Usagef("--key signer:%s: several connections can't share one stream; give signer:unix:PATH", which)
	case !isFD:
		return nil
	}
	for _, key := range before {
		if other, ok := signer.Named(key); ok && other == which {
			return nil
		}
	}
	return p.Claims.Claim(n, "key", process.ToRead|process.ToWrite)
}

// client reads what only clients have.
func (p *parser) client() error {
	t := &p.inv.TLS
	t.InClear = p.words.Has("client-cert-in-clear")
	t.SendCANames = p.words.Has("send-ca-names")
	if len(t.Certs) == 0 && t.InClear {
		return status.Usagef("--client-cert-in-clear without --cert")
	}
	return nil
}

// server reads what only servers have.
func (p *parser) server() (err error) {
	t := &p.inv.TLS
	if !Serves(p.inv.Engine) {
		return p.Engines.elsewhere(&engine.UnsupportedError{Engine: p.inv.Engine.Name(), What: "the server's side"}, Serves)
	}
	if len(t.Certs) == 0 && t.PSK == "" {
		return status.Usagef("%s needs --cert and --key, or --psk", p.words.Form)
	}
	switch value, _ := p.words.Value("client-auth"); value {
	case "", "none":
	case "request":
		t.ClientAuth = engine.ClientAuthRequest
	case "require":
		t.ClientAuth = engine.ClientAuthRequire
	default:
		return status.Usagef("--client-auth: want none, request or require, not %q", status.Cut(value))
	}
	if name, ok := p.words.Value("ticket-key"); ok {
		if err := p.file("ticket-key", name, &t.TicketKey); err != nil {
			return err
		}
	}
	if name, ok := p.words.Value("ech-key"); ok {
		return p.file("ech-key", name, &t.ECHKey)
	}
	return nil
}

// hidden reads --ech.
func (p *parser) hidden() error {
	name, ok := p.words.Value("ech")
	if ok && p.inv.TLS.ServerName == "" {
		return status.Usagef("--ech needs a server name to hide")
	}
	if p.inv.TLS.ECHGrease = name == "grease"; ok && !p.inv.TLS.ECHGrease {
		return p.file("ech", name, &p.inv.TLS.ECH)
	}
	return nil
}

// fingerprint reads --fingerprint: a name that the engine knows, or else the
// file of a capture.
func (p *parser) fingerprint() error {
	value, ok := p.words.Value("fingerprint")
	if !ok {
		return nil
	}
	imitator, ok := p.inv.Engine.(Imitator)
	if !ok {
		return p.Engines.elsewhere(&engine.UnsupportedError{Engine: p.inv.Engine.Name(), What: "--fingerprint"}, imitates)
	}
	full, unknown := imitator.ResolveFingerprint(value)
	if unknown == nil {
		p.inv.TLS.Fingerprint = full
		return nil
	}
	_, isDescriptor := process.Named(value)
	if _, err := os.Stat(value); errors.Is(err, fs.ErrNotExist) && !isDescriptor && !strings.Contains(value, "/") {
		return p.Engines.elsewhere(unknown, func(e engine.Engine) bool {
			other, ok := e.(Imitator)
			if !ok {
				return false
			}
			_, unknown := other.ResolveFingerprint(value)
			return unknown == nil
		})
	}
	return p.file("fingerprint", value, &p.inv.TLS.FingerprintFile)
}

// sameDirectory tells whether two paths are of one directory.
func sameDirectory(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// holds tells whether a directory is another, or above it.
func holds(dir, other string) bool {
	other, err := filepath.EvalSymlinks(other)
	for ; err == nil; other = filepath.Dir(other) {
		if sameDirectory(dir, other) {
			return true
		}
		if other == filepath.Dir(other) {
			break
		}
	}
	return false
}

// session reads --session, and by the table of options what binds one.
func (p *parser) session() error {
	path, ok := p.words.Value("session")
	if !ok {
		return nil
	}
	n, err := p.written("session", path, process.ToRead|process.ToWrite)
	if err != nil {
		return err
	}
	s := &Session{Path: path, FD: n}
	for _, o := range option.Table {
		if o.Binds {
			s.Bound = append(s.Bound, p.words.Values[o.Name])
		}
	}
	s.Bound = append(s.Bound, []string{p.Env["SSL_CERT_FILE"], p.Env["SSL_CERT_DIR"]})
	if p.inv.Sandbox == privilege.Require && s.FD == 0 {
		home := ""
		if account, err := user.Current(); err == nil { // whatever HOME says
			home = account.HomeDir
		}
		for _, shared := range []string{"/", "/tmp", "/var/tmp", p.Env["HOME"], home} {
			if shared != "" && holds(filepath.Dir(path), shared) {
				return status.Usagef("--session: with --sandbox require its file needs a directory of its own, below %s: all of a session's directory can be written by whoever takes the connection's process over", status.Cut(shared))
			}
		}
	}
	p.inv.Session = s
	return nil
}

// engineCan asks the engine whether it can do what the values say. What is in
// files is not known yet, and a server without certificates is none: of a server
// that is judged which it has in common with clients.
func (p *parser) engineCan() error {
	c := p.inv.Client()
	if c == nil {
		c = &engine.ClientConfig{Config: p.inv.common()}
	}
	return p.Engines.Client(p.inv.Engine, c)
}
