//! RTSP requests as bytes (RFC 2326 §6), and interleaved packets between them (§10.12).
//!
//! Promises: any bytes give a message, a wish for more, or an error; nothing is kept beyond the limits.
//! Leaves to others: what a request means (`dialogue`).

/// Longest request line with headers, in bytes.
pub(crate) const HEAD_BYTES_MAX: usize = 16 << 10;
/// Longest body, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 64 << 10;
/// Most bytes of one message: what a connection must be able to hold.
pub(crate) const MESSAGE_BYTES_MAX: usize = HEAD_BYTES_MAX + 4 + BODY_BYTES_MAX;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    headers: Vec<(String, String)>,
}

/// What the start of a connection's bytes is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// A request.
    Request(Request),
    /// An interleaved packet or a response of the client: nothing to answer.
    Other,
}

/// Why a connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("the request is larger than {MESSAGE_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the request is not RTSP")]
    Malformed,
}

impl Request {
    /// The value of a header; names compare without case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The path of the URL, without host, query and outer slashes.
    pub(crate) fn path(&self) -> &str {
        let after = self
            .url
            .split_once("://")
            .map_or(self.url.as_str(), |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
        after.split(['?', '#']).next().unwrap_or_default().trim_matches('/')
    }
}

/// Takes the first message off `data`: how many bytes it has and what it is; `None` while it is incomplete.
pub(crate) fn take(data: &[u8]) -> Result<Option<(usize, Message)>, RequestError> {
    if let [b'$', rest @ ..] = data {
        let &[_, hi, lo, ..] = rest else { return Ok(None) };
        let len = 4 + usize::from(u16::from_be_bytes([hi, lo]));
        return Ok((data.len() >= len).then_some((len, Message::Other)));
    }
    // Empty lines between requests are allowed (RFC 2326 §4.1 by way of HTTP).
    if data.starts_with(b"\r\n") {
        return Ok(Some((2, Message::Other)));
    }
    let searched = data.get(..HEAD_BYTES_MAX).unwrap_or(data);
    let Some(head_len) = searched.windows(4).position(|w| w == b"\r\n\r\n") else {
        if data.len() >= HEAD_BYTES_MAX {
            return Err(RequestError::TooLarge);
        }
        // What cannot become a request is not waited for.
        let line = searched.split(|b| *b == b'\r').next().unwrap_or_default();
        let text = line.iter().all(|b| (b' '..=b'~').contains(b) || *b == b'\t');
        return if text { Ok(None) } else { Err(RequestError::Malformed) };
    };
    let head = String::from_utf8_lossy(searched.get(..head_len).unwrap_or_default()).into_owned();
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let headers: Vec<(String, String)> = lines
        .filter_map(|l| l.split_once(':'))
        .map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned()))
        .collect();
    let body = match headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("content-length")) {
        Some((_, v)) => v.parse::<usize>().map_err(|_| RequestError::Malformed)?,
        None => 0,
    };
    if body > BODY_BYTES_MAX {
        return Err(RequestError::TooLarge);
    }
    let len = head_len + 4 + body;
    if data.len() < len {
        return Ok(None);
    }
    if first.starts_with("RTSP/") {
        return Ok(Some((len, Message::Other)));
    }
    let mut words = first.split(' ').filter(|w| !w.is_empty());
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(method), Some(url), Some(version), None) if version.starts_with("RTSP/") => {
            let request = Request { method: method.to_owned(), url: url.to_owned(), headers };
            Ok(Some((len, Message::Request(request))))
        }
        _ => Err(RequestError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(data: &[u8], expected: Result<Option<(usize, &str)>, RequestError>) {
        let got = take(data).map(|m| {
            m.map(|(n, m)| match m {
                Message::Request(r) => (n, format!("{} {}", r.method, r.path())),
                Message::Other => (n, "other".into()),
            })
        });
        let expected = expected.map(|m| m.map(|(n, t)| (n, t.to_owned())));
        assert_eq!(got, expected, "{}", String::from_utf8_lossy(&data[..data.len().min(80)]));
    }

    #[test]
    fn messages() {
        check(b"", Ok(None));
        check(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n", Ok(None));
        check(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\nX", Ok(Some((31, "OPTIONS *"))));
        check(b"PLAY rtsp://h:1/cam0/?x=1 RTSP/1.0\r\n\r\n", Ok(Some((38, "PLAY cam0"))));
        check(b"PLAY rtsp://h RTSP/1.0\r\n\r\n", Ok(Some((26, "PLAY "))));
        check(b"SET_PARAMETER /a RTSP/1.0\r\ncontent-length: 3\r\n\r\nab", Ok(None));
        check(
            b"SET_PARAMETER /a RTSP/1.0\r\ncontent-length: 3\r\n\r\nabc",
            Ok(Some((51, "SET_PARAMETER a"))),
        );
        check(b"$\x01\0\x02ab", Ok(Some((6, "other"))));
        check(b"$\x01\0\x02a", Ok(None));
        check(b"$", Ok(None));
        check(b"RTSP/1.0 200 OK\r\n\r\n", Ok(Some((19, "other"))));
        check(b"\r\nPLAY", Ok(Some((2, "other"))));
    }

    #[test]
    fn hostile() {
        check(b"GET / HTTP/1.1\r\n\r\n", Err(RequestError::Malformed));
        check(b"\x16\x03\x01\x02\0\x01", Err(RequestError::Malformed));
        check(b"A\r\n\r\n", Err(RequestError::Malformed));
        check(b"A b RTSP/1.0\r\nContent-Length: -1\r\n\r\n", Err(RequestError::Malformed));
        check(b"A b RTSP/1.0\r\nContent-Length: 99999999\r\n\r\n", Err(RequestError::TooLarge));
        check(&[b'a'; HEAD_BYTES_MAX], Err(RequestError::TooLarge));
        check(&[b'a'; HEAD_BYTES_MAX - 1], Ok(None));
    }
}
