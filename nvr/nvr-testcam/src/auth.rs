//! Who may watch: basic and digest authentication (RFC 7617, 2617, 7616), and locks after failed logins.
//!
//! Promises: a refusal is always 401 with a challenge; failures are counted per address, bounded.
//! Leaves to others: which requests are asked (`dialogue`).

use crate::config::{AuthScheme, Credentials};
use base64::Engine;
use md5::{Digest, Md5};
use sha2::Sha256;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Failed logins before an address is locked out.
pub(crate) const FAILURES_MAX: u32 = 3;
/// Addresses whose failures are remembered.
const ADDRESSES_MAX: usize = 1024;
const REALM: &str = "nvr testcam";

/// The door of one server.
#[derive(Debug)]
pub(crate) struct Guard {
    credentials: Option<Credentials>,
    nonce: String,
    always_refuse: bool,
    lock: Option<Duration>,
    failures: HashMap<IpAddr, (u32, Option<Instant>)>,
}

impl Guard {
    /// `lock` is for how long an address is refused after [`FAILURES_MAX`] failures.
    pub(crate) fn new(
        credentials: Option<Credentials>,
        always_refuse: bool,
        lock: Option<Duration>,
        nonce: String,
    ) -> Self {
        Self { credentials, nonce, always_refuse, lock, failures: HashMap::new() }
    }

    /// Everything is refused for this address, with or without credentials.
    pub(crate) fn locked(&mut self, ip: IpAddr, now: Instant) -> bool {
        if let Some((_, Some(until))) = self.failures.get(&ip) {
            if now < *until {
                return true;
            }
            self.failures.remove(&ip);
        }
        self.always_refuse
    }

    /// The request with this `Authorization` header may pass.
    pub(crate) fn admits(&mut self, method: &str, header: Option<&str>, ip: IpAddr, now: Instant) -> bool {
        if self.locked(ip, now) {
            return false;
        }
        let Some(credentials) = &self.credentials else { return true };
        let Some(header) = header else { return false };
        if proves(credentials, &self.nonce, method, header) {
            self.failures.remove(&ip);
            return true;
        }
        if self.failures.len() < ADDRESSES_MAX || self.failures.contains_key(&ip) {
            let (count, until) = self.failures.entry(ip).or_default();
            *count += 1;
            if let Some(lock) = self.lock
                && *count >= FAILURES_MAX
            {
                *until = Some(now + lock);
            }
        }
        false
    }

    /// Value of the `WWW-Authenticate` header.
    pub(crate) fn challenge(&self) -> String {
        let nonce = &self.nonce;
        match self.credentials.as_ref().map_or(AuthScheme::Digest, |c| c.scheme) {
            AuthScheme::Basic => format!("Basic realm=\"{REALM}\""),
            AuthScheme::Digest => format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\""),
            AuthScheme::DigestSha256 => {
                format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", algorithm=SHA-256, qop=\"auth\"")
            }
        }
    }
}

fn proves(credentials: &Credentials, nonce: &str, method: &str, header: &str) -> bool {
    let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header, ""));
    if credentials.scheme == AuthScheme::Basic {
        let expected = format!("{}:{}", credentials.user, credentials.password);
        return scheme.eq_ignore_ascii_case("basic")
            && base64::engine::general_purpose::STANDARD
                .decode(rest.trim())
                .is_ok_and(|given| given == expected.as_bytes());
    }
    let fields = parameters(rest);
    let get = |name: &str| fields.get(name).map_or("", String::as_str);
    scheme.eq_ignore_ascii_case("digest")
        && get("username") == credentials.user
        && get("nonce") == nonce
        && get("realm") == REALM
        && get("response").eq_ignore_ascii_case(&response(credentials, method, &fields))
}

/// `request-digest` (RFC 7616 §3.4.1; without `qop` as RFC 2069 has it).
fn response(credentials: &Credentials, method: &str, fields: &HashMap<String, String>) -> String {
    let get = |name: &str| fields.get(name).map_or("", String::as_str);
    let hash = |text: String| match credentials.scheme {
        AuthScheme::DigestSha256 => hex::encode(Sha256::digest(text)),
        _ => hex::encode(Md5::digest(text)),
    };
    let a1 = hash(format!("{}:{}:{}", credentials.user, get("realm"), credentials.password));
    let a2 = hash(format!("{method}:{}", get("uri")));
    if get("qop").is_empty() {
        hash(format!("{a1}:{}:{a2}", get("nonce")))
    } else {
        hash(format!("{a1}:{}:{}:{}:{}:{a2}", get("nonce"), get("nc"), get("cnonce"), get("qop")))
    }
}

/// `name=value` and `name="value"`, separated by commas.
fn parameters(text: &str) -> HashMap<String, String> {
    let (mut out, mut rest) = (HashMap::new(), text);
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        let name = name.trim_matches(|c: char| c == ',' || c.is_whitespace()).to_ascii_lowercase();
        out.insert(name, value.trim().to_owned());
        rest = next;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(user: &str, password: &str, scheme: AuthScheme) -> Credentials {
        Credentials { user: user.into(), password: password.into(), scheme }
    }

    fn check_response(password: &str, scheme: AuthScheme, header: &str, expected: &str) {
        let c = credentials("Mufasa", password, scheme);
        assert_eq!(response(&c, "GET", &parameters(header)), expected);
    }

    #[test]
    fn vectors_of_the_standards() {
        // RFC 2617 §3.5
        check_response(
            "Circle Of Life",
            AuthScheme::Digest,
            r#"username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
               uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", opaque="5ccc069c403ebaf9f0171e9517f40e41""#,
            "6629fae49393a05397450978507c4ef1",
        );
        // RFC 7616 §3.9.1
        let header = r#"username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=MD5,
            nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,
            cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth"#;
        check_response("Circle of Life", AuthScheme::Digest, header, "8ca523f5e9506fed4657c9700eebdbec");
        check_response(
            "Circle of Life",
            AuthScheme::DigestSha256,
            header,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        );
    }

    #[test]
    fn basic() {
        // RFC 7617 §2
        let c = credentials("Aladdin", "open sesame", AuthScheme::Basic);
        assert!(proves(&c, "", "PLAY", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        for bad in ["Basic QWxhZGRpbjpvcGVu", "Basic !", "Basic", "", "Digest QWxhZGRpbjpvcGVuIHNlc2FtZQ=="] {
            assert!(!proves(&c, "", "PLAY", bad), "{bad}");
        }
    }

    #[test]
    fn three_failures_lock() {
        let lock = Duration::from_secs(60);
        let c = credentials("u", "p", AuthScheme::Basic);
        let mut g = Guard::new(Some(c), false, Some(lock), "n".into());
        let (ip, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let now = Instant::now();
        let good = Some("Basic dTpw");
        assert!(!g.admits("PLAY", None, ip, now), "no credentials is no failure");
        for _ in 0..FAILURES_MAX {
            assert!(!g.locked(ip, now));
            assert!(!g.admits("PLAY", Some("Basic eDp5"), ip, now));
        }
        assert!(g.locked(ip, now));
        assert!(!g.admits("PLAY", good, ip, now));
        assert!(g.admits("PLAY", good, other, now));
        assert!(g.admits("PLAY", good, ip, now + lock));
    }
}
