package personality

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What each program is told, and what tlsify is told then. Arguments are
// separated by spaces, and so are the variables before a colon and a space.
var calls = []struct {
	name, told string
	want       string // arguments; or ! and a part of the error
}{
	// BusyBox wget
	{"openssl", "s_client -quiet -connect a.test:443 -servername a.test -verify 100 -verify_return_error -verify_hostname a.test", "connect --name=a.test --sni=a.test --eof=hold a.test:443"},
	{"openssl", "s_client -quiet -connect 192.0.2.1:8443 -verify 100 -verify_return_error -verify_ip 192.0.2.1:8443", "connect --name=192.0.2.1 --eof=hold 192.0.2.1:8443"},
	{"openssl", "s_client -quiet -connect [2001:db8::1]:443 -verify_ip [2001:db8::1]:443", "connect --name=2001:db8::1 --eof=hold [2001:db8::1]:443"},
	{"openssl", "s_client -quiet -connect [2001:db8::1]:443 -verify_ip 2001:db8::1", "connect --name=2001:db8::1 --eof=hold [2001:db8::1]:443"},
	{"openssl", "s_client -quiet -connect a.test:443 -servername a.test", "connect --name=a.test --sni=a.test --eof=hold a.test:443"}, // --no-check-certificate
	// recipes for ssh
	{"openssl", "s_client -quiet -connect a.test:443", "connect --eof=hold a.test:443"},
	{"openssl", "s_client -quiet a.test:443", "connect --eof=hold a.test:443"},
	{"openssl", "s_client -quiet -connect :443", "connect --eof=hold localhost:443"},
	{"openssl", "s_client -quiet -connect ::1", "connect --eof=hold ::1"}, // which is no place, there and here
	{"openssl", "s_client -quiet", "connect --eof=hold localhost:4433"},
	{"openssl", "s_client -host a.test -port 443 -quiet", "connect --eof=hold a.test:443"},
	{"openssl", "s_client --quiet --connect a.test:443 --servername front.test", "connect --name=front.test --sni=front.test --eof=hold a.test:443"},
	{"openssl", "s_client -quiet -connect a.test:443 -noservername -verify_quiet", "connect --sni=none --eof=hold a.test:443"},
	{"openssl", "s_client -quiet -connect a.test:443 -cert c.pem -key k.pem -CAfile ca.pem", "connect --trust=ca.pem --cert=c.pem --key=k.pem --eof=hold a.test:443"},
	{"openssl", "s_client -quiet -no_ign_eof -connect a.test:443 -cert both.pem -tls1_3", "connect --cert=both.pem --key=both.pem --min-security=tls13 --eof=half-close a.test:443"},
	{"openssl", "s_client -quiet -connect a.test:443 -ign_eof -no_ign_eof -no_tls1_2 -4", "connect --min-security=tls13 -4 --eof=half-close a.test:443"},
	{"openssl", "s_client -quiet -connect a.test:25 -starttls smtp -alpn a,b -groups X25519:prime256v1", "connect --alpn=a,b --starttls=smtp --groups=X25519,P-256 --eof=hold a.test:25"},
	{"openssl", "s_client -quiet -connect a.test:443 -proxy p.test:3128 -CRL crl.pem -crl_check -no-CApath -CAfile ca", "connect --trust=ca --crl=crl.pem --proxy=http://p.test:3128 --eof=hold a.test:443"},
	{"openssl", "s_client -quiet -unix /x -verify_hostname a.test", "connect --name=a.test --eof=hold unix:/x"},
	{"openssl", "s_client -quiet -connect a.test:443 -dane_tlsa_domain b.test -dane_tlsa_rrdata 1 -dane_tlsa_rrdata 2", "connect --name=b.test --tlsa=1 --tlsa=2 --eof=hold a.test:443"},
	{"openssl", "s_client -quiet -connect a.test:443 -crlf -verify 3 -verify_depth 1", "connect --eof=hold a.test:443 crlf path 3"},
	{"openssl", "s_client -quiet -connect a.test:443 -verify_depth 100", "connect --eof=hold a.test:443 path 10"},
	{"openssl", "s_client -quiet -connect a.test:25 -starttls smtp -name me.test", "connect --starttls=smtp --starttls-name=me.test --eof=hold a.test:25"},
	{"openssl", "s_client -quiet -connect a.test:5222 -starttls xmpp -xmpphost b.test -CAstore file:/ca", "connect --trust=/ca --starttls=xmpp --starttls-name=b.test --eof=hold a.test:5222"},
	{"openssl", "s_client -quiet -connect a.test:25 -starttls smtp -name me.test -xmpphost b.test -6", "connect --starttls=smtp --starttls-name=me.test -6 --eof=hold a.test:25"},
	{"openssl", "s_client -quiet -connect a.test:443 -min_protocol TLSv1.3", "connect --min-security=tls13 --eof=hold a.test:443"},
	{"openssl", "s_client -quiet -connect a.test:443 -min_protocol TLSv1.2 -auth_level 2 -purpose sslserver -certform pem -keyform PEM", "connect --eof=hold a.test:443"},
	{"openssl", "s_client -quiet -connect 192.0.2.1:443 -servername 192.0.2.1", "connect --name=192.0.2.1 --eof=hold 192.0.2.1:443"},
	{"openssl", "s_client -quiet -connect a.test:443 -curves P-256:X25519 -keylogfile k", "connect --keylog=k --groups=P-256,X25519 --eof=hold a.test:443"},
	{"openssl", "s_client -quiet -connect a.test:443 -no-CApath -no-CAstore -verifyCAfile a -verifyCApath b -verifyCAstore c", "connect --trust=a --trust=b --trust=c --eof=hold a.test:443"},
	{"openssl", "s_client -quiet -connect a.test:443 -CApath b -no-CAfile", "connect --trust=b --eof=hold a.test:443"},
	// what scripts read the output of
	{"openssl", "s_client -connect a.test:443", "connect --eof=half-close a.test:443 tell 4 on 0"},
	{"openssl", "s_client -connect a.test -showcerts -verify_return_error -status", "connect --eof=half-close a.test:4433 tell 4 on 0 chain strict status"},
	{"openssl", "s_client -port 5000 -ign_eof -no-interactive", "connect --eof=hold localhost:5000 empty tell 4 on 0"},
	{"openssl", "s_client -brief -verify_ip 192.0.2.1 -ignore_unexpected_eof", "connect --name=192.0.2.1 --eof=half-close --tolerate-truncation localhost:4433 tell 4 on 0 brief address"},
	{"openssl", "s_client -quiet -brief -connect 192.0.2.1:443", "connect --eof=hold 192.0.2.1:443 tell 4 on 0 brief address"},
	{"openssl", "s_client -quiet -connect a.test:443 -cipher ECDHE+AESGCM:!aECDSA -ciphersuites TLS_AES_128_GCM_SHA256",
		"connect --eof=hold a.test:443 ciphers ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES256-GCM-SHA384 TLS_AES_128_GCM_SHA256"},
	{"openssl", "s_client -quiet -connect a.test:443 -cipher DEFAULT@SECLEVEL=1", "connect --eof=hold a.test:443"},
	{"openssl", "s_client -quiet -connect a.test:443 -cipher @SECLEVEL=0", "connect --eof=hold a.test:443"},
	{"openssl", "s_client -quiet -connect a.test:443 -ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256", "connect --eof=hold a.test:443"},
	{"openssl", "s_client -quiet -connect a.test:443 -bind 192.0.2.1", "connect --eof=hold a.test:443 from 192.0.2.1:0"},
	{"openssl", "s_client -quiet -connect a.test:443 -bind [2001:db8::1]:7", "connect --eof=hold a.test:443 from [2001:db8::1]:7"},
	{"openssl", "s_client -quiet -connect a.test:443 -bind 2001:db8::1", "connect --eof=hold a.test:443 from [2001:db8::1]:0"},
	{"openssl", "s_client -quiet -connect a.test:443 -bind me.test:7", "!-bind me.test:7 is no address"},
	{"openssl", "s_client -quiet -unix /x -bind 127.0.0.1", "!-bind is not for -unix"},
	{"openssl", "s_client -help", "help s_client"},
	{"openssl", "s_client -connect a.test:443 --help", "help s_client"},
	// what others do
	{"openssl", "", "hand on"},
	{"openssl", "x509 -in a", "hand on x509 -in a"},
	{"openssl", "version -d", "version hand on version -d"},
	// what would be less than it is asked, or something else
	{"openssl", "s_client -quiet a.test:1 b.test:2", "!two places"},
	{"openssl", "s_client -quiet -connect --opportunistic=true", `!"--opportunistic=true" is no place`},
	{"openssl", "s_client -quiet -connect", "!-connect needs a value"},
	{"openssl", "s_client -quiet -connect a.test:443 -verify_depth x", "!-verify_depth x"},
	{"openssl", "s_client -quiet -connect a.test:443 -verify_depth -1", "!-verify_depth -1"},
	{"openssl", "s_client -quiet -connect a.test:443 -verify_hostname a.test -verify_ip 192.0.2.1", "!together"},
	{"openssl", "s_client -quiet -connect a.test:443 -crl_check", "!-crl_check needs -CRL"},
	{"openssl", "s_client -quiet -connect a.test:443 -no-CAfile", "!no certificate is good"},
	{"openssl", "s_client -quiet -connect a.test:443 -no-CApath", "!no certificate is good"},
	{"openssl", "s_client -quiet -connect a.test:443 -no-CAstore", "!no certificate is good"},
	{"openssl", "s_client -quiet -connect a.test:443 -certform DER", "!only PEM"},
	{"openssl", "s_client -quiet -connect a.test:443 -keyform ENGINE", "!-keyform: only PEM"},
	{"openssl", "s_client -quiet -connect a.test:443 -min_protocol SSLv3", "!-min_protocol SSLv3"},
	{"openssl", "s_client -quiet -connect a.test:443 -ssl3", "!there is no -ssl3"},
	{"openssl", "s_client -quiet -connect a.test:443 -no_tls1_3 -no_tls1_2", "!no protocol is left"},
	{"openssl", "s_client -quiet -connect a.test:443 -no_tls1_3 -tls1_3", "!no protocol is left"},
	{"openssl", "s_client -quiet -connect a.test:443 -cipher RC4:!aNULL", "!-cipher RC4:!aNULL names none"},
	{"openssl", "s_client -quiet -connect a.test:443 -cipher DEFAULT:@SECLEVEL=5", "!-cipher @SECLEVEL=5"},
	{"openssl", "s_client -quiet -connect a.test:443 -ciphersuites TLS_AES_128_CCM_SHA256", "!-ciphersuites: there is no TLS_AES_128_CCM_SHA256"},
	{"openssl", "s_client -quiet -connect a.test:443 -auth_level 3", "!-auth_level 3"},
	{"openssl", "s_client -quiet -connect a.test:443 -auth_level -1", "!-auth_level -1"},
	{"openssl", "s_client -quiet -connect a.test:443 -auth_level high", "!-auth_level high"},
	{"openssl", "s_client -quiet -connect a.test:443 -no_check_time", "!there is no -no_check_time"},
	{"openssl", "s_client -quiet -connect a.test:443 -allow_proxy_certs", "!there is no -allow_proxy_certs"},
	{"openssl", "s_client -quiet -connect a.test:443 -purpose any", "!-purpose any"},
	{"openssl", "s_client -quiet -connect a.test:443 -pass pass:x", "!there is no -pass"},
	{"openssl", "s_client -quiet -connect a.test:443 -psk 00", "!there is no -psk"},

	{"ssl_client", "-s3 -n a.test -e -I", "connect --name=a.test --net-fd=3 --eof=half-close"},
	{"ssl_client", "-s3 -n a.test", "connect --name=a.test --net-fd=3 --eof=hold"},
	{"ssl_client", "-e -s 3 -r 4 -n a.test:443", "connect --name=a.test --net-fd=4,3 --eof=half-close"},
	{"ssl_client", "-es3 -r3 -n 192.0.2.1:443", "connect --name=192.0.2.1 --net-fd=3 --eof=half-close"},
	{"ssl_client", "-s3 -n 2001:db8::1", "connect --name=2001:db8::1 --net-fd=3 --eof=hold"},
	{"ssl_client", "a.test", "connect --eof=hold a.test:443"},
	{"ssl_client", "[::1]", "connect --eof=hold [::1]:443"},
	{"ssl_client", "-n b.test a.test:8443", "connect --eof=hold --name=b.test a.test:8443"},
	{"ssl_client", "-e -I -- a.test", "connect --eof=half-close a.test:443"},
	{"ssl_client", "a.test b.test", "!unexpected argument b.test"},
	{"ssl_client", "-r3 a.test", "!unexpected argument a.test"},
	{"ssl_client", "-e -", `!"-:443" is no place`},
	{"ssl_client", "-s3", "!any certificate would do"},
	{"ssl_client", "-n a.test", "!-s FD"},
	{"ssl_client", "-s3 -n a.test a.test", "!unexpected"},
	{"ssl_client", "-k -s3 -n a.test", "!there is no -k"},
	{"ssl_client", "-s3 -n", "!-n needs a value"},

	{"s6-tlsc-io", "CAFILE=ca.pem: -k a.test 6 7", "connect --name=a.test --trust=ca.pem net 6,7 by-fin take-fin"},
	{"s6-tlsc-io", "CAFILE=ca.pem CADIR=/ca: -S -J -v2 -K 500 -ka.test -- 6 6", "connect --name=a.test --trust=/ca --handshake-timeout=500ms --eof=half-close net 6,6"},
	{"s6-tlsc-io", "CADIR=/ca CERTFILE=c KEYFILE=k: -y -k a.test -d 9 6 7", "connect --name=a.test --trust=/ca --cert=c --key=k net 6,7 by-fin take-fin tell 1 on 9"},
	{"s6-tlsc-io", "CADIR=/ca CERTFILE=c KEYFILE=k: -Y -K0 -k a.test 6 7", "connect --name=a.test --trust=/ca net 6,7 by-fin take-fin"},
	{"s6-tlsc-io", "CADIR=/ca: 6 7", "connect --trust=/ca net 6,7 by-fin take-fin any-name"}, // as theirs: the chain alone
	// of letters that contradict each other the later one holds, in one word or two
	{"s6-tlsc-io", "CADIR=/ca: -jJ -sS -k a.test 6 7", "connect --name=a.test --trust=/ca --eof=half-close net 6,7"},
	{"s6-tlsc-io", "CADIR=/ca: -JjSska.test 6 7", "connect --name=a.test --trust=/ca net 6,7 by-fin take-fin"},
	{"s6-tlsc-io", "CADIR=/ca: -J --no-enforce-close-notify -yY -k a.test -- 6 7", "connect --name=a.test --trust=/ca net 6,7 by-fin take-fin"},
	{"s6-tlsc-io", "CADIR=/ca: -Jk a.test -j 6 7", "connect --name=a.test --trust=/ca net 6,7 by-fin take-fin"},
	{"s6-tlsc-io", "CADIR=/ca: -Jk", "!-k needs a value"},
	{"s6-tlsc-io", "CADIR=/ca: -Jx 6 7", "!there is no -x here"},
	{"s6-tlsc-io", "-k a.test 6 7", "!neither CADIR nor CAFILE"},
	{"s6-tlsc-io", "CADIR=/ca: -y -k a.test 6 7", "!CERTFILE and KEYFILE"},
	{"s6-tlsc-io", "CADIR=/ca: -k a.test 6", "!two descriptors"},
	{"s6-tlsc-io", "CADIR=/ca: -k a.test 6 x", `!"x" is not a descriptor`},
	{"s6-tlsc-io", "CADIR=/ca: -k a.test - 7", `!"-" is not a descriptor`},
	{"s6-tlsc-io", "CADIR=/ca: -k a.test -K-1 6 7", "!-K -1"},
	// qmail-remote's call where it encrypts if it can
	{"s6-tlsc-io", "CADIR=/ca CERTFILE=c KEYFILE=k: -Sjyv0 -k a.test --no-verify-cert -- 6 7", "connect --name=a.test --trust=/ca --eof=half-close net 6,7 take-fin unverified"},
	{"s6-tlsc-io", "CADIR=/ca: --no-verify-cert --verify-cert -k a.test 6 7", "connect --name=a.test --trust=/ca net 6,7 by-fin take-fin"},
	{"s6-tlsc-io", "CADIR=/ca CERTFILE=c KEYFILE=k TLS_UID=7: --client-cert --no-client-cert --close-notify --no-close-notify -k a.test 6 7", "connect --name=a.test --trust=/ca net 6,7 by-fin take-fin as 7 -1"},
	{"s6-tlsc-io", "CADIR=/ca: -k a.test -dx 6 7", `!"x" is not a descriptor`},
	{"s6-tlsc-io", "CADIR=/ca CERTFILE=c KEYFILE=k: --close-notify --enforce-close-notify --client-cert --verify-cert --servername=a.test --handshake-timeout=900 --notification-fd=4 --verbosity=2 -- 6 7",
		"connect --name=a.test --trust=/ca --handshake-timeout=900ms --cert=c --key=k --eof=half-close net 6,7 tell 1 on 4"},
	{"s6-tlsc-io", "CADIR=/ca: -k a.test --client-cert=yes 6 7", "!there is no --client-cert=yes here"},
	{"s6-tlsc-io", "CADIR=/ca: -k a.test --servername 6 7", "!there is no --servername here"},
	{"s6-tlsc-io", "CADIR=/ca: -k a.test --sni 6 7", "!there is no --sni here"},

	{"s6-tlsd-io", "CERTFILE=c KEYFILE=k: 6 7", "accept --cert=c --key=k net 0,1 plain 6,7 by-fin take-fin"},
	{"s6-tlsd-io", "CERTFILE=c KEYFILE=k CAFILE=ca: -J -Y -d5 6 7", "accept --cert=c --key=k --client-auth=request --client-trust=ca net 0,1 plain 6,7 by-fin tell 1 on 5"},
	{"s6-tlsd-io", "CERTFILE=c KEYFILE=k CAFILE=ca: -J -y -k0 6 7", "accept --cert=c --key=k --client-auth=require --client-trust=ca net 0,1 plain 6,7 by-fin"},
	{"s6-tlsd-io", "CERTFILE=c KEYFILE=k CAFILE=ca: -J --client-cert 6 7", "accept --cert=c --key=k --client-auth=request --client-trust=ca net 0,1 plain 6,7 by-fin"},
	{"s6-tlsd-io", "CERTFILE=c KEYFILE=k CAFILE=ca: -J --mandatory-client-cert --sni-level=0 6 7", "accept --cert=c --key=k --client-auth=require --client-trust=ca net 0,1 plain 6,7 by-fin"},
	{"s6-tlsd-io", "CERTFILE=c KEYFILE=k: -y 6 7", "!neither CADIR nor CAFILE"},
	{"s6-tlsd-io", "CERTFILE=c: 6 7", "!CERTFILE and KEYFILE"},
	{"s6-tlsd-io", "CERTFILE=c KEYFILE=k: -k 2 6 7", "!there is no KEYFILE:NAME"},
	{"s6-tlsd-io", "CERTFILE=c KEYFILE=k KEYFILE:a.test=ka CERTFILE:a.test=ca: -J -S -k1 6 7", "accept --cert=c --key=k --cert=ca --key=ka --eof=half-close net 0,1 plain 6,7"},
	{"s6-tlsd-io", "CERTFILE=c KEYFILE=k KEYFILE:a.test=ka CERTFILE:a.test=ca: -J -S --sni 6 7", "accept --cert=c --key=k --cert=ca --key=ka --eof=half-close net 0,1 plain 6,7"},
	{"s6-tlsd-io", "CERTFILE=c KEYFILE=k KEYFILE:a.test=ka CERTFILE:a.test=ca: -J -S --sni -k0 6 7", "accept --cert=c --key=k --eof=half-close net 0,1 plain 6,7"},
	{"s6-tlsd-io", "KEYFILE:*.a.test=ka CERTFILE:*.a.test=ca KEYFILE:=x: -J -S --mandatory-sni 6 7", "accept --cert=ca --key=ka --eof=half-close net 0,1 plain 6,7"},
	{"s6-tlsd-io", "CERTFILE=c KEYFILE=k KEYFILE:a.test=ka: -k1 6 7", "!no CERTFILE:a.test"},
	{"s6-tlsd-io", "CERTFILE=c KEYFILE=k: -kx 6 7", "!-k x"},

	{"s6-tlsd-io", "CERTFILE=c KEYFILE=k TLS_UID=7 TLS_GID=8: -J 6 7", "accept --cert=c --key=k net 0,1 plain 6,7 by-fin as 7 8"},
	{"s6-tlsd-io", "CERTFILE=c KEYFILE=k TLS_UID=0x7: -J -S 6 7", "accept --cert=c --key=k --eof=half-close net 0,1 plain 6,7 as -1 -1 or TLS_UID is no number"},
	{"s6-tlsd-io", "CERTFILE=c KEYFILE=k TLS_GID=8: -J -S 6 7", "accept --cert=c --key=k --eof=half-close net 0,1 plain 6,7 as -1 8"},
	{"s6-tlsd-io", "CERTFILE=c KEYFILE=k TLS_UID=0 TLS_GID=x: -J -S 6 7", "accept --cert=c --key=k --eof=half-close net 0,1 plain 6,7 as -1 -1 or TLS_GID is no number"},
	{"s6-ucspitlsd", "CERTFILE=c KEYFILE=k: -J -v 2 prog -Z", "accept --cert=c --key=k net 0,1 unset 6 -- prog -Z by-fin"},
	{"s6-ucspitlsd", "CERTFILE=c KEYFILE=k: -J -Z -- prog", "accept --cert=c --key=k net 0,1 unset 0 -- prog by-fin"},
	{"s6-ucspitlsd", "CERTFILE=c KEYFILE=k KEYFILE:a=x CERTFILE:a=y: -J --no-keep prog", "accept --cert=c --key=k net 0,1 unset 8 -- prog by-fin"},
	{"s6-ucspitlsd", "CERTFILE=c KEYFILE=k: -J --no-keep --keep prog", "accept --cert=c --key=k net 0,1 unset 0 -- prog by-fin"},
	{"s6-ucspitlsd", "CERTFILE=c KEYFILE=k: -J -K x prog", "!-K x is no time"},
	{"s6-ucspitlsd", "CERTFILE=c KEYFILE=k: -J", "!a program is needed"},
	{"s6-ucspitlsd", "CERTFILE=c KEYFILE=k: -d 3 prog", "!no -d"},
	// where the network is, is to be said to s6-ucspitlsc alone
	{"s6-ucspitlsd", "CERTFILE=c KEYFILE=k: -6 8 prog", "!there is no -6 here"},
	{"s6-ucspitlsd", "CERTFILE=c KEYFILE=k: -6 8 -7 9 prog", "!there is no -"},
	{"s6-ucspitlsd", "CERTFILE=c KEYFILE=k: --write-fd=9 prog", "!there is no -7 here"},
	{"s6-tlsc-io", "CADIR=/ca: -k a.test -6 8 6 7", "!there is no -6 here"},
	{"s6-tlsd-io", "CERTFILE=c KEYFILE=k: -7 8 6 7", "!there is no -7 here"},
	{"s6-ucspitlsc", "CADIR=/ca: -J -S -k a.test -6 8 -7 9 prog", "connect --name=a.test --trust=/ca --eof=half-close net 8,9 unset 6 -- prog"},
	{"s6-ucspitlsc", "CADIR=/ca: -J -S -k a.test --read-fd=2 prog", "!3 or more"},
	{"s6-ucspitlsc", "CADIR=/ca: -J -S -k a.test -7x prog", "!3 or more"},
	{"s6-ucspitlsc", "CADIR=/ca: -J -S -k a.test -6 3 -7 3 prog", "connect --name=a.test --trust=/ca --eof=half-close net 3,3 unset 6 -- prog"},
	{"s6-ucspitlsc", "CADIR=/ca: -J -k a.test prog", "connect --name=a.test --trust=/ca net 6,7 unset 6 -- prog by-fin"},
	{"s6-ucspitlsc", "CADIR=/ca: -J prog", "connect --trust=/ca net 6,7 unset 6 -- prog by-fin any-name"},

	{"couriertls", "-remotefd=5 -localfd=6 -statusfd=7 -verify=a.test", "connect --name=a.test net 5,5 plain 6,6 tell 2 on 7"},
	{"couriertls", "TLS_TRUSTCERTS=/ca TLS_CERTFILE=both TLS_VERIFYPEER=NONE: -host=a.test -port=993", "connect --trust=/ca --cert=both --key=both a.test:993"},
	{"couriertls", "-host=2001:db8::1 -port=993 -printx509=8 prog", "connect --prog-fds=0,1 [2001:db8::1]:993 then prog tell 2 on / info 8"}, // descriptor -1
	{"couriertls", "TLS_CERTFILE=c TLS_PRIVATE_KEYFILE=k: -server -remotefd=0 -localfd=6", "accept --cert=c --key=k net 0,0 plain 6,6"},
	{"couriertls", "TLS_CERTFILE=c TLS_VERIFYPEER=REQUIREPEER TLS_TRUSTCERTS=ca: -server -remotefd=5", "accept --cert=c --key=c --client-auth=require --client-trust=ca net 5,5"},
	{"couriertls", "TLS_CERTFILE=c TLS_VERIFYPEER=PEER TLS_TRUSTCERTS=ca: -server -remotefd=5", "accept --cert=c --key=c --client-auth=request --client-trust=ca net 5,5"},
	// courieresmtp where it encrypts if it can, and without a word of who is to be verified
	{"couriertls", "TLS_VERIFYPEER=NONE TLS_CERTFILE=c TLS_TRUSTCERTS=/ca: -statusfd=7 -printx509=8 -localfd=6 -remotefd=5",
		"connect --trust=/ca net 5,5 plain 6,6 any-name unverified tell 2 on 7 info 8"},
	{"couriertls", "TLS_CERTFILE=c: -remotefd=5 -statusfd=7", "connect net 5,5 any-name unverified tell 2 on 7"},
	{"couriertls", "TLS_VERIFYPEER=PEER TLS_CERTFILE=c: -remotefd=5 -localfd=6", "connect --cert=c --key=c net 5,5 plain 6,6 any-name"},
	{"couriertls", "TLS_VERIFYPEER=REQUIREPEER: -remotefd=5 -localfd=6", "connect net 5,5 plain 6,6 any-name"},
	{"couriertls", "TLS_VERIFYPEER=SOMETIMES: -remotefd=5", "!TLS_VERIFYPEER"},
	{"couriertls", "-remotefd=5 -localfd=6 -verify=[192.0.2.1]", "connect --name=192.0.2.1 net 5,5 plain 6,6"},
	{"couriertls", "TLS_VERIFYPEER=NONE: -remotefd=5 -verify=a.test", "connect --name=a.test net 5,5"},
	{"couriertls", "-remotefd=5 -domain=a.test -statusfd=7", "!there is no -domain here tell 2 on 7"},
	{"couriertls", "-remotefd=0 -verify=a.test", "!needs -localfd"},
	{"couriertls", "-server -remotefd=5", "!TLS_CERTFILE is needed"},
	{"couriertls", "TLS_CERTFILE=c: -server -host=a.test -port=993", "!-server is for -remotefd and -tcpd"},
	{"couriertls", "TLS_CERTFILE=c TLS_VERIFYPEER=NONE: -server -remotefd=5", "accept --cert=c --key=c net 5,5"},
	{"couriertls", "-host=a.test", "!-remotefd=N is needed"},
	{"couriertls", "-remotefd=2 -verify=a.test", "!needs -localfd"},
	{"couriertls", "-remotefd=x -verify=a.test", `!"x" is not a descriptor`},
	{"couriertls", "-remotefd=5 -verify=a.test -localfd=x", `!"x" is not a descriptor`},
	{"couriertls", "-remotefd=5 -verify=a.test -printx509=x", `!"x" is not a descriptor`},
	{"couriertls", "-remotefd=5 -verify=a.test -statusfd=x", `!"x" is not a descriptor`},
	{"couriertls", "TLS_CIPHER_LIST=HIGH: -remotefd=5 -verify=a.test", "!TLS_CIPHER_LIST"},
	{"couriertls", "TLS_PROTOCOL=SSL23: -remotefd=5 -verify=a.test", "connect --name=a.test net 5,5"},
	{"couriertls", "TLS_PROTOCOL=TLSv1+: -remotefd=5 -verify=a.test", "connect --name=a.test net 5,5"},
	{"couriertls", "TLS_PROTOCOL=TLSv1.1++: -remotefd=5 -verify=a.test", "connect --name=a.test net 5,5"},
	{"couriertls", "-verify=a.test", "!-remotefd=N is needed"},
	{"couriertls", "-verify=a.test -host=a.test -remotefd=5", "!exclude each other"},
	// imaplogin's and courieresmtpd's STARTTLS, couriertcpd's imapd-ssl
	{"couriertls", "TLS_CERTFILE=c: -statusfd=7 -printx509=8 -localfd=6 -tcpd -server", "accept --cert=c --key=c net 0,0 plain 6,6 tell 2 on 7 info 8"},
	{"couriertls", "TLS_CERTFILE=c TLS_PROTOCOL=TLSv1.2++: -server -tcpd -user=daemon imaplogin -statusfd=3 imapd Maildir",
		"accept --cert=c --key=c --prog-fds=0,1 net 0,0 user daemon then imaplogin -statusfd=3 imapd Maildir"},
	{"couriertls", "TLS_PROTOCOL=TLSv1.3: -remotefd=5 -protocol=imap -verify=a.test prog", "connect --name=a.test --starttls=imap --min-security=tls13 --prog-fds=0,1 net 5,5 then prog"},
	{"couriertls", "TLS_CERTFILE=c: -server -tcpd -localfd=6 prog", "!exclude each other"},
	{"couriertls", "TLS_CERTFILE=c: -server -tcpd", "!needs -localfd or a program"},
	{"couriertls", "-domain=a.test", "!there is no -domain here"},
	{"couriertls", "TLS_PROTOCOL=SSL3: -remotefd=5 -verify=a.test", "!TLS_PROTOCOL is "},
	{"couriertls", "TLS_CERTFILE=c TLS_VERIFYPEER=SOMETIMES: -server -remotefd=5", "!TLS_VERIFYPEER"},

	{"ggl-tls-helper", "--endpoint a.test --private-key k --certificate c --root-ca ca", "connect --cert=c --key=k --client-cert-in-clear --trust=ca a.test:443 tell 3 on 3"},
	{"ggl-tls-helper", "--endpoint=a.test:8883 --private-key=k --certificate=c --root-ca=ca", "connect --cert=c --key=k --client-cert-in-clear --trust=ca a.test:8883 tell 3 on 3"},
	{"ggl-tls-helper", "--endpoint a.test --private-key k --certificate c", "!--root-ca is needed"},
	{"ggl-tls-helper", "--hostname a.test --private-key k --certificate c --root-ca ca", "connect --cert=c --key=k --client-cert-in-clear --trust=ca --name=a.test net 4,4 tell 3 on 3"},
	{"ggl-tls-helper", "--hostname a.test --endpoint a.test --private-key k --certificate c --root-ca ca", "!--endpoint is needed, or --hostname"},
	{"ggl-tls-helper", "--insecure", "!there is no --insecure"},
	{"ggl-tls-helper", "HTTPS_PROXY=http://p: --endpoint a.test --private-key k --certificate c --root-ca ca", "!HTTPS_PROXY"},
	{"ggl-tls-helper", "ALL_PROXY=http://p: --endpoint a.test --private-key k --certificate c --root-ca ca", "!ALL_PROXY"},
	{"ggl-tls-helper", "--private-key k --certificate c --root-ca ca --endpoint", "!--endpoint needs a value"},
}

func TestTranslate(t *testing.T) {
	for _, c := range calls {
		t.Run(c.name+" "+c.told, func(t *testing.T) {
			variables, told, ok := strings.Cut(c.told, ": ")
			if !ok || !strings.Contains(variables, "=") || strings.HasPrefix(variables, "-") {
				variables, told = "", c.told
			}
			call, err := Translate(c.name, strings.Fields(told), strings.Fields(variables))
			got := []string{}
			if err != nil {
				got = append(got, "!"+err.Error())
			}
			if call != nil {
				got = append(got, call.words(err)...)
			}
			want := c.want
			if part, ok := strings.CutPrefix(c.want, "!"); ok && err != nil {
				part, tell, _ := strings.Cut(part, " tell ")
				if !strings.Contains(got[0], part) || !strings.HasPrefix(got[0], "!as "+c.name+": ") {
					t.Errorf("the error is %q", err)
				}
				got[0], want = "!", strings.TrimSuffix("! tell "+tell, " tell ")
			}
			if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// words are everything in a call, as the table has it.
func (call *Call) words(err error) []string {
	var words []string
	if err == nil {
		words = append(words, call.Args...)
	}
	if n := call.Network; n != nil && err == nil {
		words = append(words, "net", pair(n))
	}
	if p := call.Plaintext; p != nil && err == nil {
		words = append(words, "plain", pair(p))
	}
	if call.Prog != nil && err == nil {
		words = append(append(words, "unset", strconv.Itoa(len(call.Unset)), "--"), call.Prog...)
	}
	if call.ByFIN && err == nil {
		words = append(words, "by-fin")
	}
	if call.TakeFIN && err == nil {
		words = append(words, "take-fin")
	}
	if call.User != nil && err == nil {
		words = append(words, "as", strconv.Itoa(call.User.UID), strconv.Itoa(call.User.GID))
		if call.User.Invalid != "" {
			words = append(words, "or", call.User.Invalid)
		}
	}
	if call.AnyName && err == nil {
		words = append(words, "any-name")
	}
	if call.Unverified && err == nil {
		words = append(words, "unverified")
	}
	if err == nil {
		words = append(words, call.sClientWords()...)
	}
	if call.Tell != nil {
		words = append(words, "tell", string(rune('0'+call.Tell.Kind)), "on", string(rune('0'+call.Tell.FD)))
		if call.Tell.Info != 0 {
			words = append(words, "info", strconv.Itoa(call.Tell.Info))
		}
		for i, yes := range []bool{call.Tell.Transcript.Brief, call.Tell.Transcript.Chain, call.Tell.Transcript.Strict, call.Tell.Transcript.Status, call.Tell.Transcript.Address} {
			if yes {
				words = append(words, []string{"brief", "chain", "strict", "status", "address"}[i])
			}
		}
	}
	return words
}

// sClientWords are those of what only s_client has.
func (call *Call) sClientWords() (words []string) {
	if call.CRLF {
		words = append(words, "crlf")
	}
	if call.NoInput {
		words = append(words, "empty")
	}
	if call.Bind.IsValid() {
		words = append(words, "from", call.Bind.String())
	}
	if call.MaxPath > 0 {
		words = append(words, "path", strconv.Itoa(call.MaxPath))
	}
	if call.Ciphers != nil {
		words = append(append(words, "ciphers"), call.Ciphers...)
	}
	if call.UserName != "" {
		words = append(words, "user", call.UserName)
	}
	if call.Then != nil {
		words = append(append(words, "then"), call.Then...)
	}
	if call.HandOn != nil {
		words = append(append(words, "hand", "on"), call.HandOn...)
	}
	return words
}

// What scripts in the wild give is served, or refused by the name of what cannot
// be.
func TestWild(t *testing.T) {
	table, err := os.ReadFile("testdata/s_client.txt")
	if err != nil {
		t.Fatal(err)
	}
	served, all := 0, 0
	for line := range strings.Lines(string(table)) {
		verdict, args, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok {
			continue
		}
		all++
		_, err := Translate("openssl", wildWords(args), nil)
		reason, refused := strings.CutPrefix(verdict, "refused ")
		switch {
		case !refused:
			served++
			if err != nil {
				t.Errorf("%s: %v", args, err)
			}
		case err == nil || !strings.Contains(err.Error(), reason):
			t.Errorf("%s: %v", args, err)
		}
	}
	if all < 61 || served < 50 {
		t.Errorf("%d lists, of which %d are served", all, served)
	}
}

// wildWords are the arguments of a line of the table.
func wildWords(line string) []string {
	words := []string{"s_client"}
	for _, word := range strings.Fields(line) {
		words = append(words, strings.ReplaceAll(word, "~", " "))
	}
	return words
}

func pair(p *Pair) string { return string(rune('0'+p.In)) + "," + string(rune('0'+p.Out)) }

// A list of cipher suites is of those of ours that OpenSSL takes it for.
func TestCipherListsAsOpenSSL(t *testing.T) {
	if version, _ := exec.Command("openssl", "version").Output(); !strings.HasPrefix(string(version), "OpenSSL ") {
		t.Skip("there is no openssl of OpenSSL's")
	}
	for _, list := range []string{
		"ALL:!SHA1:!SHA256:!SHA384", "FIPS", "SHA256", "ECDHE+SHA384", "HIGH@STRENGTH", "HIGH:@STRENGTH", "DEFAULT:!aRSA@SECLEVEL=1",
		"CHACHA20", "AES", "AESGCM", "AES128", "AES256", "RSA", "ECDSA", "ECDH", "ECDHE", "EECDH", "kECDHE", "kEECDH", "TLSv1.2", "TLSv1.2+AES128",
		"kECDHE+aRSA", "aECDSA+CHACHA20", "ECDHE-RSA-CHACHA20-POLY1305", "ALL:-AES:AES128", "HIGH !AES", "ECDHE,!AES128", "ECDHE;!AES256",
		"AES:+AES128", "+AES", "!AES:ALL", "AES:@SECLEVEL=1", "AES@SECLEVEL=2:!AES128", "@SECLEVEL=1:RC4", "TLSv1", "MEDIUM", "DEFAULT",
	} {
		// Where it takes a list for none, it fails, or with none of ours succeeds.
		out, _ := exec.Command("openssl", "ciphers", "-s", "-tls1_2", list).Output()
		theirs := strings.FieldsFunc(string(out), func(r rune) bool { return r == ':' || r == '\n' })
		var want []string
		for _, suite := range suites12() {
			if slices.Contains(theirs, suite.name) {
				want = append(want, suite.name)
			}
		}
		got, err := cipherList(list)
		if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (want != nil) {
			t.Errorf("%s: %v %s", list, err, diff)
		}
	}
}

// The options of s_client take a value where OpenSSL's do; of those that only a later
// one has, the table in TestTranslate knows.
func TestOptionsAsOpenSSL(t *testing.T) {
	help, err := exec.Command("openssl", "s_client", "-help").CombinedOutput()
	if err != nil {
		t.Skip("there is no openssl: ", err)
	}
	known := 0
	for line := range strings.Lines(string(help)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		takes, ours := sClientOptions()[strings.TrimPrefix(fields[0], "-")]
		if !ours {
			continue
		}
		known++
		// What it takes stands in the column behind the name; what it is for is further off.
		name := strings.Index(line, fields[0]) + len(fields[0])
		if theirs := strings.HasPrefix(line[name:], " "+fields[1]); theirs != takes {
			t.Errorf("%s: a value: %t", fields[0], takes)
		}
	}
	if known < 50 {
		t.Errorf("it has %d of ours", known)
	}
}

// BusyBox's call is known by its beginning, and only that is.
func TestComplaints(t *testing.T) {
	for told, want := range map[string]int{
		"s_client -quiet -connect a.test:443 -servername a.test": 3,
		"s_client -connect a.test:443 -quiet":                    0,
	} {
		call, err := Translate("openssl", strings.Fields(told), nil)
		if err != nil || call.Complaints != want {
			t.Errorf("%s: %d, %v", told, call.Complaints, err)
		}
	}
}

// everything is an environment in which each variable that is looked for has the
// same value.
func everything(value string) (env Environment) {
	if value == "" {
		return nil
	}
	for _, name := range []string{"CADIR", "CAFILE", "CERTFILE", "KEYFILE", "CERTFILE:a", "KEYFILE:a", "TLS_UID", "TLS_GID", "TLS_PROTOCOL", "TLS_CIPHER_LIST",
		"TLS_CERTFILE", "TLS_PRIVATE_KEYFILE", "TLS_TRUSTCERTS", "TLS_VERIFYPEER", "ALL_PROXY", "HTTPS_PROXY"} {
		env = append(env, name+"="+value)
	}
	return env
}

// Certificates are checked, and for a name, but where the contract of s6 or
// couriertls leaves out the name, and with that, for couriertls, the check, and
// where s6 is told so.
func FuzzTranslate(f *testing.F) {
	for _, c := range calls {
		f.Add(c.name, c.told, "v")
		f.Add(c.name, c.told, "NONE")
		f.Add(c.name, c.told, "PEER")
	}
	f.Fuzz(func(t *testing.T, name, told, value string) {
		if !Known(name) {
			return
		}
		call, err := Translate(name, strings.Fields(told), everything(value))
		if err != nil {
			return
		}
		if call.HandOn != nil || call.Args[0] == "help" {
			return
		}
		if call.Args[0] != "connect" && call.Args[0] != "accept" {
			t.Errorf("the form is %q", call.Args[0])
		}
		unnamed := !slices.ContainsFunc(call.Args, func(arg string) bool { return strings.HasPrefix(arg, "--name=") })
		client := strings.HasPrefix(name, "s6-") || name == "couriertls"
		unverified := name == "couriertls" && call.AnyName && value != "PEER" || strings.HasPrefix(name, "s6-") && strings.Contains(told, "--no-verify-cert")
		if call.AnyName && !(unnamed && client) || call.Unverified && !unverified {
			t.Errorf("any name %t, unverified %t, of %q", call.AnyName, call.Unverified, call.Args)
		}
		for _, arg := range call.Args[1:] {
			option, _, _ := strings.Cut(arg, "=")
			switch option {
			case "--opportunistic", "--ask", "--pin", "--options-fd", "--control-fd":
				t.Errorf("there is %s", arg)
			case "--client-cert-in-clear": // as that contract has it
				if name != "ggl-tls-helper" {
					t.Errorf("there is %s", arg)
				}
			}
		}
	})
}
