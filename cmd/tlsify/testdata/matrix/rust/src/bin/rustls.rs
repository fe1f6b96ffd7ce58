//! rustls: the functions of ../peer.h.
use std::ffi::{c_char, c_int, CStr, CString};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::ptr;
use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, Connection, HandshakeKind, RootCertStore, ServerConfig, ServerConnection};

enum Side {
    Server(Arc<ServerConfig>),
    Client(Arc<ClientConfig>, ServerName<'static>),
}

pub struct Tls {
    conn: Connection,
    socket: TcpStream,
    name: CString,
}

static SIDE: OnceLock<Side> = OnceLock::new();

#[repr(transparent)]
pub struct Words([*const c_char; 1]);
unsafe impl Sync for Words {}

#[no_mangle]
#[allow(non_upper_case_globals)]
pub static lib_cannot: Words = Words([ptr::null()]);

#[no_mangle]
#[allow(non_upper_case_globals)]
pub static lib_keys: Words = Words([ptr::null()]);

#[no_mangle]
pub extern "C" fn lib_name() -> *const c_char {
    c"rustls 0.23.46".as_ptr()
}

/// # Safety
/// All are strings of C.
#[no_mangle]
pub unsafe extern "C" fn lib_setup(server: c_int, tls13: c_int, chain: *const c_char, key: *const c_char, roots: *const c_char, host: *const c_char) {
    let text = |s| CStr::from_ptr(s).to_str().expect("UTF-8").to_string();
    let versions = if tls13 != 0 { &[&TLS13] } else { &[&TLS12] };
    let chain: Vec<_> = CertificateDer::pem_file_iter(text(chain)).expect("chain").map(|c| c.expect("certificate")).collect();
    let key = PrivateKeyDer::from_pem_file(text(key)).expect("key");
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(text(roots)).expect("roots") {
        store.add(root.expect("root")).expect("root");
    }
    let roots = Arc::new(store);
    let side = if server != 0 {
        let clients = WebPkiClientVerifier::builder(roots).allow_unauthenticated().build().expect("verifier");
        let mut config = ServerConfig::builder_with_protocol_versions(versions)
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .expect("identity");
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().expect("tickets");
        Side::Server(Arc::new(config))
    } else {
        let mut config = ClientConfig::builder_with_protocol_versions(versions)
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .expect("identity");
        config.resumption = Resumption::in_memory_sessions(8);
        Side::Client(Arc::new(config), ServerName::try_from(text(host)).expect("name"))
    };
    assert!(SIDE.set(side).is_ok());
}

#[no_mangle]
pub extern "C" fn lib_handshake(fd: c_int) -> *mut Tls {
    let mut conn: Connection = match SIDE.get().expect("setup") {
        Side::Server(config) => ServerConnection::new(config.clone()).expect("connection").into(),
        Side::Client(config, name) => ClientConnection::new(config.clone(), name.clone()).expect("connection").into(),
    };
    let mut socket = unsafe { TcpStream::from_raw_fd(fd) };
    while conn.is_handshaking() {
        if let Err(e) = conn.complete_io(&mut socket) {
            eprintln!("{e}");
            let _ = socket.into_raw_fd();
            return ptr::null_mut();
        }
    }
    let name = match conn.peer_certificates().and_then(|c| c.first()) {
        // It has no names of a certificate. The matrix has only one client.
        Some(c) if c.windows(18).any(|w| w == b"tlsify test client") => c"tlsify test client",
        Some(_) => c"another",
        None => c"none",
    };
    Box::into_raw(Box::new(Tls { conn, socket, name: name.into() }))
}

impl Tls {
    fn flush(&mut self) -> std::io::Result<()> {
        while self.conn.wants_write() {
            self.conn.write_tls(&mut self.socket)?;
        }
        Ok(())
    }

    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match self.conn.reader().read(buf) {
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            self.conn.read_tls(&mut self.socket)?;
            self.conn.process_new_packets().map_err(std::io::Error::other)?;
            self.flush()?;
        }
    }
}

/// # Safety
/// t comes from lib_handshake, and buf has len bytes.
#[no_mangle]
pub unsafe extern "C" fn lib_read(t: *mut Tls, buf: *mut u8, len: c_int) -> c_int {
    match (*t).read(std::slice::from_raw_parts_mut(buf, len as usize)) {
        Ok(n) => n as c_int,
        Err(_) => -1,
    }
}

/// # Safety
/// As lib_read.
#[no_mangle]
pub unsafe extern "C" fn lib_write(t: *mut Tls, buf: *const u8, len: c_int) -> c_int {
    for piece in std::slice::from_raw_parts(buf, len as usize).chunks(16_000) {
        if (*t).conn.writer().write_all(piece).is_err() || (*t).flush().is_err() {
            return -1;
        }
    }
    len
}

/// # Safety
/// t comes from lib_handshake.
#[no_mangle]
pub unsafe extern "C" fn lib_close_notify(t: *mut Tls) {
    (*t).conn.send_close_notify();
    let _ = (*t).flush();
}

/// # Safety
/// t comes from lib_handshake.
#[no_mangle]
pub unsafe extern "C" fn lib_update(t: *mut Tls) -> c_int {
    match (*t).conn.refresh_traffic_keys() {
        Ok(()) if (*t).flush().is_ok() => 0,
        _ => -1,
    }
}

/// # Safety
/// t comes from lib_handshake.
#[no_mangle]
pub unsafe extern "C" fn lib_resumed(t: *mut Tls) -> c_int {
    ((*t).conn.handshake_kind() == Some(HandshakeKind::Resumed)) as c_int
}

/// # Safety
/// t comes from lib_handshake.
#[no_mangle]
pub unsafe extern "C" fn lib_peer(t: *mut Tls) -> *const c_char {
    (*t).name.as_ptr()
}

/// # Safety
/// t comes from lib_handshake, and is not used again. The descriptor is peer.c's.
#[no_mangle]
pub unsafe extern "C" fn lib_free(t: *mut Tls) {
    let _ = Box::from_raw(t).socket.into_raw_fd();
}

fn main() {
    matrix_peers::run()
}
