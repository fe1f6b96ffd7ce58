package option

// answer is what is said of options of other programs.
type answer struct {
	options string // by spaces, as they are typed
	text    string
}

// serving are the answers of accept and listen, where they are others than those below:
// of openssl s_server, socat, ncat, stunnel and the like.
var serving = []answer{
	{"-k --insecure --no-verify --no-check-certificate --no-ca-verification -noverify --no-verify-cert -verify_quiet " +
		"-verify -Verify --verify -verify_return_error -verify_depth -partial_chain -x509_strict --ssl-verify --ca-verification",
		"clients are asked for a certificate by --client-auth require with --client-trust FILE, and not without it"},
	{"--cacert --ca -CAfile --CAfile --x509cafile --ca-certificate --ssl-trustfile --cafile -CApath --CApath --capath --ca-directory -CAstore --ca-native",
		"of clients it is --client-trust FILE or --client-trust DIR, with --client-auth require"},
	{"-verify_hostname --verify-hostname -verify_ip -verify_email --checkhost", "of a client no name is checked: --pin says which key it must have"},
	{"-servername --servername --sni-hostname --ssl-servername", "of several --cert the client's server name chooses"},
	{"-status -no_status --cert-status --ocsp", "here it is --staple-file FILE, the response to staple"},
	{"-sess_in -sess_out -reconnect --resume --session-file", "here it is --ticket-key FILE: with it clients can resume"},
	{"--ech-config -ech_config_list", "here it is --ech-key FILE"},
	{"-port --port --host -p -bind --bind --interface --local-port", "the address to listen at stands by itself: tlsify listen HOST:PORT -- PROG"},
	{"-unix --unix-socket", "the address to listen at stands by itself: tlsify listen unix:PATH -- PROG"},
	{"-e --exec -c --sh-exec", "here the program stands behind --: tlsify listen HOST:PORT -- PROG"},
	{"-connect --connect", "PROG has the plaintext; to have it at a server that is there, PROG is busybox nc HOST PORT"},
	{"--ssl --ssl-reqd --ssl-allow-beast", "TLS is all there is"},
	{"--keepalive-time --tcp-nodelay", "there is no such thing; listen as you like and give the socket: tlsify listen fd:N -- PROG"},
	{"-noservername --connect-to --resolve --tofu --strict-tofu --dane -dane_tlsa_domain -dane_tlsa_rrdata --tls-dane --starttls-proto " +
		"-x --socks5 --socks5-hostname --socks4 --socks4a -proxy_user -proxy_pass -U --proxy-user --proxy-type --proxy-auth " +
		"--timeout-connect --dns-servers --doh-url",
		"that is for a client, and this is the server's side"},
}

// answers are options of curl, openssl s_client, gnutls-cli, socat, ncat, stunnel
// and wget, by what people want with them.
var answers = []answer{
	{"-k --insecure --no-check-certificate --no-ca-verification -noverify --no-verify --no-verify-cert -verify_quiet",
		"the certificate is always checked; to accept a server that no one vouches for, give its key: --trust none --pin PIN, which the error of a first attempt names"},
	{"--cacert --ca -CAfile --CAfile --x509cafile --ca-certificate --ssl-trustfile --cafile -CApath --CApath --capath --ca-directory -CAstore --ca-native",
		"here it is --trust FILE or --trust DIR; the system's roots are trusted without it"},
	{"-verify -verify_return_error -verify_depth --verify -Verify -partial_chain -x509_strict --ssl-verify --ca-verification",
		"the certificate is always checked; there is nothing to switch on"},
	{"-servername --servername --sni-hostname --ssl-servername",
		"the name of HOST is sent by itself; here it is --sni NAME to send another"},
	{"-noservername", "here it is --sni none"},
	{"-verify_hostname --verify-hostname -verify_ip -verify_email --checkhost",
		"the name of HOST is checked by itself; here it is --name NAME to accept another"},
	{"-connect -host -port --host --port --connect -p", "here the place stands by itself: tlsify HOST:PORT"},
	{"--connect-to --resolve", "dial the address and give the name: tlsify --name NAME ADDRESS:PORT"},
	{"-unix --unix-socket", "here it is tlsify unix:PATH --name NAME"},
	{"-showcerts --print-cert --save-cert --certs -certs", "tlsify inspect HOST:PORT shows the chain, with --pem as PEM; a program has it on --control-fd"},
	{"-brief -state -msg -debug -trace -tlsextdebug --verbose-level --trace --debug -security_debug", "here it is -v, or tlsify inspect HOST:PORT; a program has the facts on --control-fd"},
	{"-E --certfile --x509certfile --certificate --sslcert -cert_chain --ssl-cert", "here it is --cert FILE, the chain, with --key FILE"},
	{"--private-key --x509keyfile --keyfile --sslkey --ssl-key", "here it is --key FILE"},
	{"--pass -pass --password --key-pass -keypass", "a key must not be encrypted; give it on a descriptor: --key fd:N"},
	{"--tls13 --tlsv1.3 -tls1_3 --tls-min --secure-protocol --min-version", "here it is --min-security tls13"},
	{"--tlsv1.2 -tls1_2 -no_tls1_3 --tls-max --max-version --tls12", "TLS 1.3 is preferred and TLS 1.2 taken; there is no way to ask for less than the peer can do"},
	{"--tlsv1 --tlsv1.0 --tlsv1.1 -tls1 -tls1_1 -ssl3 --sslv3 --sslv2 -legacy_renegotiation -no_tls1_2 -no_tls1 -no_tls1_1 -no_ssl3", "nothing older than TLS 1.2 is spoken"},
	{"--ciphers -cipher -ciphersuites --tls13-ciphers --priority --cipher --ssl-ciphers", "there is no list of cipher suites: those of RFC 9325 are taken; --min-security says what is the least"},
	{"--curves -curves -groups --ssl-groups", "here it is --groups LIST, comma-separated"},
	{"-sigalgs -client_sigalgs --sigalgs --signature-algorithms", "there is no list of signatures: the strong ones are taken; --min-security pq-auth asks for post-quantum ones"},
	{"--pinnedpubkey --pinned-pubkey", "here it is --pin sha256//BASE64, or --pin FILE"},
	{"--tofu --strict-tofu", "here it is --ask, or examples/known-hosts.sh, which is a page of shell"},
	{"--dane -dane_tlsa_domain -dane_tlsa_rrdata --tls-dane", "here it is --tlsa 'U S M HEX', a record that you have validated"},
	{"--crlfile --x509crlfile --crl-file -CRL -crl_check -crl_check_all -CRLform", "here it is --crl FILE"},
	{"-status --cert-status --ocsp -no_status", "a stapled response is checked by itself; here it is --staple require to ask for one"},
	{"-sess_in -sess_out -reconnect --resume --session-file", "here it is --session FILE, read and written"},
	{"-early_data --tls-earlydata --earlydata", "there is no early data: what comes so early can be played again"},
	{"-keylogfile --keylogfile --sslkeylogfile", "here it is --keylog FILE"},
	{"-alpn", "here it is --alpn LIST"},
	{"--no-alpn -nextprotoneg --no-npn", "no application protocol is offered without --alpn"},
	{"--starttls-proto", "here it is --starttls PROTO"},
	{"--ssl --ssl-reqd --ssl-allow-beast", "TLS is all there is; where the server must be asked for it first, here it is --starttls PROTO"},
	{"-x --socks5 --socks5-hostname --socks4 --socks4a -proxy_user -proxy_pass -U --proxy-user --proxy-type --proxy-auth",
		"here it is --proxy http://HOST:PORT or socks5h://HOST:PORT; a password by --options-fd"},
	{"-m --max-time --timeout-total -W --wait", "here it is --timeout TIME"},
	{"--timeout-connect", "here it is --connect-timeout TIME"},
	{"--recv-timeout --read-timeout -i --idle", "here it is --idle-timeout TIME"},
	{"-quiet -ign_eof -no_ign_eof -nocommands -crlf -crlf_normal --crlf --no-shutdown -adv -nbio -prexit", "bytes are bytes: no byte of the input is a command, and none is changed"},
	{"-N --send-only --recv-only --no-buffer", "end of file on the input ends our half, and the answer is still delivered; --eof says when the peer is told"},
	{"-q -s --silent --quiet", "nothing is said but when something fails"},
	{"-o --output -O", "the peer's bytes are on standard output: > FILE"},
	{"-d --data -X --request -H --header -L --location -I --head --http1.1 --http2 --http1.0 -A -D --dump-header -u --user-pass -b --cookie -T --upload-file --url --user-agent --compressed --retry -F --form --get -G",
		"tlsify speaks no HTTP: write the request on its standard input"},
	{"-e --exec -c --sh-exec", "here the program stands behind --: tlsify HOST:PORT -- PROG"},
	{"-l --listen-port -accept --accept -www -WWW -HTTP", "here it is tlsify listen --cert FILE --key FILE HOST:PORT -- PROG"},
	{"--client", "a client is what tlsify is by itself: tlsify HOST:PORT"},
	{"-ct -noct -requestCAfile -ctlogfile", "signed certificate timestamps are counted, and not checked: tlsify inspect HOST:PORT"},
	{"-fd", "here it is --options-fd N"},
	{"--ech-config -ech_config_list", "here it is --ech FILE"},
	{"--keymatexport -keymatexport", "here it is --binding tls-exporter"},
	{"--ssl-fips --fips -provider -engine --ssl-engine -provider-path", "here it is --engine NAME, of those that tlsify engines lists"},
	{"--interface --local-port -bind --bind --dns-servers --doh-url --keepalive-time --tcp-nodelay",
		"there is no such thing; connect as you like and give the socket: --net-fd N"},
	{"--fail -f --help-all -help -?", "tlsify help"},
}
