//! Texts and arrays that a plugin lends: looked at once, copied, and never trusted.
//!
//! Promises: no null pointer is followed, no length beyond its limit is read, what is no UTF-8 is an error.
//! Leaves to others: that a pointer that is not null leads to memory: one that does not is a crash of this process.

use nvr_plugin_api::abi::{Buf, ERR_BYTES_MAX, Str};

/// Copies a text of at most `len_max` bytes.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn text(text: Str, len_max: usize) -> Result<String, &'static str> {
    let bytes = array(text.ptr, text.len, len_max)?;
    String::from_utf8(bytes).map_err(|_| "no UTF-8")
}

/// Copies an array of at most `len_max` elements.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn array<T: Copy>(ptr: *const T, len: u64, len_max: usize) -> Result<Vec<T>, &'static str> {
    let len = usize::try_from(len).ok().filter(|len| *len <= len_max).ok_or("longer than its limit")?;
    if len == 0 {
        return Ok(Vec::new());
    }
    if ptr.is_null() {
        return Err("a null pointer with a length");
    }
    if !ptr.is_aligned() {
        return Err("a pointer that is not aligned");
    }
    // SAFETY: not null, aligned, bounded; that it is readable is the plugin's promise, whose breach is a SIGSEGV here.
    #[allow(unsafe_code)]
    Ok(unsafe { std::slice::from_raw_parts(ptr, len) }.to_vec())
}

/// Copies one struct.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn one<T: Copy>(ptr: *const T) -> Result<T, &'static str> {
    array(ptr, 1, 1)?.first().copied().ok_or("nothing")
}

/// A buffer into which a plugin writes its error text.
#[derive(Debug)]
pub struct ErrorText {
    bytes: [u8; ERR_BYTES_MAX],
}

impl Default for ErrorText {
    fn default() -> Self {
        Self { bytes: [0; ERR_BYTES_MAX] }
    }
}

impl ErrorText {
    /// Lends it for one call; [`Self::take`] wants the length that was set.
    pub fn lend(&mut self) -> Buf {
        Buf { ptr: self.bytes.as_mut_ptr(), cap: self.bytes.len() as u64, len: 0 }
    }

    /// What was written.
    pub fn take(&self, len: u64) -> String {
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(self.bytes.len());
        let text = String::from_utf8_lossy(self.bytes.get(..len).unwrap_or_default());
        if text.is_empty() { "it gave no reason".into() } else { text.into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_read() {
        let check = |given: Str, expected: Result<&str, &str>| {
            assert_eq!(text(given, 8).as_deref().map_err(|e| *e), expected);
        };
        check(Str::of("abc"), Ok("abc"));
        check(Str { ptr: std::ptr::null(), len: 0 }, Ok(""));
        check(Str { ptr: std::ptr::null(), len: 3 }, Err("a null pointer with a length"));
        check(Str { ptr: "abc".as_ptr(), len: u64::MAX }, Err("longer than its limit"));
        check(Str::of("abcdefghi"), Err("longer than its limit"));
        check(Str { ptr: [0xff_u8].as_ptr(), len: 1 }, Err("no UTF-8"));
        let odd = std::ptr::without_provenance::<u64>(0x1001);
        assert_eq!(array(odd, 1, 1), Err("a pointer that is not aligned"));
    }

    #[test]
    fn a_length_beyond_the_buffer_is_cut() {
        let mut text = ErrorText::default();
        assert_eq!(text.lend().cap, ERR_BYTES_MAX as u64);
        assert_eq!(text.take(u64::MAX).len(), ERR_BYTES_MAX);
        assert_eq!(text.take(0), "it gave no reason");
    }
}
