//! The secrets that Tollgate mints: a prefix that tells what it is, 43 base62 characters of 256 random bits, and 6 that
//! are the CRC-32 of what precedes them, so that scanners and programs can tell a secret from a typo.

/// What an app presents to a gateway.
pub const API_KEY: &str = "tgk_";
/// What a gateway node presents to the control plane.
pub const NODE: &str = "tgn_";
/// What a machine presents to the control API.
pub const MANAGEMENT: &str = "tgm_";
/// What an API client exchanges for its next access token.
pub const REFRESH: &str = "tgr_";
/// What a one-time link carries.
pub const LINK: &str = "tgl_";
/// What a browser's cookie carries.
pub const SESSION: &str = "tgs_";

/// A new secret. `random` is 32 bytes from the operating system.
pub fn mint(prefix: &str, random: &[u8; 32]) -> String {
    let mut token = format!("{prefix}{}", base62(random, 43));
    let checksum = checksum(&token);
    token.push_str(&checksum);
    token
}

/// Whether `text` has the form of a secret with this prefix, checksum included.
pub fn is_well_formed(prefix: &str, text: &str) -> bool {
    text.len() == prefix.len() + 49
        && text.starts_with(prefix)
        && text.bytes().skip(prefix.len()).all(|byte| byte.is_ascii_alphanumeric())
        && checksum(&text[..text.len() - 6]) == text[text.len() - 6..]
}

fn checksum(text: &str) -> String {
    base62(&crc32(text.as_bytes()).to_be_bytes(), 6)
}

/// `bytes` as a big-endian number in base 62, padded to `width` characters.
fn base62(bytes: &[u8], width: usize) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut number = bytes.to_vec();
    let mut out = vec![b'0'; width];
    for slot in out.iter_mut().rev() {
        let mut remainder = 0u32;
        for byte in &mut number {
            let value = remainder * 256 + u32::from(*byte);
            *byte = (value / 62) as u8;
            remainder = value % 62;
        }
        *slot = DIGITS[remainder as usize];
    }
    out.into_iter().map(char::from).collect()
}

/// CRC-32 (IEEE 802.3), bit by bit: it runs once per secret.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes
        .iter()
        .fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_secret_has_the_published_form_and_a_typo_has_not() {
        let key = mint(API_KEY, &[255; 32]);
        assert_eq!(key.len(), 4 + 43 + 6);
        assert!(is_well_formed(API_KEY, &key));
        assert!(!is_well_formed(NODE, &key));
        assert!(!is_well_formed(API_KEY, &key[1..]));
        let typo = key.replacen(&key[10..11], if &key[10..11] == "a" { "b" } else { "a" }, 1);
        assert!(!is_well_formed(API_KEY, &typo));
        assert_ne!(mint(API_KEY, &[0; 32]), key);
    }

    #[test]
    fn the_checksum_is_the_usual_crc32() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
