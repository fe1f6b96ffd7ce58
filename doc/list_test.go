package doc

// page serves one page to whoever asks.
const page = `
cat >page.sh <<'END'
while read -r header && [ "$header" != "$(printf '\r')" ]; do :; done
printf 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nthe page, resumed %s\n' "$TLSIFY_RESUMED"
END
`

// ssh makes what ssh and sshd need, and an sshd behind tlsify; the block is
// ssh's configuration.
const ssh = `
mkdir -p /run/sshd
mount -t tmpfs -o mode=755 tmpfs /run/sshd
for name in host user; do ssh-keygen -q -t ed25519 -N '' -f $name; done
cat >sshd_config <<END
HostKey $PWD/host
AuthorizedKeysFile $PWD/user.pub
StrictModes no
UsePAM no
PermitRootLogin yes
PidFile none
END
echo "box $(cat host.pub)" >known
chmod 600 user.pub
serve 443 :443 -- /usr/sbin/sshd -i -e -f "$PWD/sshd_config"
{ cat "$BLOCK"; cat <<END; } >config
    IdentityFile $PWD/user
    IdentitiesOnly yes
    UserKnownHostsFile $PWD/known
    StrictHostKeyChecking yes
    BatchMode yes
END
[ "$(ssh -F config box echo through TLS)" = 'through TLS' ]
# A server of another name: ssh gets nothing, and its user the reason.
echo '127.0.0.1 wrong.example' >>/etc/hosts
sed -i 's/box.example/wrong.example/' config
fails 255 ssh -F config box echo through TLS 2>refused
grep -q 'tlsify: the certificate is for .*(cert-name)' refused
`

// fetchmail asks a POP3 server behind tlsify how much there is; the block's last
// lines are its configuration.
const fetchmail = `
cat >pop3.sh <<'END'
say() { printf '%s\r\n' "$1"; }
say '+OK pop3'
while read -r line; do
	case $line in
	CAPA*) say '-ERR no' ;;
	USER* | PASS*) say '+OK' ;;
	STAT*) say '+OK 1 42' ;;
	LIST*) say '+OK'; say '1 42'; say '.' ;;
	UIDL*) say '+OK'; say '1 first'; say '.' ;;
	QUIT*) say '+OK'; exit 0 ;;
	*) say '-ERR unknown' ;;
	esac
done
END
serve 995 :995 -- sh pop3.sh
umask 077
sed -n '/^poll/,$p' "$BLOCK" >rc
printf ' password secret\n' >>rc
fetchmail --check --fetchmailrc rc --idfile ids --pidfile pid | grep -q '1 message for me'
`

// units are read by systemd itself, with another program in tlsify's place, which need not
// be where they say.
const units = `
awk '/^# /{f=$2; next} {print >f}' block
sed -i 's#/usr/bin/tlsify#/bin/true#' tlsify*.service
systemd-analyze verify ./tlsify*.socket ./tlsify*.service 2>said || true
! grep tlsify said
`

// firm serves with a certificate of a root that is not among the system's.
const firm = `serve 443 :443 -- sh page.sh
awk '/BEGIN/ { n++ } n == 1' ca.pem >firm-ca.pem
awk '/BEGIN/ { n++ } n == 2' ca.pem >other.pem && mv other.pem ca.pem
`

// list has every block of the README, the recipes and the contract.
var list = []how{
	{page: "../README.md", begins: "$ printf 'GET", script: page + "serve 443 :443 -- sh page.sh" + play},
	{page: "../README.md", begins: "$ openssl req", tools: []string{"openssl"}, script: play},
	{page: "../README.md", begins: "Host box", tools: []string{"ssh", "ssh-keygen", "/usr/sbin/sshd"}, script: ssh},
	{page: "../README.md", begins: "set tunnel=", tools: []string{"fetchmail"}, script: fetchmail},
	{page: "../README.md", begins: "tlsify listen", script: `
		printf '#!/bin/sh\nexec tr a-z A-Z\n' >my-server && chmod +x my-server
		. ./block 2>>server.log &
		await 8443
		[ "$(echo hello | tlsify localhost:8443)" = HELLO ]`},

	{page: "recipes.md", begins: "printf 'GET", script: page + `serve 443 :443 -- sh page.sh
		sh block | grep 'the page'
		grep '^ready' report`},
	{page: "recipes.md", begins: "body=", script: `
		cat >api.sh <<'END'
		length=0
		while read -r header value && [ "$header" != "$(printf '\r')" ]; do
			[ "$header" != Content-Length: ] || length=${value%?}
		done
		printf 'HTTP/1.0 200 OK\r\n\r\n{"echo":%s}\n' "$(dd bs=1 count="$length" 2>/dev/null)"
END
		serve 443 :443 -- sh api.sh
		[ "$(sh block)" = '{"echo":{"n":1}}' ]`},
	{page: "recipes.md", begins: "mkdir -p ~/.cache", script: page + `
		head -c 32 /dev/urandom | base64 >tickets
		serve 443 --ticket-key tickets :443 -- sh page.sh
		printf 'GET /\r\n\r\n' | sh block | grep 'resumed no'
		printf 'GET /\r\n\r\n' | sh block | grep 'resumed yes'`},
	{page: "recipes.md", begins: "(umask 077; head -c 32", script: `
		printf '#!/bin/sh\nexec echo "$TLSIFY_RESUMED"\n' >my-server && chmod +x my-server
		sh block 2>>server.log &
		await 8443
		[ "$(tlsify --session session localhost:8443)" = no ]
		[ "$(tlsify --session session localhost:8443)" = yes ]`},
	{page: "recipes.md", begins: "go run ./cmd/tlsify-ech", test: "TestECHKey"},
	{page: "recipes.md", begins: "tlsify --engine pq --signatures", test: "TestOtherSignatures"},
	{page: "recipes.md", begins: "hidden.example.", not: "lines of a zone"},
	{page: "recipes.md", begins: "issue() {", tools: []string{"openssl", "python3", "base64"}, script: `
		sed 's|go run ./cmd/||' "$BLOCK" >block.sh
		. ./block.sh
		await 8443
		await 8053
		printf 'GET / HTTP/1.0\r\n\r\n' | tlsify --trust ca.pem --name hidden.example --ech ech.list 127.0.0.1:8443 | grep 'Hello: accepted'
		# The HTTPS record of _8443._https.hidden.example.
		query=AAABAAABAAAAAAAABV84NDQzBl9odHRwcwZoaWRkZW4HZXhhbXBsZQAAQQAB
		printf 'GET /dns-query?dns=%s HTTP/1.1\r\n\r\n' "$query" | tlsify --trust ca.pem 127.0.0.1:8053 >answer
		grep -aq public.example answer && grep -aq 'Content-Type: application/dns-message' answer`},
	{page: "recipes.md", begins: "tlsify --options-fd", tools: []string{"socat"}, script: page + `
		cat >proxy.sh <<'END'
		asked=no
		while read -r header && [ "$header" != "$(printf '\r')" ]; do
			case $header in "Proxy-Authorization: Basic $(printf me:secret | base64)"*) asked=yes ;; esac
		done
		[ $asked = yes ] || { printf 'HTTP/1.1 407 Who are you\r\n\r\n'; exit; }
		printf 'HTTP/1.1 200 OK\r\n\r\n'
		exec socat - TCP:127.0.0.1:443
END
		serve 443 :443 -- sh page.sh
		socat TCP-LISTEN:3128,fork,reuseaddr EXEC:'sh proxy.sh' &
		await 3128
		printf 'GET /\r\n\r\n' | sh block | grep 'the page'
		sed s/secret/wrong/ block >wrong
		fails 3 sh wrong </dev/null 2>reason
		grep '(proxy)' reason`},
	{page: "recipes.md", begins: "tlsify --proxy socks5h", test: "exec_preload"},
	{page: "recipes.md", begins: "tlsify --name printer.local", not: "needs names that are in neither /etc/hosts nor the DNS"},
	{page: "recipes.md", begins: "tlsify inspect", script: page + `serve 443 :443 -- sh page.sh
		sh block >seen
		grep '^verified *system CN=' seen
		grep '^names .*dns:example.org' seen`},
	{page: "recipes.md", begins: "tlsify --trust none --pin", script: page + `serve 443 :443 -- sh page.sh
		fails 5 tlsify --control-fd 3 --name wrong.example host:443 3>report </dev/null 2>reason
		pin=$(sed -n 's/^peer-pin //p' report)
		sed "s#sha256//[^ ]*#$pin#; s/:port/:443/" block >mine
		printf 'GET /\r\n\r\n' | sh mine | grep 'the page'
		sed s/:port/:443/ block >theirs
		fails 5 sh theirs </dev/null 2>reason
		grep '(pin-mismatch)' reason`},
	{page: "recipes.md", begins: "tlsify --trust system", script: page + firm + `
		fails 5 tlsify host:443 </dev/null 2>reason
		grep 'cert-untrusted' reason
		printf 'GET /\r\n\r\n' | sh block | grep 'the page'`},
	{page: "recipes.md", begins: "certutil -L", tools: []string{"certutil"}, script: page + firm + `
		mkdir -p .pki/nssdb && certutil -N -d sql:.pki/nssdb --empty-password
		certutil -A -d sql:.pki/nssdb -n 'Firm CA' -t C,, -i firm-ca.pem
		rm firm-ca.pem
		sh block
		printf 'GET /\r\n\r\n' | tlsify --trust firm-ca.pem host:443 | grep 'the page'`},
	{page: "recipes.md", begins: "tlsify --min-security pq host", script: page + `
		mv pq.pem chain.pem && mv pq.key key.pem
		serve 443 --engine pq --groups X25519MLKEM768,MLKEM1024,X-Wing :443 -- sh page.sh
		sed 's/:port/:443/' block >mine
		while read -r command; do printf 'GET /\r\n\r\n' | sh -c "$command" | grep 'the page'; done <mine`},
	{page: "recipes.md", begins: "make -s pki", test: "TestDemoPQ"},
	{page: "recipes.md", begins: "tlsify --engine utls", script: page + `serve 443 --alpn http/1.1 :443 -- sh page.sh
		sed -n 1p block >first && sed -n 2p block >second
		printf 'GET /\r\n\r\n' | sh first | grep 'the page'
		sh second >known &
		await 8443
		tlsify localhost:8443 </dev/null 2>/dev/null || :
		wait $!
		grep -i ja4 known`},
	{page: "recipes.md", begins: "Host box", tools: []string{"ssh", "ssh-keygen", "/usr/sbin/sshd"}, script: ssh},
	{page: "recipes.md", begins: "tlsify listen --cert chain.pem --key key.pem :443 -- /usr/sbin/sshd", test: "recipe_ssh"},
	{page: "recipes.md", begins: "tlsify listen --cert chain.pem --key key.pem :9418", test: "program_git"},
	{page: "recipes.md", begins: "tlsify listen --client-auth require", test: "program_sftp"},
	{page: "recipes.md", begins: "hg clone", test: "program_hg"},
	{page: "recipes.md", begins: "[tunnels]", test: "program_svn"},
	{page: "recipes.md", begins: "tlsify listen --cert chain.pem --key key.pem :874", test: "program_rsync"},
	{page: "recipes.md", begins: "tlsify listen --cert chain.pem --key key.pem --client-auth", test: "program_libvirt"},
	{page: "recipes.md", begins: "#!/bin/sh", test: "program_libvirt"},
	{page: "recipes.md", begins: "set tunnel=", test: "program_mutt"},
	{page: "recipes.md", begins: "export PKCS11_MODULE", test: "recipe_pkcs11"},
	{page: "recipes.md", begins: "sendmail -f", test: "program_busybox"},
	{page: "recipes.md", begins: "PATH=/usr/local/lib/tlsify/bin", test: "program_monitors"},
	{page: "recipes.md", begins: "poll ", tools: []string{"fetchmail"}, script: fetchmail},
	{page: "recipes.md", begins: "account \"there\"", test: "program_fdm"},
	{page: "recipes.md", begins: "inc -host", test: "program_nmh"},
	{page: "recipes.md", begins: "Tunnel", test: "program_mbsync"},
	{page: "recipes.md", begins: "transporttunnel", not: "a line of OfflineIMAP's configuration"},
	{page: "recipes.md", begins: "(nnimap", not: "for Emacs"},
	{page: "recipes.md", begins: "(setq tls-program", not: "for Emacs"},
	{page: "recipes.md", begins: "tlsify listen --cert chain.pem --key key.pem :465", test: "program_exim"},
	{page: "recipes.md", begins: "UCSPITLS=1", not: "needs mailfront: program_s6 has s6-ucspitlsd"},
	{page: "recipes.md", begins: "tcpserver 127.0.0.1 143", test: "program_ucspi_proxy"},
	{page: "recipes.md", begins: "RSYNC_CONNECT_PROG", test: "personality_rsync"},
	{page: "recipes.md", begins: "module(load=", test: "program_rsyslog"},
	{page: "recipes.md", begins: "swaks", test: "program_swaks"},
	{page: "recipes.md", begins: "tlsify --starttls smtp", test: "starttls_exim"},
	{page: "recipes.md", begins: "printf 'EHLO", test: "starttls_exim"},
	{page: "recipes.md", begins: "tcpserver 127.0.0.1 6667", test: "program_sic"},
	{page: "recipes.md", begins: "ncat -lk", test: "exec_ncat"},
	{page: "recipes.md", begins: "tlsify listen --cert chain.pem --key key.pem :8883", test: "exec_daemon"},
	{page: "recipes.md", begins: "case $TCPREMOTEIP", test: "exec_proxy_protocol"},
	{page: "recipes.md", begins: "socat UNIX-LISTEN:/run/pg", test: "starttls_postgres"},
	{page: "recipes.md", begins: "tlsify listen --alpn acme-tls/1", tools: []string{"openssl"}, script: `
		# What the CA looks at: the protocol, and that this certificate comes (RFC 8737, section 3).
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -keyout challenge.key -out challenge.pem \
			-subj /CN=challenge -addext subjectAltName=DNS:a.example \
			-addext 1.3.6.1.5.5.7.1.31=critical,DER:0420$(printf %064d 0) 2>/dev/null
		sh block 2>server.log &
		await 443
		openssl s_client -connect 127.0.0.1:443 -servername a.example -alpn acme-tls/1 </dev/null >seen 2>/dev/null || :
		grep 'ALPN protocol: acme-tls/1' seen
		grep '^subject=CN *= *challenge' seen`},
	{page: "recipes.md", begins: "tlsify listen --alpn h2", tools: []string{"socat", "nginx", "curl"}, script: `
		# What both ends speak is HTTP/2 without TLS; the server has a machine of its own on the page.
		sed -n '1s/:50051/:50052/p' block >server && sed -n 2p block >client
		cat >nginx.conf <<END
		daemon off; pid nginx.pid; error_log stderr; events {}
		http { access_log off; server { listen 127.0.0.1:50052 http2; return 200 "over HTTP/2"; } }
END
		nginx -p "$PWD" -c nginx.conf &
		await 50052
		sh server 2>server.log &
		await 8443
		sh client &
		await 50051
		[ "$(curl -s --http2-prior-knowledge http://127.0.0.1:50051/)" = 'over HTTP/2' ]`},
	{page: "recipes.md", begins: "tlsify listen --alpn postgresql", test: "program_postgres"},
	{page: "recipes.md", begins: "socat UNIX-LISTEN:/run/me", test: "program_ldap"},
	{page: "recipes.md", begins: "systemd-socket-activate", test: "exec_systemd"},
	{page: "recipes.md", begins: "# tlsify.socket", tools: []string{"systemd-analyze"}, script: units},
	{page: "recipes.md", begins: "# tlsify-each.socket", tools: []string{"systemd-analyze"}, script: units},
	{page: "recipes.md", begins: "exec tlsify listen --control-fd 4", tools: []string{"bash"}, script: `
		mv key.pem away && printf '#!/bin/sh\necho served\n' >my-server && chmod +x my-server
		if bash block 3>said 2>why || [ -s said ]; then exit 1; fi
		mv away key.pem
		bash block 3>said &
		await 8443
		until grep -q '^listening ' said; do sleep 0.05; done
		[ "$(tlsify localhost:8443 </dev/null)" = served ] && [ "$(wc -l <said)" = 1 ]`},
	{page: "recipes.md", begins: "openssl s_client -connect", test: "personality_openssl"},
	{page: "recipes.md", begins: "COPY tlsify", test: "personality_wget"},

	{page: "inspect.md", begins: "tlsify inspect [OPTION]", not: "a grammar: TestInspect"},
	{page: "inspect.md", begins: "tlsify inspect --json", tools: []string{"jq"}, script: page + `serve 443 :443 -- sh page.sh
		[ "$(sh block)" = 'look at example.org' ] # whose certificate has one day left
		sed -i 's/>= 14/>= 0/' block
		[ "$(sh block)" = '' ]`},

	{page: "psk.md", begins: "umask 077", tools: []string{"openssl"}, script: `
		printf '#!/bin/sh\nread -r line && echo "got $line of $TLSIFY_PSK"\n' >my-server && chmod +x my-server
		grep -v ^tlsify block >key && . ./key
		grep 'tlsify listen' block >server && sh server 2>server.log &
		await 8443
		tail -n 1 block >client
		[ "$(echo hello | sh client)" = 'got hello of device-17' ]
		. ./key # another
		fails 4 sh client </dev/null 2>reason
		grep decrypt_error reason`},
	{page: "raw-public-keys.md", begins: "openssl genpkey", tools: []string{"openssl"}, script: `
		printf '#!/bin/sh\nread -r line && echo "got $line"\n' >my-server && chmod +x my-server
		grep ^openssl block >key && sh key
		grep 'tlsify listen' block >server && sh server 2>server.log &
		await 8443
		tail -n 1 block >client
		[ "$(echo hello | sh client)" = 'got hello' ]
		sh key # another
		fails 5 sh client </dev/null 2>reason
		grep pin-mismatch reason`},
	{page: "raw-public-keys.md", begins: "tlsify listen --engine pq --raw-public-key", tools: []string{"openssl"}, script: `
		printf '#!/bin/sh\nread -r line && echo "$TLSIFY_PEER_PIN"\n' >my-server && chmod +x my-server
		for name in server one two; do
			openssl genpkey -algorithm ed25519 -out $name.key
			openssl pkey -in $name.key -pubout -out $name.pub
		done
		sed '$d' block >server && sh server 2>server.log &
		await 8443
		tail -n 1 block >client
		pin=sha256//$(openssl pkey -pubin -in one.pub -outform DER | openssl dgst -sha256 -binary | openssl base64)
		[ "$(echo hello | sh client)" = "$pin" ]
		cp server.key one.key # which is none that the server knows
		got=$(echo hello | sh client 2>reason) && exit 1
		[ -z "$got" ]`},

	{page: "contract.md", begins: "tlsify [connect]", not: "a grammar: the rules behind it have their tests"},
	{page: "contract.md", begins: "line    =", not: "a grammar: rule 6.1 has its test"},
	{page: "contract.md", begins: "tlsify 1 ENGINE", test: "TestKeywords"},
	{page: "contract.md", begins: "request   length", test: "TestRefusals"},
}
