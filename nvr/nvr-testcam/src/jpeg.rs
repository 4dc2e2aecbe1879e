//! JPEG pictures for RTP (RFC 2435).
//!
//! Promises: takes baseline pictures with 4:2:0 or 4:2:2 sampling and the standard Huffman tables, refuses
//! others with the remedy; hostile bytes give an error.
//! Leaves to others: cutting the scan into packets (`packetize`).

use crate::media::{Media, SLOTS_MAX, Slot, Unit};
use nvr_base::{Codec, TICKS_PER_S};

/// Codes of each length in the tables of JPEG Annex K.3, in the order DC and AC of luma, DC and AC of chroma.
const STANDARD_LENGTHS: [(u8, [u8; 16]); 4] = [
    (0x00, [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]),
    (0x10, [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d]),
    (0x01, [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]),
    (0x11, [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77]),
];

/// What the RTP headers of a picture say, and its scan.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Picture<'a> {
    /// RFC 2435 §4.1: 0 for 4:2:2, 1 for 4:2:0, plus 64 with restart markers.
    pub(crate) kind: u8,
    /// Width in pixels.
    pub(crate) width: u16,
    /// Height in pixels.
    pub(crate) height: u16,
    /// Macroblocks between restart markers, 0 for none.
    pub(crate) restart_interval: u16,
    /// Luma and chroma quantisation tables, 64 bytes each, zigzag order.
    pub(crate) tables: Vec<u8>,
    /// Entropy-coded data, without the EOI marker.
    pub(crate) scan: &'a [u8],
    /// Bytes of the whole picture.
    pub(crate) len: usize,
}

/// The picture at the start of `data`.
pub(crate) fn picture(data: &[u8]) -> Result<Picture<'_>, String> {
    if data.get(..2) != Some(&[0xff, 0xd8]) {
        return Err("it is no JPEG picture".into());
    }
    let damaged = || "its JPEG picture is cut short or damaged".to_owned();
    let mut quant: [Option<&[u8]>; 4] = [None; 4];
    let (mut kind, mut width, mut height, mut restart, mut chroma_table) = (None, 0, 0, 0, 0usize);
    let mut at = 2;
    loop {
        let (&[0xff, marker], rest) =
            data.get(at..).and_then(|d| d.split_first_chunk()).ok_or_else(damaged)?
        else {
            return Err(damaged());
        };
        if marker == 0xff {
            at += 1;
            continue;
        }
        let len = rest.first_chunk().map(|b| usize::from(u16::from_be_bytes(*b))).ok_or_else(damaged)?;
        let body = rest.get(2..len).ok_or_else(damaged)?;
        at += 2 + len;
        match marker {
            0xdb => {
                let mut tables = body;
                while let Some((&id, rest)) = tables.split_first() {
                    let (table, next) = rest.split_at_checked(64).ok_or_else(damaged)?;
                    let slot =
                        quant.get_mut(usize::from(id)).ok_or("its quantisation tables are not 8-bit")?;
                    *slot = Some(table);
                    tables = next;
                }
            }
            0xc0 => {
                let &[8, h1, h0, w1, w0, 3, _, y_sampling, y_table, _, 0x11, u_table, _, 0x11, v_table] =
                    body
                else {
                    return Err("its pictures are not baseline 8-bit YUV 4:2:0 or 4:2:2".into());
                };
                kind = match y_sampling {
                    0x21 => Some(0u8),
                    0x22 => Some(1),
                    _ => {
                        return Err("its pictures are neither 4:2:0 nor 4:2:2; encode with `yuvj420p`".into());
                    }
                };
                if y_table != 0 || u_table != v_table {
                    return Err("its quantisation tables are arranged as RFC 2435 cannot carry them".into());
                }
                (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
                chroma_table = usize::from(u_table);
            }
            0xc1..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcf => {
                return Err("its pictures are not baseline JPEG; encode with `-c:v mjpeg`".into());
            }
            0xc4 => standard_tables(body)?,
            0xdd => {
                restart = body.first_chunk().map(|b| u16::from_be_bytes(*b)).ok_or_else(damaged)?;
            }
            0xda => break,
            _ => {}
        }
    }
    let scan = data.get(at..).ok_or_else(damaged)?;
    let end = scan.windows(2).position(|w| w == [0xff, 0xd9]).ok_or_else(damaged)?;
    let tables: Vec<u8> = [0, chroma_table]
        .iter()
        .map(|i| quant.get(*i).copied().flatten().ok_or_else(damaged))
        .collect::<Result<Vec<_>, _>>()?
        .concat();
    let kind = kind.ok_or_else(damaged)?;
    if width == 0 || height == 0 || width > 2040 || height > 2040 {
        return Err(format!("{width}x{height} does not fit RFC 2435, which ends at 2040x2040"));
    }
    Ok(Picture {
        kind: kind + if restart > 0 { 64 } else { 0 },
        width,
        height,
        restart_interval: restart,
        tables,
        scan: scan.get(..end).unwrap_or_default(),
        len: at + end + 2,
    })
}

fn standard_tables(mut body: &[u8]) -> Result<(), String> {
    while let Some((&id, rest)) = body.split_first() {
        let lengths = rest.first_chunk::<16>().ok_or("its Huffman tables are damaged")?;
        if !STANDARD_LENGTHS.contains(&(id, *lengths)) {
            return Err("its Huffman tables are not the standard ones, which RFC 2435 requires; \
                        encode with `-c:v mjpeg -huffman default`"
                .into());
        }
        let codes: usize = lengths.iter().map(|n| usize::from(*n)).sum();
        body = rest.get(16 + codes..).ok_or("its Huffman tables are damaged")?;
    }
    Ok(())
}

/// Media of concatenated pictures at `fps` frames a second.
pub(crate) fn parse(data: &[u8], fps: f64) -> Result<Media, String> {
    let (mut units, mut rest, mut size) = (Vec::new(), data, None);
    while rest.len() > 2 {
        let p = picture(rest).map_err(|why| format!("picture {}: {why}", units.len()))?;
        size = size.or(Some((u32::from(p.width), u32::from(p.height))));
        let (whole, next) = rest.split_at_checked(p.len).ok_or("it is cut short")?;
        units.push(Unit { parts: vec![whole.to_vec()], key: true });
        if units.len() > SLOTS_MAX {
            return Err(format!("more than {SLOTS_MAX} pictures; use a shorter file"));
        }
        rest = next;
    }
    let tick = |n: usize| (n as f64 * TICKS_PER_S as f64 / fps).round() as i64;
    let slots = (0..units.len()).map(|unit| Slot { unit, dts: tick(unit), pts: tick(unit) }).collect();
    Media {
        codec: Codec::Mjpeg,
        clock_hz: TICKS_PER_S as u32,
        channels: 0,
        config: Vec::new(),
        size,
        loop_ticks: tick(units.len()),
        units,
        slots,
    }
    .start_at_key()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A picture of the right form whose scan is `scan`.
    pub(crate) fn sample(sampling: u8, restart: bool, scan: &[u8]) -> Vec<u8> {
        let mut d = vec![0xff, 0xd8, 0xff, 0xdb, 0, 132, 0];
        d.extend([1; 64]);
        d.push(1);
        d.extend([2; 64]);
        d.extend([0xff, 0xc0, 0, 17, 8, 0, 16, 0, 32, 3, 1, sampling, 0, 2, 0x11, 1, 3, 0x11, 1]);
        if restart {
            d.extend([0xff, 0xdd, 0, 4, 0, 5]);
        }
        d.extend([0xff, 0xc4, 0, 31, 0]);
        d.extend(STANDARD_LENGTHS[0].1);
        d.extend(0..12);
        d.extend([0xff, 0xda, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
        d.extend(scan);
        d.extend([0xff, 0xd9]);
        d
    }

    #[test]
    fn reads_what_rtp_needs() {
        let d = sample(0x22, false, &[1, 2, 0xff, 0, 3]);
        let p = picture(&d).unwrap();
        assert_eq!((p.kind, p.width, p.height, p.restart_interval), (1, 32, 16, 0));
        assert_eq!(p.tables, [[1; 64], [2; 64]].concat());
        assert_eq!(p.scan, [1, 2, 0xff, 0, 3]);
        assert_eq!(p.len, d.len());
        let d = sample(0x21, true, &[1]);
        let p = picture(&d).unwrap();
        assert_eq!((p.kind, p.restart_interval), (64, 5));
        assert_eq!(parse(&[d.clone(), d].concat(), 10.0).unwrap().slots.len(), 2);
    }

    #[test]
    fn refuses_others() {
        let d = sample(0x22, false, &[1, 2, 3]);
        for cut in 0..d.len() {
            assert!(picture(&d[..cut]).is_err(), "cut at {cut}");
        }
        assert!(picture(&sample(0x11, false, &[1])).is_err(), "4:4:4");
        let mut optimal = d.clone();
        let at = optimal.windows(2).position(|w| w == [0xff, 0xc4]).unwrap();
        optimal[at + 6] += 1;
        assert!(picture(&optimal).unwrap_err().contains("-huffman default"));
    }
}
