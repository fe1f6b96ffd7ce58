//! s2n-tls: ../lib_s2n.c.
extern crate s2n_tls_sys as _;

fn main() {
    matrix_peers::run()
}
