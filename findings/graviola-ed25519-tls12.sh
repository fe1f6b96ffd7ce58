#!/usr/bin/env bash
# Software: rustls 0.23.46 with rustls-graviola 0.4.0 (needs cargo and a C compiler, and a processor
# that graviola runs on: x86-64 with AVX2, or aarch64) as a client, and any server of TLS 1.2 with
# an Ed25519 certificate, here OpenSSL's s_server; beside it the same client with ring.
#
# Behaviour: the client offers ed25519 in its signature_algorithms, whichever the version, and takes
# a signature by such a key under TLS 1.3. Under TLS 1.2, where ECDHE_ECDSA suites go with such
# certificates, too (RFC 8422, section 5.10), it ends the handshake with illegal_parameter and says
# that the server has misbehaved, SignedKxWithWrongAlgorithm. The provider's suites of TLS 1.2 list
# ECDSA alone, and the ClientHello is made from another list.
#
# Output seen on 2026-11-30:
#   rustls 0.23.46, a server with an Ed25519 certificate: graviola 0.4.0: TLS 1.2 peer misbehaved: SignedKxWithWrongAlgorithm, TLS 1.3 good; ring: TLS 1.2 good, TLS 1.3 good
set -euo pipefail
dir=$(mktemp -d)
server=
trap 'if [ "$server" ]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$dir"' EXIT
cd "$dir"
mkdir src
cat >Cargo.toml <<'END'
[package]
name = "client"
version = "0.1.0"
edition = "2021"

[dependencies]
rustls = { version = "=0.23.46", default-features = false, features = ["std", "ring", "tls12"] }
rustls-graviola = "=0.4.0"
END
cat >src/main.rs <<'END'
use rustls::pki_types::{pem::PemObject, CertificateDer};
use rustls::version::{TLS12, TLS13};
use std::{net::TcpStream, sync::Arc};

/// PORT PROVIDER: how a handshake ends under each version.
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file("cert.pem").unwrap()).unwrap();
    let mut told = Vec::new();
    for (name, version) in [("TLS 1.2", &TLS12), ("TLS 1.3", &TLS13)] {
        let provider = match args[2].as_str() {
            "ring" => rustls::crypto::ring::default_provider(),
            _ => rustls_graviola::default_provider(),
        };
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let mut tls = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let mut socket = TcpStream::connect(format!("127.0.0.1:{}", args[1])).unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
        let mut how = "good".to_string();
        while tls.is_handshaking() {
            if let Err(e) = tls.complete_io(&mut socket) {
                how = e.to_string();
                break;
            }
        }
        told.push(format!("{name} {how}"));
    }
    println!("{}", told.join(", "));
}
END
timeout 900 cargo build --quiet
openssl req -x509 -newkey ed25519 -nodes -keyout ca.key -out cert.pem -days 2 -subj "/CN=a root" 2>/dev/null
openssl req -new -newkey ed25519 -nodes -keyout key.pem -out request.pem -subj /CN=localhost 2>/dev/null
printf 'basicConstraints = CA:FALSE\nsubjectAltName = DNS:localhost\n' >extensions
openssl x509 -req -in request.pem -CA cert.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out server.pem 2>/dev/null
port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
openssl s_server -quiet -accept "127.0.0.1:$port" -cert server.pem -key key.pem >server.log 2>&1 </dev/null &
server=$!
for ((i = 0; i < 100; i++)); do
	if grep -q "$(printf '0100007F:%04X 00000000:0000 0A' "$port")" /proc/net/tcp; then break; fi
	sleep 0.1
done
graviola=$(timeout 60 target/debug/client "$port" graviola)
ring=$(timeout 60 target/debug/client "$port" ring)
echo "rustls 0.23.46, a server with an Ed25519 certificate: graviola 0.4.0: $graviola; ring: $ring"
[ "$graviola; $ring" = "TLS 1.2 peer misbehaved: SignedKxWithWrongAlgorithm, TLS 1.3 good; TLS 1.2 good, TLS 1.3 good" ]
