//! Byte stream format of H.264 and H.265 (Annex B of both).
//!
//! Promises: any bytes give a list of NAL units, none empty.
//! Leaves to others: grouping them into access units (`h264`, `h265`).

/// NAL units of a byte stream, without start codes and trailing zero bytes.
pub(crate) fn nal_units(data: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    let mut start: Option<usize> = None;
    let mut i = 0;
    while let Some(window) = data.get(i..i + 3) {
        match window {
            [0, 0, 1] => {
                push(&mut out, data, start, i);
                start = Some(i + 3);
                i += 3;
            }
            // A start code can begin at the next byte, or only after this one.
            [_, _, 0] | [_, _, 1] => i += 1,
            _ => i += 3,
        }
    }
    push(&mut out, data, start, data.len());
    out
}

fn push<'a>(out: &mut Vec<&'a [u8]>, data: &'a [u8], start: Option<usize>, end: usize) {
    let Some(mut nal) = start.and_then(|s| data.get(s..end)) else { return };
    while let [rest @ .., 0] = nal {
        nal = rest;
    }
    if !nal.is_empty() {
        out.push(nal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(data: &[u8], expected: &[&[u8]]) {
        assert_eq!(nal_units(data), expected, "{data:02x?}");
    }

    #[test]
    fn splits() {
        check(&[], &[]);
        check(&[1, 2, 3], &[]);
        check(&[0, 0, 1, 0x67, 5], &[&[0x67, 5]]);
        check(&[0, 0, 0, 1, 0x67, 0, 0, 0, 1, 0x68, 9, 0, 0], &[&[0x67], &[0x68, 9]]);
        check(&[0, 0, 1, 0, 0, 1, 7, 0, 0, 3, 1], &[&[7, 0, 0, 3, 1]]);
        check(&[9, 0, 0, 1, 1, 1, 1, 0, 0, 1, 2], &[&[1, 1, 1], &[2]]);
        check(&[0, 0, 0, 0, 0, 0, 1, 5], &[&[5]]);
    }
}
