//! CRC-32C of a fragment, put together from parts that were summed when they came.
//!
//! Promises: [`joined`] costs the same for any length, far less than reading the payload again.
//! Leaves to others: which bytes are summed (`encode`, `walk`).

/// The polynomial of CRC-32C (Castagnoli), bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// The polynomial 1, bits reversed.
const ONE: u32 = 1 << 31;
/// x to the power of 8 * 2^n modulo the polynomial: what 2^n zero bytes multiply a sum by.
const ZERO_BYTES: [u32; 64] = zero_bytes();

/// CRC-32C of `bytes` without the four at `hole`, where the sum itself stands.
pub(super) fn around(bytes: &[u8], hole: usize) -> u32 {
    let before = bytes.get(..hole).unwrap_or(bytes);
    let after = bytes.get(hole.saturating_add(4)..).unwrap_or_default();
    crc32c::crc32c_append(crc32c::crc32c(before), after)
}

/// CRC-32C of what has the sum `first`, followed by the `second_len` bytes that have the sum `second`.
///
/// Method: zlib's `crc32_combine_op`. `crc32c::crc32c_combine` gives the same and costs 15 µs, as much as summing 100 KB.
pub(super) fn joined(first: u32, second: u32, second_len: u64) -> u32 {
    let mut shifted = first;
    for (n, &factor) in ZERO_BYTES.iter().enumerate() {
        if second_len >> n & 1 == 1 {
            shifted = product(factor, shifted);
        }
    }
    shifted ^ second
}

/// Product of two polynomials modulo [`POLYNOMIAL`], bits reversed.
const fn product(a: u32, mut b: u32) -> u32 {
    let (mut sum, mut bit) = (0, ONE);
    while bit != 0 {
        if a & bit != 0 {
            sum ^= b;
        }
        b = (b >> 1) ^ if b & 1 == 1 { POLYNOMIAL } else { 0 };
        bit >>= 1;
    }
    sum
}

const fn zero_bytes() -> [u32; 64] {
    let mut powers = [ONE >> 8; 64];
    let mut n = 1;
    while n < powers.len() {
        #[allow(
            clippy::indexing_slicing,
            reason = "bounded by the loop; a constant is computed by the compiler"
        )]
        {
            powers[n] = product(powers[n - 1], powers[n - 1]);
        }
        n += 1;
    }
    powers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(first: &[u8], second: &[u8]) {
        let whole = [first, second].concat();
        let len = second.len() as u64;
        assert_eq!(
            joined(crc32c::crc32c(first), crc32c::crc32c(second), len),
            crc32c::crc32c(&whole),
            "{len}"
        );
    }

    #[test]
    fn the_sum_of_two_parts_is_that_of_the_whole() {
        let bytes: Vec<u8> = (0..70_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for second_len in [0, 1, 2, 3, 255, 256, 65_537, 69_999, 70_000] {
            let (first, second) = bytes.split_at(bytes.len() - second_len);
            check(first, second);
        }
        check(&[], &[]);
    }

    #[test]
    fn the_hole_is_left_out() {
        assert_eq!(around(b"ab----cd", 2), crc32c::crc32c(b"abcd"));
        assert_eq!(around(b"ab", 9), crc32c::crc32c(b"ab"));
    }
}
