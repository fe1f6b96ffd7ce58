package main

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"time"
)

// opensslConf is for the programs that have no option for a version.
const opensslConf = `openssl_conf = a
[a]
ssl_conf = b
[b]
system_default = c
[c]
MinProtocol = TLSv{v}
MaxProtocol = TLSv{v}
`

// servers are all of them. Pages come from {root}, or from the backend, which
// takes its time for /slow, and drops the reply where the client has gone.
var servers = []server{
	{name: "nginx", version: []string{"nginx", "-v"}, run: []string{"nginx", "-c", "{dir}/conf", "-e", "{dir}/log"}, files: map[string]string{"conf": `
daemon off; master_process off; pid {dir}/pid; error_log {dir}/log;
events {}
http {
	access_log off;
	client_body_temp_path {dir}/1; proxy_temp_path {dir}/2; fastcgi_temp_path {dir}/3; uwsgi_temp_path {dir}/4; scgi_temp_path {dir}/5;
	server {
		listen 127.0.0.1:{port} ssl;
		ssl_certificate {chain}; ssl_certificate_key {key}; ssl_protocols TLSv{v};
		root {root};
		location /slow { proxy_pass http://{backend}; }
	}
}`}},
	{name: "Apache", version: []string{"apache2", "-v"}, run: []string{"apache2", "-DFOREGROUND", "-f", "{dir}/conf"}, files: map[string]string{"conf": `
ServerRoot {dir}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {dir}/pid
ErrorLog {dir}/log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
User www-data
Group www-data
SSLEngine on
SSLCertificateFile {chain}
SSLCertificateKeyFile {key}
SSLProtocol -all +TLSv{v}
SSLSessionCache none
DocumentRoot {root}
<Directory {root}>
	Require all granted
</Directory>
ProxyPass /slow http://{backend}/slow
`}},
	{name: "lighttpd", version: []string{"lighttpd", "-v"}, run: []string{"lighttpd", "-D", "-f", "{dir}/conf"}, files: map[string]string{"conf": `
server.document-root = "{root}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{dir}/log"
server.modules = ("mod_openssl", "mod_proxy")
ssl.engine = "enable"
ssl.pemfile = "{both}"
ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv{v}", "MaxProtocol" => "TLSv{v}")
$HTTP["url"] == "/slow" { proxy.server = ("" => (("host" => "127.0.0.1", "port" => {backendport}))) }
`}},
	{name: "HAProxy", version: []string{"haproxy", "-v"}, run: []string{"haproxy", "-db", "-f", "{dir}/conf"}, files: map[string]string{"conf": haproxyConf}},
	{name: "HAProxy, abortonclose", version: []string{"haproxy", "-v"}, run: []string{"haproxy", "-db", "-f", "{dir}/conf"},
		files: map[string]string{"conf": haproxyConf + "	option abortonclose\n"}},
	{name: "Caddy", version: []string{"caddy", "version"}, run: []string{"caddy", "run", "--config", "{dir}/Caddyfile", "--adapter", "caddyfile"},
		env: []string{"HOME={dir}", "XDG_DATA_HOME={dir}", "XDG_CONFIG_HOME={dir}"}, files: map[string]string{"Caddyfile": `
{
	admin off
	auto_https off
}
https://localhost:{port} {
	bind 127.0.0.1
	tls {chain} {key} {
		protocols tls{v} tls{v}
	}
	root * {root}
	reverse_proxy /slow {backend}
	file_server
}
`}},
	{name: "Go net/http", serve: serveGo(http.HandlerFunc(reply))},
	{name: "Go net/http, with a context", serve: serveGo(http.HandlerFunc(replyUnlessGone))},
	{name: "Go ReverseProxy", serve: func(l net.Listener, s *site) {
		proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.values["backend"]})
		proxy.ErrorLog = log.New(io.Discard, "", 0)
		serveGo(proxy)(l, s)
	}},
	{name: "Node 20", version: []string{"{tools}/node20/node_modules/node/bin/node", "--version"},
		run: []string{"{tools}/node20/node_modules/node/bin/node", "{programs}/node.mjs", "{root}", "{port}", "{chain}", "{key}", "{v}"}},
	{name: "Node 24", version: []string{"{tools}/node24/node_modules/node/bin/node", "--version"},
		run: []string{"{tools}/node24/node_modules/node/bin/node", "{programs}/node.mjs", "{root}", "{port}", "{chain}", "{key}", "{v}"}},
	python("uvicorn", "uvicorn"),
	python("hypercorn", "hypercorn"),
	python("aiohttp", "aiohttp"),
	silent(python("tornado", "tornado")),
	python("Twisted", "twisted", "OpenSSL"),
	silent(python("gunicorn", "gunicorn")),
	silent(python("cheroot", "cheroot")),
	silent(python("Python http.server")),
	{name: "Java HttpsServer", silent: true, version: []string{"java", "-version"},
		run: []string{"java", "-XX:TieredStopAtLevel=1", "{programs}/Server.java", "{root}", "{port}", "{chain}", "{key}", "{v}"}},
	{name: "hitch", version: []string{"hitch", "--version"}, run: []string{"hitch", "--config={dir}/conf"}, files: map[string]string{"conf": `
frontend = { host = "127.0.0.1" port = "{port}" }
backend = "[127.0.0.1]:{backendport}"
pem-file = "{both}"
tls-protos = TLSv{v}
workers = 1
daemon = off
user = "nobody"
`}},
	{name: "stunnel", version: []string{"stunnel", "-version"}, run: []string{"stunnel", "{dir}/conf"}, files: map[string]string{"conf": stunnelConf + "connect = {backend}\n"}},
	{name: "stunnel, exec", version: []string{"stunnel", "-version"}, run: []string{"stunnel", "{dir}/conf"},
		files: map[string]string{"conf": stunnelConf + "exec = {self}\nexecArgs = answer answer {root}\n"}},
	{name: "socat", version: []string{"socat", "-V"}, run: []string{"socat",
		"OPENSSL-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,cert={both},verify=0,openssl-min-proto-version=TLS{v},openssl-max-proto-version=TLS{v}", "EXEC:{self} answer {root}"}},
	{name: "ncat", version: []string{"ncat", "--version"}, run: []string{"ncat", "-l", "127.0.0.1", "{port}", "-k", "--ssl", "--ssl-cert", "{chain}", "--ssl-key", "{key}", "--sh-exec", "{self} answer {root}"},
		env: []string{"OPENSSL_CONF={dir}/openssl.cnf"}, files: map[string]string{"openssl.cnf": opensslConf}},
	{name: "tlsify listen", version: []string{"{tlsify}", "version"}, only13: true,
		run: []string{"{tlsify}", "listen", "--cert", "{chain}", "--key", "{key}", "127.0.0.1:{port}", "--", "{self}", "answer", "{root}"}},
}

const haproxyConf = `
defaults
	mode http
	timeout connect 5s
	timeout client 30s
	timeout server 30s
frontend f
	bind 127.0.0.1:{port} ssl crt {both} ssl-min-ver TLSv{v} ssl-max-ver TLSv{v}
	default_backend b
backend b
	server s {backend}
`

const stunnelConf = `
foreground = yes
pid =
debug = 3
[s]
accept = 127.0.0.1:{port}
cert = {chain}
key = {key}
sslVersionMin = TLSv{v}
sslVersionMax = TLSv{v}
`

// python is a server in testdata/servers.py, by the name of its first module,
// or http.
func python(name string, modules ...string) server {
	which := "http"
	if len(modules) > 0 {
		which = modules[0]
	}
	return server{name: name, modules: modules, version: []string{"{python}", "{programs}/servers.py", "version", which},
		run: []string{"{python}", "{programs}/servers.py", which, "{root}", "{port}", "{chain}", "{key}", "{v}"}}
}

func silent(s server) server {
	s.silent = true
	return s
}

// serveGo serves a handler by Go's net/http.
func serveGo(handler http.Handler) func(net.Listener, *site) {
	return func(l net.Listener, s *site) {
		version := map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}[s.values["v"]]
		pair, err := tls.LoadX509KeyPair(s.values["chain"], s.values["key"])
		if err != nil {
			return
		}
		web := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
		web.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: version, MaxVersion: version}))
	}
}

// reply is the handler of most applications.
func reply(w http.ResponseWriter, q *http.Request) {
	if q.URL.Path == "/slow" {
		time.Sleep(slow)
	}
	writePage(w, q)
}

func writePage(w http.ResponseWriter, q *http.Request) {
	page, ok := pages[q.URL.Path]
	if !ok {
		http.NotFound(w, q)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	w.Write(page)
}
