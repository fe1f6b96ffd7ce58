package fingerprint

import (
	"fmt"
	"strconv"
)

// A codeName is a row of a table of the IANA registries for TLS.
type codeName struct {
	id   uint16
	name string
}

// nameOf gives a code point's name, or the code point.
func nameOf(id uint16, table []codeName) string {
	if isGREASE(id) {
		return "GREASE"
	}
	for _, row := range table {
		if row.id == id {
			return row.name
		}
	}
	return fmt.Sprintf("0x%04x", id)
}

func named(ids []uint16, table []codeName) (names []string) {
	for _, id := range ids {
		names = append(names, nameOf(id, table))
	}
	return names
}

func extensionName(id uint16) string { return nameOf(id, extensionNames[:]) }

func pskModeName(mode uint8) string {
	switch mode {
	case 0:
		return "psk_ke"
	case 1:
		return "psk_dhe_ke"
	}
	return strconv.Itoa(int(mode))
}

var versionNames = [...]codeName{
	{0x0304, "TLSv1.3"}, {0x0303, "TLSv1.2"}, {0x0302, "TLSv1.1"}, {0x0301, "TLSv1.0"}, {0x0300, "SSLv3"},
}

var extensionNames = [...]codeName{
	{extServerName, "server_name"},
	{1, "max_fragment_length"},
	{2, "client_certificate_url"},
	{3, "trusted_ca_keys"},
	{4, "truncated_hmac"},
	{extStatusRequest, "status_request"},
	{6, "user_mapping"},
	{7, "client_authz"},
	{8, "server_authz"},
	{9, "cert_type"},
	{extSupportedGroups, "supported_groups"},
	{extPointFormats, "ec_point_formats"},
	{12, "srp"},
	{extSignatures, "signature_algorithms"},
	{14, "use_srtp"},
	{15, "heartbeat"},
	{extALPN, "application_layer_protocol_negotiation"},
	{17, "status_request_v2"},
	{18, "signed_certificate_timestamp"},
	{19, "client_certificate_type"},
	{20, "server_certificate_type"},
	{extPadding, "padding"},
	{22, "encrypt_then_mac"},
	{23, "extended_master_secret"},
	{24, "token_binding"},
	{25, "cached_info"},
	{26, "tls_lts"},
	{extCompressCertificate, "compress_certificate"},
	{extRecordSizeLimit, "record_size_limit"},
	{29, "pwd_protect"},
	{30, "pwd_clear"},
	{31, "password_salt"},
	{32, "ticket_pinning"},
	{33, "tls_cert_with_extern_psk"},
	{extDelegated, "delegated_credential"},
	{extSessionTicket, "session_ticket"},
	{36, "TLMSP"},
	{37, "TLMSP_proxying"},
	{38, "TLMSP_delegate"},
	{39, "supported_ekt_ciphers"},
	{extPreSharedKey, "pre_shared_key"},
	{42, "early_data"},
	{extVersions, "supported_versions"},
	{44, "cookie"},
	{extPSKModes, "psk_key_exchange_modes"},
	{47, "certificate_authorities"},
	{48, "oid_filters"},
	{49, "post_handshake_auth"},
	{extSignaturesCert, "signature_algorithms_cert"},
	{extKeyShare, "key_share"},
	{52, "transparency_info"},
	{54, "connection_id"},
	{55, "external_id_hash"},
	{56, "external_session_id"},
	{57, "quic_transport_parameters"},
	{58, "ticket_request"},
	{59, "dnssec_chain"},
	{60, "sequence_number_encryption_algorithms"},
	{61, "rrc"},
	{62, "tls_flags"},
	{13172, "next_protocol_negotiation"},
	{extALPSOld, "application_settings_old"},
	{extALPS, "application_settings"},
	{30031, "channel_id_old"},
	{30032, "channel_id"},
	{extTrustAnchors, "trust_anchors"},
	{0xfd00, "ech_outer_extensions"},
	{extECH, "encrypted_client_hello"},
	{extRenegotiationInfo, "renegotiation_info"},
}

var groupNames = [...]codeName{
	{0x0001, "sect163k1"}, {0x0002, "sect163r1"}, {0x0003, "sect163r2"}, {0x0004, "sect193r1"}, {0x0005, "sect193r2"},
	{0x0006, "sect233k1"}, {0x0007, "sect233r1"}, {0x0008, "sect239k1"}, {0x0009, "sect283k1"}, {0x000a, "sect283r1"},
	{0x000b, "sect409k1"}, {0x000c, "sect409r1"}, {0x000d, "sect571k1"}, {0x000e, "sect571r1"},
	{0x000f, "secp160k1"}, {0x0010, "secp160r1"}, {0x0011, "secp160r2"}, {0x0012, "secp192k1"}, {0x0013, "secp192r1"},
	{0x0014, "secp224k1"}, {0x0015, "secp224r1"}, {0x0016, "secp256k1"},
	{0x0017, "secp256r1"}, {0x0018, "secp384r1"}, {0x0019, "secp521r1"},
	{0x001a, "brainpoolP256r1"}, {0x001b, "brainpoolP384r1"}, {0x001c, "brainpoolP512r1"},
	{0x001d, "x25519"}, {0x001e, "x448"},
	{0x001f, "brainpoolP256r1tls13"}, {0x0020, "brainpoolP384r1tls13"}, {0x0021, "brainpoolP512r1tls13"},
	{0x0022, "GC256A"}, {0x0023, "GC256B"}, {0x0024, "GC256C"}, {0x0025, "GC256D"},
	{0x0026, "GC512A"}, {0x0027, "GC512B"}, {0x0028, "GC512C"}, {0x0029, "curveSM2"},
	{0x0100, "ffdhe2048"}, {0x0101, "ffdhe3072"}, {0x0102, "ffdhe4096"}, {0x0103, "ffdhe6144"}, {0x0104, "ffdhe8192"},
	{0x0200, "MLKEM512"}, {0x0201, "MLKEM768"}, {0x0202, "MLKEM1024"},
	{0x11eb, "SecP256r1MLKEM768"}, {0x11ec, "X25519MLKEM768"}, {0x11ed, "SecP384r1MLKEM1024"}, {0x11ee, "curveSM2MLKEM768"},
	{0x6399, "X25519Kyber768Draft00"},
}

var signatureNames = [...]codeName{
	{0x0403, "ecdsa_secp256r1_sha256"}, {0x0503, "ecdsa_secp384r1_sha384"}, {0x0603, "ecdsa_secp521r1_sha512"},
	{0x0804, "rsa_pss_rsae_sha256"}, {0x0805, "rsa_pss_rsae_sha384"}, {0x0806, "rsa_pss_rsae_sha512"},
	{0x0809, "rsa_pss_pss_sha256"}, {0x080a, "rsa_pss_pss_sha384"}, {0x080b, "rsa_pss_pss_sha512"},
	{0x0401, "rsa_pkcs1_sha256"}, {0x0501, "rsa_pkcs1_sha384"}, {0x0601, "rsa_pkcs1_sha512"},
	{0x0807, "ed25519"}, {0x0808, "ed448"},
	{0x0201, "rsa_pkcs1_sha1"}, {0x0203, "ecdsa_sha1"}, {0x0202, "dsa_sha1"},
	{0x0301, "rsa_pkcs1_sha224"}, {0x0302, "dsa_sha224"}, {0x0303, "ecdsa_sha224"},
	{0x0402, "dsa_sha256"}, {0x0502, "dsa_sha384"}, {0x0602, "dsa_sha512"},
	{0x0704, "eccsi_sha256"}, {0x0705, "iso_ibs1"}, {0x0706, "iso_ibs2"}, {0x0707, "iso_chinese_ibs"}, {0x0708, "sm2sig_sm3"},
	{0x0709, "gostr34102012_256a"}, {0x070a, "gostr34102012_256b"}, {0x070b, "gostr34102012_256c"}, {0x070c, "gostr34102012_256d"},
	{0x070d, "gostr34102012_512a"}, {0x070e, "gostr34102012_512b"}, {0x070f, "gostr34102012_512c"},
	{0x081a, "ecdsa_brainpoolP256r1tls13_sha256"}, {0x081b, "ecdsa_brainpoolP384r1tls13_sha384"}, {0x081c, "ecdsa_brainpoolP512r1tls13_sha512"},
	{0x0420, "rsa_pkcs1_sha256_legacy"}, {0x0520, "rsa_pkcs1_sha384_legacy"}, {0x0620, "rsa_pkcs1_sha512_legacy"},
	{0x0904, "mldsa44"}, {0x0905, "mldsa65"}, {0x0906, "mldsa87"},
}

var compressionNames = [...]codeName{{1, "zlib"}, {2, "brotli"}, {3, "zstd"}}

var kdfNames = [...]codeName{{1, "HKDF-SHA256"}, {2, "HKDF-SHA384"}, {3, "HKDF-SHA512"}}

var aeadNames = [...]codeName{{1, "AES-128-GCM"}, {2, "AES-256-GCM"}, {3, "ChaCha20Poly1305"}}
