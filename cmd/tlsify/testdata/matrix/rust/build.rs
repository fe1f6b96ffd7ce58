fn main() {
    let include = std::env::var("DEP_S2N_TLS_INCLUDE").expect("s2n-tls-sys says where s2n.h is");
    let version = "0.3.47"; // of the crate, as in Cargo.toml
    cc::Build::new().file("../peer.c").define("PEER_NO_MAIN", None).compile("peer");
    cc::Build::new()
        .file("../lib_s2n.c")
        .include(include)
        .define("S2N_VERSION", format!("\"(crate {version})\"").as_str())
        .compile("peer_s2n");
    println!("cargo:rerun-if-changed=..");
}
