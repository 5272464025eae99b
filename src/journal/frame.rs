//! Frames: what one sync makes durable.
//!
//! ```text
//!  0  magic "QFRM"        4  format version u16     6  zero u16
//!  8  body length u32    12  records u32           16  first position u64
//! 24  checksum of the frame before u64             32  checksum u64 (of bytes 0–31 and the body)
//! 40  body: records one after another
//! ```

use xxhash_rust::xxh3::Xxh3;

/// Bytes of a frame's header.
pub(super) const HEADER_BYTES: usize = 40;
pub(super) const MAGIC: [u8; 4] = *b"QFRM";
const VERSION: u16 = 1;
/// The largest body, which bounds what a reader allocates.
pub(super) const BODY_BYTES_MAX: usize = 32 << 20;

/// What a frame's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub body_bytes: usize,
    pub records: u32,
    pub first_position: u64,
    pub previous: u64,
    pub checksum: u64,
}

fn checksum(head: &[u8], body: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(head);
    hasher.update(body);
    hasher.digest()
}

/// Fills in the header at the start of `frame`, whose body follows it; gives its checksum.
pub(super) fn seal(frame: &mut [u8], records: u32, first_position: u64, previous: u64) -> u64 {
    let body_bytes = u32::try_from(frame.len().saturating_sub(HEADER_BYTES)).unwrap_or(u32::MAX);
    let mut head = [0_u8; 32];
    let parts: [(usize, &[u8]); 6] = [
        (0, &MAGIC),
        (4, &VERSION.to_le_bytes()),
        (8, &body_bytes.to_le_bytes()),
        (12, &records.to_le_bytes()),
        (16, &first_position.to_le_bytes()),
        (24, &previous.to_le_bytes()),
    ];
    for (at, bytes) in parts {
        for (place, byte) in head.iter_mut().skip(at).zip(bytes) {
            *place = *byte;
        }
    }
    let sum = checksum(&head, frame.get(HEADER_BYTES..).unwrap_or_default());
    for (place, byte) in frame.iter_mut().zip(head.into_iter().chain(sum.to_le_bytes())) {
        *place = byte;
    }
    sum
}

/// Reads the header at the start of `bytes`, if a frame can start there.
pub(super) fn header(bytes: &[u8]) -> Option<Header> {
    let head: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
    let u32_at = |at: usize| head.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let u64_at = |at: usize| head.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    let version = head.get(4..6)?.try_into().ok().map(u16::from_le_bytes)?;
    let body_bytes = usize::try_from(u32_at(8)?).ok()?;
    if !head.starts_with(&MAGIC) || version != VERSION || body_bytes > BODY_BYTES_MAX {
        return None;
    }
    Some(Header {
        body_bytes,
        records: u32_at(12)?,
        first_position: u64_at(16)?,
        previous: u64_at(24)?,
        checksum: u64_at(32)?,
    })
}

/// The frame at the start of `bytes`, if it is whole and its checksum agrees.
pub(super) fn read(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let header = header(bytes)?;
    let body = bytes.get(HEADER_BYTES..HEADER_BYTES + header.body_bytes)?;
    (checksum(bytes.get(..32)?, body) == header.checksum).then_some((header, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(body: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; HEADER_BYTES];
        frame.extend_from_slice(body);
        seal(&mut frame, 2, 7, 0xfeed);
        frame
    }

    #[test]
    fn a_frame_reads_back() {
        let frame = sealed(b"hello");
        let (header, body) = read(&frame).unwrap();
        assert_eq!((header.records, header.first_position, header.previous), (2, 7, 0xfeed));
        assert_eq!(body, b"hello");
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_noticed() {
        let frame = sealed(b"one body of a frame");
        for at in 0..frame.len() {
            for bit in 0..8 {
                let mut hurt = frame.clone();
                hurt[at] ^= 1 << bit;
                // Bytes 6 and 7 are zero and checksummed like the rest.
                assert!(read(&hurt).is_none(), "byte {at} bit {bit}");
            }
            assert!(read(&frame[..at]).is_none(), "cut at {at}");
        }
    }
}
