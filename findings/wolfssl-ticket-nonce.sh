#!/usr/bin/env bash
# Software: wolfSSL 5.5.4 (Debian 12's libwolfssl35 and libwolfssl-dev, 5.5.4-2+deb12u3; needs
# apt-get, dpkg and a C compiler) as a client, and as servers Deno 2.9.6, whose TLS is rustls
# (npm's package @deno/linux-x64-glibc; needs npm), and OpenSSL's s_server.
#
# Behaviour: a TLS 1.3 ticket has a nonce of up to 255 bytes (RFC 8446, section 4.6.1). This
# client takes one of 8, as OpenSSL sends, and no longer one; rustls sends 32. So the handshake
# with a rustls server is good, and what fails is the first read behind it, with "The security
# parameter is invalid" (-425): nothing in that, nor in the server's log, tells of a ticket. It
# is so with each connection, also of a client that wants no session. Under TLS 1.2 all is good.
#
# Output seen on 2026-11-30:
#   wolfSSL 5.5.4, first read: from Deno 2.9.6: TLSv1.3 -425 (The security parameter is invalid), TLSv1.2 good; from OpenSSL: TLSv1.3 good, TLSv1.2 good
set -euo pipefail
dir=$(mktemp -d)
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
apt-get -o APT::Sandbox::User=root download -q libwolfssl35=5.5.4-2+deb12u3 libwolfssl-dev=5.5.4-2+deb12u3 >/dev/null
for deb in *.deb; do dpkg -x "$deb" wolfssl; done
npm install --silent --no-audit --no-fund --prefix . @deno/linux-x64-glibc@2.9.6 >/dev/null 2>&1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
cat >client.c <<'END'
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

/* PORT VERSION: asks the server for a line, and says how the read went. */
int main(int n, char **args)
{
	struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(atoi(args[1])) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), got, error;
	char line[200];
	WOLFSSL_CTX *context;
	WOLFSSL *ssl;

	alarm(20);
	inet_pton(AF_INET, "127.0.0.1", &server.sin_addr);
	if (n != 3 || connect(fd, (struct sockaddr *)&server, sizeof server) != 0)
		return 1;
	wolfSSL_Init();
	context = wolfSSL_CTX_new(strcmp(args[2], "TLSv1.3") ? wolfTLSv1_2_client_method() : wolfTLSv1_3_client_method());
	if (wolfSSL_CTX_load_verify_locations(context, "cert.pem", NULL) != WOLFSSL_SUCCESS)
		return 1;
	ssl = wolfSSL_new(context);
	wolfSSL_check_domain_name(ssl, "localhost");
	wolfSSL_set_fd(ssl, fd);
	if (wolfSSL_connect(ssl) != WOLFSSL_SUCCESS || wolfSSL_write(ssl, "olleh\n", 6) != 6)
		return 1;
	got = wolfSSL_read(ssl, line, sizeof line);
	if (got > 0) {
		printf("good\n");
	} else {
		error = wolfSSL_get_error(ssl, got);
		printf("%d (%s)\n", error, wolfSSL_ERR_error_string(error, line));
	}
	return 0;
}
END
lib=$dir/wolfssl/usr/lib/$(uname -m)-linux-gnu
cc -o client client.c -Iwolfssl/usr/include -L"$lib" -lwolfssl
cat >server.ts <<'END'
const read = Deno.readTextFileSync;
const listener = Deno.listenTls({ hostname: "127.0.0.1", port: +Deno.args[0], cert: read("cert.pem"), key: read("key.pem") });
for await (const connection of listener) {
	connection.read(new Uint8Array(100)).then(() => connection.write(new TextEncoder().encode("hello\n"))).catch(() => {});
}
END
free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
deno=$(free)
DENO_NO_UPDATE_CHECK=1 DENO_DIR=$dir/cache timeout 120 node_modules/@deno/linux-x64-glibc/deno run --allow-net --allow-read server.ts "$deno" >log 2>&1 &
servers+=($!)
openssl=$(free)
timeout 120 openssl s_server -accept "127.0.0.1:$openssl" -cert cert.pem -key key.pem -rev -quiet >log2 2>&1 &
servers+=($!)
for port in "$deno" "$openssl"; do
	for _ in $(seq 150); do
		if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
		sleep 0.2
	done
done
by() { # PORT VERSION
	LD_LIBRARY_PATH=$lib timeout 30 ./client "$1" "$2" || echo failed
}
new=$(by "$deno" TLSv1.3)
told="$(by "$deno" TLSv1.2) $(by "$openssl" TLSv1.3) $(by "$openssl" TLSv1.2)"
read -r old other3 other2 <<<"$told"
echo "wolfSSL 5.5.4, first read: from Deno 2.9.6: TLSv1.3 $new, TLSv1.2 $old; from OpenSSL: TLSv1.3 $other3, TLSv1.2 $other2"
[[ "$new / $told" = '-425 '*' / good good good' ]]
