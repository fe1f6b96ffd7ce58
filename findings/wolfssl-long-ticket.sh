#!/usr/bin/env bash
# Software: wolfSSL 5.5.4 (Debian 12's libwolfssl35 and libwolfssl-dev, 5.5.4-2+deb12u3; needs
# apt-get, dpkg and a C compiler) as a client, and OpenSSL's s_server.
#
# Behaviour: a server may put into a TLS 1.3 ticket what it has to know of the client, its
# certificate as well, and a ticket may have 65,535 bytes (RFC 8446, section 4.6.1). This client
# keeps any. But its next connection, which offers that session, has no room for one of more
# than about 1.5 kB: it fails with "malformed buffer input error" (-328) before it has sent a
# byte. So does each one after it, until the session is given up: a client with a certificate
# of many names, or with a chain, connects to such a server once.
#
# Output seen on 2026-11-30:
#   wolfSSL 5.5.4, second connection: with a certificate of 1 name and a ticket of 624 bytes resumed; of 121 names, 3760 bytes -328 (malformed buffer input error), and without the session good
set -euo pipefail
dir=$(mktemp -d)
server=
trap 'kill $server 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
apt-get -o APT::Sandbox::User=root download -q libwolfssl35=5.5.4-2+deb12u3 libwolfssl-dev=5.5.4-2+deb12u3 >/dev/null
for deb in *.deb; do dpkg -x "$deb" wolfssl; done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
for names in 0 120; do
	san=DNS:client.test
	for ((i = 0; i < names; i++)); do san+=,DNS:name-$i.of.a.client.test; done
	openssl req -x509 -key key.pem -out "$names.pem" -days 2 -subj /CN=client -addext "subjectAltName=$san" 2>/dev/null
done
cat >client.c <<'END'
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

/* PORT NAME [fresh]: connects twice with the certificate NAME, and says how the second time
   went, with the session of the first or without it. */
int main(int n, char **args)
{
	struct sockaddr_in server = { .sin_family = AF_INET };
	char file[100], line[200];
	WOLFSSL_CTX *context;
	WOLFSSL_SESSION *session = NULL;
	int i;

	alarm(20);
	if (n < 3)
		return 1;
	server.sin_port = htons(atoi(args[1]));
	inet_pton(AF_INET, "127.0.0.1", &server.sin_addr);
	wolfSSL_Init();
	context = wolfSSL_CTX_new(wolfTLSv1_3_client_method());
	snprintf(file, sizeof file, "%s.pem", args[2]);
	if (wolfSSL_CTX_load_verify_locations(context, "cert.pem", NULL) != WOLFSSL_SUCCESS ||
	    wolfSSL_CTX_use_certificate_chain_file(context, file) != WOLFSSL_SUCCESS ||
	    wolfSSL_CTX_use_PrivateKey_file(context, "key.pem", WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS)
		return 1;
	for (i = 0; i < 2; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0), error;
		WOLFSSL *ssl = wolfSSL_new(context);

		if (connect(fd, (struct sockaddr *)&server, sizeof server) != 0)
			return 1;
		wolfSSL_check_domain_name(ssl, "localhost");
		wolfSSL_set_fd(ssl, fd);
		if (session)
			wolfSSL_set_session(ssl, session);
		if (wolfSSL_connect(ssl) != WOLFSSL_SUCCESS) {
			error = wolfSSL_get_error(ssl, 0);
			printf("%d (%s)\n", error, wolfSSL_ERR_error_string(error, line));
			return 0;
		}
		if (wolfSSL_write(ssl, "olleh\n", 6) != 6 || wolfSSL_read(ssl, line, sizeof line) <= 0)
			return 1;
		if (i == 1)
			printf(wolfSSL_session_reused(ssl) ? "resumed\n" : "good\n");
		if (n == 3)
			session = wolfSSL_get1_session(ssl);
		wolfSSL_shutdown(ssl);
		wolfSSL_free(ssl);
		close(fd);
	}
	return 0;
}
END
lib=$dir/wolfssl/usr/lib/$(uname -m)-linux-gnu
cc -o client client.c -Iwolfssl/usr/include -L"$lib" -lwolfssl
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
timeout 120 openssl s_server -accept "127.0.0.1:$port" -tls1_3 -cert cert.pem -key key.pem -verify 1 -rev -quiet >log 2>&1 &
server=$!
for _ in $(seq 150); do
	if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
	sleep 0.2
done
second() { LD_LIBRARY_PATH=$lib timeout 30 ./client "$port" "$@" || echo failed; }
ticket() { # NAME: how long a ticket is, in whole lines of 16 bytes
	(sleep 2) | timeout 20 openssl s_client -connect "127.0.0.1:$port" -cert "$1.pem" -key key.pem 2>/dev/null |
		awk '/TLS session ticket:/ { n = 0; f = 1; next } f && /^ *[0-9a-f]+ - / { n += 16; next } f { print n; f = 0 }' | sed -n 1p
}
short=$(second 0)
long=$(second 120)
fresh=$(second 120 fresh)
echo "wolfSSL 5.5.4, second connection: with a certificate of 1 name and a ticket of $(ticket 0) bytes $short; of 121 names, $(ticket 120) bytes $long, and without the session $fresh"
[[ "$short / $long / $fresh" = 'resumed / -328 '*' / good' ]]
