//! Camera addresses: `rtsp://user@host/stream` and `v4l2:/dev/v4l/by-path/…`.
//!
//! Promises: an address never holds a password; its shown form holds neither path nor query, where cameras hide them.
//! Leaves to others: connecting (`nvr-ingest`), opening (`nvr-media`).

use std::fmt;
use std::path::{Component, Path, PathBuf};
use url::Url;

/// Port of RTSP (RFC 2326 §3.2).
pub const RTSP_PORT: u16 = 554;

/// Longest address, in characters.
pub const ADDRESS_CHARS_MAX: usize = 1024;

/// An RTSP stream.
#[derive(Clone, PartialEq, Eq)]
pub struct RtspAddress {
    /// The address without user and password.
    pub url: Url,
    /// The user, percent-decoded.
    pub user: Option<String>,
}

/// Where a stream comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// RTSP.
    Rtsp(RtspAddress),
    /// A V4L2 device.
    V4l2(PathBuf),
}

/// What is wrong with an address. Carries nothing of it but its scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AddressFault {
    /// No address.
    Bad,
    /// An address of another kind.
    Scheme(String),
    /// There is, or seems to be, a password in it.
    Password,
    /// No path of a device.
    DevicePath,
}

impl Address {
    /// Reads an address.
    pub(crate) fn parse(text: &str) -> Result<Self, AddressFault> {
        if let Some(path) = text.strip_prefix("v4l2:") {
            return device(path).map(Self::V4l2).ok_or(AddressFault::DevicePath);
        }
        let Ok(mut url) = Url::parse(text) else {
            // A password with `/`, `#` or `?` breaks the address; saying "bad" would hide the true remedy.
            let user_info =
                text.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).map(|(user, _)| user);
            return Err(if user_info.is_some_and(|u| u.contains(':')) {
                AddressFault::Password
            } else {
                AddressFault::Bad
            });
        };
        // The same for one that leaves an address of a host called like the user: `rtsp://user:#secret@host/`.
        let after = text.split_once("://").map_or("", |(_, rest)| rest);
        let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
        let cut_short = after.contains('@') && (authority.ends_with(':') || url.fragment().is_some());
        if url.password().is_some() || cut_short {
            return Err(AddressFault::Password);
        }
        if url.scheme() != "rtsp" {
            return Err(AddressFault::Scheme(url.scheme().to_owned()));
        }
        if url.host_str().is_none_or(str::is_empty)
            || url.fragment().is_some()
            || text.chars().any(char::is_control)
        {
            return Err(AddressFault::Bad);
        }
        let user = Some(percent_decoded(url.username()).ok_or(AddressFault::Bad)?).filter(|u| !u.is_empty());
        url.set_username("").map_err(|()| AddressFault::Bad)?;
        Ok(Self::Rtsp(RtspAddress { url, user }))
    }

    /// The RTSP address, if it is one.
    pub fn rtsp(&self) -> Option<&RtspAddress> {
        match self {
            Self::Rtsp(rtsp) => Some(rtsp),
            Self::V4l2(_) => None,
        }
    }

    /// Host and port that sessions are counted by; `None` for devices and for this machine itself.
    pub(crate) fn session_host(&self) -> Option<String> {
        let url = &self.rtsp()?.url;
        let host = url.host_str()?.to_ascii_lowercase();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let local = bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        (!local).then(|| format!("{host}:{}", url.port().unwrap_or(RTSP_PORT)))
    }

    /// Does it look as if the path or query held a password?
    pub(crate) fn hides_password(&self) -> bool {
        let Some(rtsp) = self.rtsp() else { return false };
        let rest =
            format!("{}?{}", rtsp.url.path(), rtsp.url.query().unwrap_or_default()).to_ascii_lowercase();
        ["password=", "passwd=", "pwd=", "pass=", "psw="].iter().any(|word| rest.contains(word))
    }
}

/// An absolute path below `/dev`, with nothing that climbs out of it.
fn device(path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    let plain = path.components().all(|c| matches!(c, Component::RootDir | Component::Normal(_)));
    let named = path.components().count() > 2;
    let printable = !path.to_string_lossy().chars().any(char::is_control);
    (path.starts_with("/dev") && plain && named && printable).then(|| path.to_owned())
}

/// RFC 3986 §2.1; `None` when the result is not UTF-8 or holds control characters.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let high = (rest.next()? as char).to_digit(16)?;
        let low = (rest.next()? as char).to_digit(16)?;
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok().filter(|t| !t.chars().any(char::is_control))
}

impl fmt::Display for RtspAddress {
    /// Host and port only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rtsp://{}", self.url.host_str().unwrap_or_default())?;
        if let Some(port) = self.url.port() {
            write!(f, ":{port}")?;
        }
        f.write_str("/…")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtsp(rtsp) => rtsp.fmt(f),
            Self::V4l2(path) => write!(f, "v4l2:{}", path.display()),
        }
    }
}

impl fmt::Debug for RtspAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RtspAddress({self})")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(&str, Option<&str>), AddressFault>) {
        let got = Address::parse(text);
        let user = got.as_ref().ok().and_then(Address::rtsp).and_then(|r| r.user.clone());
        let got = got.map(|a| a.to_string());
        let expected_text = expected.clone().map(|(shown, _)| shown.to_owned());
        assert_eq!(got, expected_text, "{text}");
        assert_eq!(user.as_deref(), expected.ok().and_then(|(_, user)| user), "{text}");
    }

    #[test]
    fn addresses() {
        use AddressFault::{Bad, DevicePath, Password, Scheme};
        check("rtsp://10.0.0.4/s?x=1", Ok(("rtsp://10.0.0.4/…", None)));
        check("rtsp://admin@cam.lan:8554/s", Ok(("rtsp://cam.lan:8554/…", Some("admin"))));
        check("rtsp://a%40b@[fe80::1]/s", Ok(("rtsp://[fe80::1]/…", Some("a@b"))));
        check("v4l2:/dev/v4l/by-path/pci-0-usb-0:1", Ok(("v4l2:/dev/v4l/by-path/pci-0-usb-0:1", None)));
        check("rtsp://a:b@host/", Err(Password));
        check("http://a:b@host/", Err(Password));
        check("rtsp://a:b/c#@host/", Err(Password));
        check("rtsp://a:#c@host/", Err(Password));
        check("rtsp://a:/c@host/", Err(Password));
        check("rtsp://a:?c@host/", Err(Password));
        check("rtsp://host/#part", Err(Bad));
        check("rtsps://host/", Err(Scheme("rtsps".into())));
        check("file:///etc/passwd", Err(Scheme("file".into())));
        check("10.0.0.4/stream", Err(Bad));
        check("rtsp:///stream", Err(Bad));
        check("rtsp://a%00b@host/", Err(Bad));
        check("rtsp://a%zzb@host/", Err(Bad));
        for bad in ["video0", "/etc/passwd", "/dev/../etc/passwd", "/dev", "//dev/./x/../y", ""] {
            check(&format!("v4l2:{bad}"), Err(DevicePath));
        }
    }

    #[test]
    fn hidden_passwords_and_hosts() {
        for (text, hides, host) in [
            ("rtsp://CAM/user=a&password=b&c=1", true, Some("cam:554")),
            ("rtsp://10.0.0.4:88/s?pwd=b", true, Some("10.0.0.4:88")),
            ("rtsp://10.0.0.4/s", false, Some("10.0.0.4:554")),
            ("rtsp://[::1]:8554/s", false, None),
            ("rtsp://localhost/s", false, None),
            ("v4l2:/dev/video0", false, None),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.hides_password(), hides, "{text}");
            assert_eq!(address.session_host().as_deref(), host, "{text}");
        }
    }
}
