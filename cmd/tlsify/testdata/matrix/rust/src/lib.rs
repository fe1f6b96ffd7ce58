//! What starts ../peer.c.
use std::ffi::{c_char, c_int, CString};

extern "C" {
    fn peer_main(argc: c_int, argv: *const *const c_char) -> c_int;
}

pub fn run() -> ! {
    let args: Vec<CString> = std::env::args().map(|a| CString::new(a).expect("no NUL")).collect();
    let mut argv: Vec<*const c_char> = args.iter().map(|a| a.as_ptr()).collect();
    argv.push(std::ptr::null());
    std::process::exit(unsafe { peer_main(args.len() as c_int, argv.as_ptr()) });
}
