//! rustls as a peer, for interop_rustls_test.go.
//!
//!     rustls-peer server CERT KEY CA GROUP       echoes; says PORT N
//!     rustls-peer client CERT KEY CA GROUP PORT NAME
//!
//! Both ask for TLS 1.3, one group, a certificate of the other side and ALPN
//! `echo`. The client connects twice and says `SAME BOOL KIND` of each
//! connection: whether its 300,000 bytes came back, and rustls's word for the
//! kind of handshake.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::{env, thread};

use rustls::crypto::{aws_lc_rs, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, Stream};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

struct Pki {
    provider: Arc<CryptoProvider>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: Arc<RootCertStore>,
}

fn pki(cert: &str, key: &str, ca: &str, group: &str) -> Result<Pki> {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = aws_lc_rs::ALL_KX_GROUPS.to_vec();
    provider.kx_groups.retain(|g| format!("{:?}", g.name()).eq_ignore_ascii_case(group));
    if provider.kx_groups.is_empty() {
        return Err(format!("no group {group}").into());
    }
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(ca)? {
        roots.add(root?)?;
    }
    Ok(Pki {
        provider: Arc::new(provider),
        chain: CertificateDer::pem_file_iter(cert)?.collect::<std::result::Result<_, _>>()?,
        key: PrivateKeyDer::from_pem_file(key)?,
        roots: Arc::new(roots),
    })
}

fn server(pki: Pki) -> Result<()> {
    let clients = WebPkiClientVerifier::builder_with_provider(pki.roots, pki.provider.clone()).build()?;
    let mut config = ServerConfig::builder_with_provider(pki.provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(clients)
        .with_single_cert(pki.chain, pki.key)?;
    config.alpn_protocols = vec![b"echo".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("PORT {}", listener.local_addr()?.port());
    for socket in listener.incoming() {
        let (mut socket, config) = (socket?, config.clone());
        thread::spawn(move || {
            if let Err(e) = echo(&mut socket, config) {
                eprintln!("{e}");
            }
        });
    }
    Ok(())
}

fn echo(socket: &mut TcpStream, config: Arc<ServerConfig>) -> Result<()> {
    let mut conn = ServerConnection::new(config)?;
    let mut buffer = vec![0; 1 << 16];
    let mut stream = Stream::new(&mut conn, socket);
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        stream.write_all(&buffer[..n])?;
    }
    finish(&mut stream)
}

fn client(pki: Pki, port: u16, name: &str) -> Result<()> {
    let mut config = ClientConfig::builder_with_provider(pki.provider)
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(pki.roots)
        .with_client_auth_cert(pki.chain, pki.key)?;
    config.alpn_protocols = vec![b"echo".to_vec()];
    let config = Arc::new(config);
    let name = ServerName::try_from(name.to_string())?;
    for _ in 0..2 {
        let mut conn = ClientConnection::new(config.clone(), name.clone())?;
        let mut socket = TcpStream::connect(("127.0.0.1", port))?;
        let mut stream = Stream::new(&mut conn, &mut socket);
        let sent: Vec<u8> = (0..300_000u32).map(|i| (i >> 3) as u8).collect();
        let mut same = true;
        for piece in sent.chunks(20_000) {
            stream.write_all(piece)?;
            let mut back = vec![0; piece.len()];
            stream.read_exact(&mut back)?;
            same &= back == piece;
        }
        finish(&mut stream)?;
        stream.read_to_end(&mut Vec::new())?; // the other's close_notify
        println!("SAME {same} {:?}", conn.handshake_kind().ok_or("no handshake")?);
    }
    Ok(())
}

/// Sends close_notify.
fn finish<C, S>(stream: &mut Stream<'_, C, TcpStream>) -> Result<()>
where
    C: std::ops::DerefMut + std::ops::Deref<Target = rustls::ConnectionCommon<S>>,
    S: rustls::SideData,
{
    stream.conn.send_close_notify();
    while stream.conn.wants_write() {
        stream.conn.write_tls(stream.sock)?;
    }
    Ok(())
}

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["server", cert, key, ca, group] => server(pki(cert, key, ca, group)?),
        ["client", cert, key, ca, group, port, name] => client(pki(cert, key, ca, group)?, port.parse()?, name),
        _ => Err(io::Error::other("usage: rustls-peer server|client CERT KEY CA GROUP [PORT NAME]").into()),
    }
}
